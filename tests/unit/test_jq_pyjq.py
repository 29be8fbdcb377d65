"""Proves the second engine, jq 1.5, where it is installed, and what the setting says where it is not."""

import json
import os
import sys
from typing import Any

import pytest

from services.mapper.native import Result
from services.mapper.objects import ObjectMapper
from services.mapper.pool import WorkerPool
from services.mapper.programs import TopicPrograms
from shared.errors import ConfigurationError
from shared.jq_choice import JqEngine
from shared.jq_engine import Engine, ExpressionError, Json
from shared.jq_engines import open_engine, require_engine
from shared.settings import load_settings
from tests.mapper_builders import INCIDENTS, a_plan, a_raw, an_entry, an_incident, changes_of
from tests.unit.test_jq_engine import DOCUMENT

try:
    require_engine(JqEngine.PYJQ)
except ConfigurationError:
    IS_INSTALLED = False
else:
    IS_INSTALLED = True

installed = pytest.mark.skipif(
    not IS_INSTALLED and os.environ.get("PAGERPORT_REQUIRE_PYJQ") != "1",
    reason="pyjq has no wheels and is not installed here",
)
"""CI has built it and sets the variable: there they run, or fail."""


@pytest.fixture(name="engine")
def pyjq_engine() -> Engine:
    return open_engine(JqEngine.PYJQ)


def test_an_engine_that_is_not_installed_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    # As if it were not there, where it is.
    monkeypatch.setitem(sys.modules, "_pyjq", None)
    says = r"OCEAN__MAPPER__ENGINE: 'pyjq' is not installed; unset it, .*\(docs/mapping-engine.md\)"
    monkeypatch.setenv("OCEAN__MAPPER__ENGINE", "pyjq")

    with pytest.raises(ConfigurationError, match=says) as error:
        load_settings()
    with pytest.raises(ConfigurationError, match=says):
        WorkerPool(1, batch_timeout_s=1, engine=JqEngine.PYJQ)

    assert error.value.exit_code == 2


@installed
@pytest.mark.parametrize(
    ("text", "gives"),
    [
        (".id", ["P1"]),
        (".missing", [None]),
        (".no", [None]),
        (".off", [False]),
        (".list[]", [1]),
        ("empty", []),
        (".id # a comment", ["P1"]),
        (".id\n  | ascii_downcase", ["p1"]),
        ("limit(1; repeat(1))", [1]),
        ("'abc'", ["abc"]),
        (".id == 'P1'", [True]),
        ("['a', 'b'] | join('-')", ["a-b"]),
        ('"say \\(.id)"', ["say P1"]),
        ("[.list[] | select(. > 1)]", [[2]]),
        ("reduce .list[] as $n (0; . + $n)", [3]),
        ("label $out | .list[] | ., break $out", [1]),
        (".id | @base64", ["UDE="]),
        ('"a b" | @uri', ["a%20b"]),
        ('"2026-04-06T21:30:42Z" | fromdate', [1775511042]),
        ('.id | test("^P[0-9]$")', [True]),
        ('.id | gsub("[0-9]"; "x")', ["Px"]),
    ],
)
def test_expressions_give_what_they_give_in_jq_1_8(engine: Engine, text: str, gives: list[Json]) -> None:
    assert engine.compile(text).first(DOCUMENT) == gives


@installed
@pytest.mark.parametrize(
    ("text", "says"),
    [
        (".id | .x", "Cannot index string"),
        ('error("no")', "no"),
        ('.n + "a"', "cannot be added"),
        ('"a" | @base64d', "base64d is not a valid format"),
    ],
)
def test_an_expression_that_raises_is_an_error_with_its_message(engine: Engine, text: str, says: str) -> None:
    with pytest.raises(ExpressionError, match=says):
        engine.compile(text).first(DOCUMENT)


@installed
@pytest.mark.parametrize(
    "text", ["$ENV", "ltrimstr(", "halt", '"abc" | ascii', 'import "a" as a; .', "pick(.a)"]
)
def test_what_jq_1_5_does_not_know_does_not_compile(engine: Engine, text: str) -> None:
    with pytest.raises(ExpressionError):
        engine.compile(text)


