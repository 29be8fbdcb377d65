"""Proves that no expression reads a secret, stops its neighbours or goes unsaid, with real JQ workers."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from schemas.outcome import Reason
from services.mapper.blame import FORGIVEN_AFTER_S
from services.mapper.mapped import Mapped
from services.mapper.pool import WorkerPool
from shared.jq_engine import ExpressionError
from tests.mapper_builders import INCIDENTS, a_plan, a_raw, an_entry, an_incident

Json = Any
NUMBER = 6
ODD = 3
"""The one object of a batch that meets the expression."""
LIMIT_BYTES = 256 * 1024**2


async def mapped_with(expression: str, **limits: Json) -> tuple[list[Mapped], list[int]]:
    """Map a batch, of which one object meets the expression; return also the pids of its workers."""
    only_one = f"if .incident_number == {ODD} then (\n{expression}\n) else .id end"
    plan = a_plan(an_entry(title=".title", properties={"p": only_one, "q": ".incident_number + 1"}))
    objects = [a_raw(an_incident(number)) for number in range(NUMBER)]
    async with WorkerPool(1, **{"batch_timeout_s": 6.0, "memory_limit_bytes": LIMIT_BYTES, **limits}) as pool:
        mapped = await pool.map_objects(plan, objects)
        # The worker that is there now does its work too.
        again = await pool.map_objects(plan, objects[:1])
        assert again[0].changes == mapped[0].changes
        return mapped, pool.pids


def neighbours_of(mapped: list[Mapped]) -> list[Json]:
    return [
        json.loads(one.changes[0].value)["properties"] for number, one in enumerate(mapped) if number != ODD
    ]


NEIGHBOURS = [{"p": f"Q{number:06}", "q": number + 1} for number in range(NUMBER) if number != ODD]


@pytest.mark.parametrize(
    "expression",
    [
        "[range(1e12)]",
        "def f: f; f",
        "def f: 1 + f; f",
        "[recurse(.)]",
        "last(repeat(1))",
        '"0123456789" * 1e7',
        '"0123456789" * 1e8',
        'reduce range(1e9) as $i (""; . + "0123456789")',
        "until(false; . )",
        "[limit(1e10; repeat(.))]",
    ],
)
async def test_what_takes_all_time_or_memory_is_a_dead_letter_of_its_object(expression: str) -> None:
    mapped, _ = await mapped_with(expression)

    assert neighbours_of(mapped) == NEIGHBOURS
    assert mapped[ODD].changes == []
    (failure,) = mapped[ODD].failures
    assert failure.reason in {Reason.JQ_TIMEOUT, Reason.JQ_CRASH}
    assert failure.detail.startswith("properties.p ")


@pytest.mark.parametrize(
    ("expression", "cause", "detail"),
    [
        ("error", "failed", '{"id":"Q000003"'),
        ('error("no")', "failed", "no"),
        ("input", "failed", "break"),
        ("[inputs] | first(empty)", "gave no output", ""),
        ("halt", "gave no output", ""),
        ('"x" | halt_error', "gave no output", ""),
        ("input_line_number", "failed", "Unknown input line number"),
        ('"a" | modulemeta', "failed", ""),
        ('"0123456789" * 1.7e6', "failed", "it gives 17000002 characters of JSON"),
        ("reduce range(3000) as $i (1; [.])", "failed", "what it gives cannot be read"),
    ],
)
async def test_what_fails_leaves_its_value_and_says_why(expression: str, cause: str, detail: str) -> None:
    mapped, _ = await mapped_with(expression, memory_limit_bytes=1024**3, batch_timeout_s=60.0)

    assert neighbours_of(mapped) == NEIGHBOURS
    change = json.loads(mapped[ODD].changes[0].value)
    assert (change["properties"], change["omits"]) == ({"q": ODD + 1}, ["properties.p"])
    (omission,) = mapped[ODD].omissions
    assert (omission.path, omission.cause) == ("properties.p", cause)
    assert detail in omission.detail


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("env", {}),
        ("$ENV", {}),
        ("env.PATH // $ENV.OCEAN__PORT__CLIENT_SECRET", None),
        ("input_filename", None),
        ("$__loc__ | .file", "<top-level>"),
        (".title | debug", "The server 3 is on fire."),
        (".title | stderr", "The server 3 is on fire."),
        ("get_search_list", []),
    ],
)
async def test_what_asks_for_the_process_gets_nothing_of_it(
    expression: str, value: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCEAN__PORT__CLIENT_SECRET", "not for mappings")

    mapped, _ = await mapped_with(expression, batch_timeout_s=60.0)

    assert neighbours_of(mapped) == NEIGHBOURS
    assert json.loads(mapped[ODD].changes[0].value)["properties"] == {"p": value, "q": ODD + 1}


@pytest.mark.parametrize("expression", ['import "a" as a; 1', 'include "a"; 1', "$__prog_args", "$named"])
def test_what_reads_files_or_arguments_does_not_compile(expression: str) -> None:
    with pytest.raises(ExpressionError):
        a_plan(an_entry(properties={"p": expression}))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows a process's environment and limits")
async def test_a_worker_has_no_environment_little_memory_and_ends_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OCEAN__PORT__CLIENT_SECRET", "not for mappings")
    async with WorkerPool(1, batch_timeout_s=30) as pool:
        await pool.map_objects(a_plan(an_entry()), [a_raw(an_incident(1))])
        process = Path(f"/proc/{pool.pids[0]}")
        environment = (process / "environ").read_bytes()
        limits = (process / "limits").read_text()
        score = (process / "oom_score_adj").read_text()

    assert environment == b""
    assert f"Max address space         {512 * 1024**2} " in limits
    assert "Max core file size        0 " in limits
    assert score.strip() == "1000"


async def test_an_entity_that_no_topic_takes_does_not_leave_the_worker() -> None:
    mapped, _ = await mapped_with('"0123456789" * 1e6', batch_timeout_s=60.0)

    assert neighbours_of(mapped) == NEIGHBOURS
    assert mapped[ODD].changes == []
    (failure,) = mapped[ODD].failures
    assert (failure.reason, failure.detail) == (
        Reason.TOO_LARGE,
        "the entity incident/Q000003 cannot be sent: it has 10000369 bytes; map fewer properties",
    )


async def test_an_entity_nested_too_deeply_is_a_letter_of_its_object() -> None:
    mapped, _ = await mapped_with("reduce range(300) as $i (1; [.])", batch_timeout_s=60.0)

    assert neighbours_of(mapped) == NEIGHBOURS
    assert [one.reason for one in mapped[ODD].failures] == [Reason.UNREADABLE]
    assert "nested deeper than 200 levels" in mapped[ODD].failures[0].detail


async def test_an_expression_that_ends_libjq_while_it_compiles_costs_only_its_topic() -> None:
    plan = a_plan(
        an_entry(properties={"p": ".id", "q": "ltrimstr(1)"}),
        an_entry(kind="services", blueprint='"service"', properties={"p": ".id | @html"}),
    )
    # As no mapping that was checked has it: libjq computes such a constant beforehand.
    plan["topics"][INCIDENTS]["entries"][0]["texts"][-1] = '"0123456789" * 1e8'
    objects = [a_raw(an_incident(1)), a_raw({"id": "S1"}, topic="pagerduty.raw.services")]
    async with WorkerPool(1, batch_timeout_s=60.0, memory_limit_bytes=LIMIT_BYTES) as pool:
        incident, service = await pool.map_objects(plan, objects)
        lost = dict(pool.lost)

    assert [(one.reason, one.detail) for one in incident.failures] == [
        (Reason.JQ_CRASH, "properties.q ended the JQ process")
    ]
    assert json.loads(service.changes[0].value)["properties"] == {"p": "S1"}
    assert lost == {Reason.JQ_CRASH: 1}


async def test_an_expression_that_hangs_is_named_until_it_is_tried_in_full_again() -> None:
    now_s = 0.0
    entry = an_entry(properties={"p": 'if .body then (def f: f; f) else "x" end'})
    plan = a_plan(entry)
    objects = [a_raw(an_incident(number)) for number in range(4)]
    async with WorkerPool(1, batch_timeout_s=0.3, clock=lambda: now_s) as pool:
        first = await pool.map_objects(plan, objects)
        named = [str(one) for one in pool.hanging]
        lost = dict(pool.lost)
        now_s = FORGIVEN_AFTER_S
        forgiven = list(pool.hanging)
        (mended,) = await pool.map_objects(plan, [a_raw(an_incident(9, body=None))])
        (hanging,) = await pool.map_objects(plan, objects[:1])
        again = [str(one) for one in pool.hanging]

    assert [one.failures[0].detail.split(" ")[0] for one in first] == ["properties.p"] * 3 + ["the"]
    assert named == ["resources[0]: properties.p"]
    assert lost == {Reason.JQ_TIMEOUT: 4}
    assert forgiven == []
    assert json.loads(mended.changes[0].value)["properties"] == {"p": "x"}
    # In full: it was looked for again who did it.
    assert hanging.failures[0].detail.startswith("properties.p ")
    assert again == ["resources[0]: properties.p"]