@installed
def test_what_differs_from_jq_1_8_is_as_the_page_says(engine: Engine) -> None:
    assert engine.compile("100000000000000000001").first("null") == [1e20]
    assert engine.compile("tojson").first("1.10") == ["1.1"]
    assert engine.compile('"it\'s" | @uri').first("null") == ["it's"]
    assert engine.compile('ltrimstr("a")').first("1") == [1]


@installed
def test_a_topic_gives_the_same_together_and_alone(engine: Engine) -> None:
    document = {"id": "I1", "n": 7, "list": [1, 2], "subs": [{"id": "a"}, {"id": "b"}]}
    entries = (
        an_entry(items=".list", identifier=".item | tostring", properties={"n": ".n + .item"}),
        an_entry(items="[.subs[] | select(.id)]", identifier=".item.id", properties={"k": "keys"}),
        an_entry(items=".n"),
        an_entry(query=".n == 8", properties={"p": ".n + 1"}),
        an_entry(query="error", properties={"p": ".n + 1"}),
        an_entry(properties={"unknown": "pick(.id)", "bad": ".id.x", "good": ".list | add", "none": "empty"}),
    )
    programs = TopicPrograms(a_plan(*entries)["topics"][INCIDENTS]["entries"], engine)
    text = json.dumps(document)

    together = [[_plain(row) for row in one.rows] for one in programs.evaluate(document, text)]

    alone = programs.evaluate_apart(text, lambda *_: None)
    assert together == [[_plain(row) for row in one.rows] for one in alone]
    assert together[5][0][3:] == ["raised", "raised", [3], []]


def _plain(row: list[Result | None]) -> list[Any]:
    return ["raised" if isinstance(one, dict) else one for one in row]


@installed
def test_an_entity_is_made_whole(engine: Engine) -> None:
    mapper = ObjectMapper(
        a_plan(
            an_entry(title=".title", properties={"n": ".n + 1", "gone": ".x.y"}, relations={"s": ".s.id"})
        ),
        engine,
    )

    (change,) = changes_of(mapper.map_object(a_raw({"id": "I1", "title": "Fire", "n": 3, "s": {"id": "S"}})))

    assert (change.identifier, change.title) == ("I1", "Fire")
    assert (change.properties, change.relations) == ({"n": 4, "gone": None}, {"s": "S"})


@installed
@pytest.mark.parametrize("expression", ["input", "debug", "def f: f; f", "[range(1e12)]"])
async def test_what_ends_its_process_costs_only_its_object(expression: str) -> None:
    only_one = f'if .incident_number == 1 then ({expression}) else .id + "" end'
    plan = a_plan(an_entry(properties={"p": only_one}))
    objects = [a_raw(an_incident(number)) for number in range(3)]
    async with WorkerPool(
        1, batch_timeout_s=6, memory_limit_bytes=256 * 1024**2, engine=JqEngine.PYJQ
    ) as pool:
        mapped = await pool.map_objects(plan, objects)

    made = [[json.loads(change.value)["properties"] for change in one.changes] for one in mapped]
    assert (made[0], made[2]) == ([{"p": "Q000000"}], [{"p": "Q000002"}])
    if mapped[1].failures:
        assert mapped[1].failures[0].reason in {"jq_crash", "jq_timeout"}
        assert mapped[1].failures[0].detail.startswith("properties.p ")
    else:
        assert expression in {"input", "debug"}


@installed
async def test_it_has_no_environment_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCEAN__PORT__CLIENT_SECRET", "not for mappings")
    async with WorkerPool(1, batch_timeout_s=60, engine=JqEngine.PYJQ) as pool:
        (mapped,) = await pool.map_objects(a_plan(an_entry(properties={"p": "env"})), [a_raw({"id": "I1"})])

    assert json.loads(mapped.changes[0].value)["properties"] == {"p": {}}
