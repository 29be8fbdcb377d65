"""`pagerport explain` tells what made an entity, what became of it, and how that compares with Port."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from schemas.dead_letter import DeadLetter, LetterFailure
from schemas.headers import Operation, Origin, RecordHeaders
from schemas.mapping import MappingInForce
from schemas.outcome import Reason
from schemas.topics import ENTITIES, MAPPING, WEBHOOKS, dlq_topic, raw_topic
from services.cli.app import main
from services.cli.explain.comparison import ValueCompared, Verdict, compare, compared, expected
from services.cli.explain.comparison import refused as refused_changes
from services.cli.explain.document import document
from services.cli.explain.port import Held, Unasked, ask_port
from services.cli.explain.report import print_port
from services.cli.explain.story import ChangeTold, Stage, Story, place_of, tell
from services.writer.change import Change
from services.writer.shape import PropertyShape, RelationShape, Shape
from shared.dead_letters import dead_letter_record
from shared.groups import MAPPER_GROUP, WRITER_GROUP
from shared.log.interface import Committed, NewRecord, Position, Record, TopicPartition
from shared.log.sqlite import SqliteLog
from shared.log.sqlite_lock import FileLock
from shared.mapping_topic import mapping_record
from shared.settings import load_settings

AT = datetime(2026, 3, 1, 8, 16, tzinfo=UTC)
RAW = raw_topic("services")
TOPICS = (RAW, ENTITIES.name, MAPPING.name, WEBHOOKS.name, dlq_topic(RAW), dlq_topic(ENTITIES.name))
SHAPE = Shape(
    properties={"text": PropertyShape(type="string"), "at": PropertyShape(type="string", format="date-time")},
    relations={"parts": RelationShape(many=True), "team": RelationShape()},
)


def headers(origin: Origin = Origin.LIVE, **more: Any) -> tuple[tuple[str, bytes], ...]:
    stamped = {"id": "1", "source": "pagerport/me/x", "type": "t", "time": AT, "kind": "services"}
    return RecordHeaders.model_validate({**stamped, "origin": origin, **more}).encode()


def change_record(identifier: str, offset: int, *, delete: bool = False, **more: Any) -> NewRecord:
    source = {"kind": "services", "object_id": identifier, "topic": RAW, "partition": 0, "offset": offset}
    operation = "delete" if delete else "upsert"
    value = {"operation": operation, "blueprint": "app", "identifier": identifier, "source": source, **more}
    return NewRecord(ENTITIES.name, f"app/{identifier}".encode(), orjson.dumps(value), headers())


def raw_record(object_id: str) -> NewRecord:
    return NewRecord(
        RAW, object_id.encode(), b'{"id": "x"}', headers(Origin.RESYNC, runid="r1", observedat=AT)
    )


def entry(kind: str, blueprint: str) -> dict[str, Any]:
    mappings = {"identifier": ".id", "blueprint": blueprint}
    return {"kind": kind, "port": {"entity": {"mappings": mappings}}}


ENTRIES = [
    entry("services", '"other"'),
    entry("services", '"app"'),
    entry("users", '"app"'),
    entry("services", ".b"),
]


def made(identifier: str = "a", *, delete: bool = False, **more: Any) -> Change:
    return Change(
        index=0,
        is_delete=delete,
        origin=more.pop("origin", Origin.LIVE),
        blueprint="app",
        identifier=identifier,
        **more,
    )


def told(*changes: Change, stage: Stage = Stage.PASSED) -> list[ChangeTold]:
    record = Record(ENTITIES.name, 0, 0, 0, b"app/a", b"", ())
    return [ChangeTold(record=record, change=one, source=None, stage=stage) for one in changes]


def body(**properties: Any) -> dict[str, Any]:
    return {"properties": properties}


def test_what_passed_the_writer_is_laid_over_one_another() -> None:
    first, second = made(body=body(text="a", at="x")), made(body=body(text="b"), create_missing=False)
    assert getattr(expected(told(first, second)), "body", None) == body(text="b", at="x")
    assert getattr(expected(told(first, made(delete=True), second)), "body", None) == body(text="b")


@pytest.mark.parametrize(
    "ignored",
    [
        told(made(body=body(text="no")), stage=Stage.FAILED),
        told(made(body=body(text="no")), stage=Stage.WAITS),
        told(made(delete=True, origin=Origin.RESYNC)),
    ],
    ids=["dead letter", "still to come", "proposed by a run"],
)
def test_what_was_not_carried_out_is_not_expected(ignored: list[ChangeTold]) -> None:
    assert expected(ignored) is None
    found = expected([*told(made(body=body(text="yes"))), *ignored])
    assert found is not None
    assert found.body == body(text="yes")


def test_last_word_may_be_a_delete() -> None:
    found = expected(told(made(body=body(text="a")), made(delete=True, origin=Origin.SWEEP)))
    assert found is not None
    assert found.is_delete


def test_every_value_of_the_log_and_of_port_is_compared() -> None:
    change = made(
        body={
            "title": "T",
            "properties": {"text": "new", "at": "2026-03-01T10:00:00+02:00", "odd": 1},
            "relations": {"parts": ["b", "a"], "team": {"combinator": "and", "rules": []}},
        }
    )
    held = {
        "identifier": "a",
        "title": "T",
        "team": [],
        "properties": {"text": "old", "at": "2026-03-01T08:00:00Z", "more": 7, "none": None},
        "relations": {"parts": ["a", "b"], "team": "t"},
    }
    assert compare(change, held, SHAPE) == [
        ValueCompared(path="title", verdict=Verdict.EQUAL, said="T", held="T"),
        ValueCompared(path="properties.text", verdict=Verdict.DIFFERS, said="new", held="old"),
        ValueCompared(
            path="properties.at",
            verdict=Verdict.EQUAL,
            said="2026-03-01T10:00:00+02:00",
            held="2026-03-01T08:00:00Z",
        ),
        ValueCompared(path="relations.parts", verdict=Verdict.EQUAL, said=["b", "a"], held=["a", "b"]),
        ValueCompared(
            path="relations.team",
            verdict=Verdict.BY_SEARCH,
            said={"combinator": "and", "rules": []},
            held="t",
        ),
        ValueCompared(path="properties.odd", verdict=Verdict.DROPPED, said=1, why="not in the blueprint"),
        ValueCompared(path="properties.more", verdict=Verdict.ONLY_IN_PORT, held=7),
    ]


def refused(position: Position, record: NewRecord, reason: Reason) -> NewRecord:
    letter = DeadLetter(
        topic=position.topic,
        partition=position.partition,
        offset=position.offset,
        stage="writer",
        failures=(LetterFailure(reason=reason, detail="because", blueprint="app"),),
        kind="services",
        object_id="a",
        failed_at=AT,
    )
    original = Record(*position, 0, record.key, record.value, record.headers)
    return dead_letter_record(original, letter)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OCEAN__LOG__FILE", str(tmp_path / "log.sqlite"))
    monkeypatch.setenv("OCEAN__INTEGRATION__IDENTIFIER", "me")
    for name in ("OCEAN__PORT__CLIENT_ID", "OCEAN__PORT__CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "log.sqlite"


def fill(file: Path, *, entries: Sequence[dict[str, Any]] = ENTRIES) -> None:
    """Three changes of `app/a`: one that passed, one that is a letter, one that waits; and a raw object."""

    async def write() -> None:
        log = await SqliteLog.open(file, durable=True, consuming=True, clock=AT.timestamp)
        await log.create_topics(TOPICS)
        mapping = MappingInForce.model_validate({"version": 3, "config": {"resources": list(entries)}})
        await log.append([mapping_record(mapping, identifier="me", made_at=AT)])
        raws = await log.append([raw_record("a"), raw_record("b"), raw_record("a"), raw_record("unmade")])
        changes = [change_record("a", offset, title=f"T{offset}") for offset in range(3)]
        others = [change_record(f"other{number}", 0) for number in range(20)]
        positions = await log.append([changes[0], *others, changes[1], changes[2]])
        await log.append([refused(positions[-2], changes[1], Reason.REFUSED)])
        await log.commit(WRITER_GROUP, {TopicPartition(*positions[-1][:2]): Committed(positions[-1].offset)})
        await log.commit(MAPPER_GROUP, {TopicPartition(*raws[2][:2]): Committed(raws[2].offset + 1)})
        await log.close()

    asyncio.run(write())


def story(file: Path, identifier: str, blueprint: str = "app") -> Story:
    async def read() -> Story:
        log = await SqliteLog.open(file, durable=True, consuming=False)
        try:
            return await tell(log, blueprint, identifier, installation="me")
        finally:
            await log.close()

    return asyncio.run(read())


def test_story_tells_object_entries_changes_and_where_each_stands(file: Path) -> None:
    fill(file)
    found = story(file, "a")

    assert [(one.stage, one.change and one.change.body) for one in found.changes] == [
        (Stage.PASSED, {"title": "T0"}),
        (Stage.FAILED, {"title": "T1"}),
        (Stage.WAITS, {"title": "T2"}),
    ]
    assert found.number == 3
    (raw,) = found.objects
    assert (raw.kind, raw.object_id, raw.entries, raw.stage) == ("services", "a", (1, 3), Stage.PASSED)
    assert raw.headers is not None
    assert (raw.headers.operation, raw.headers.runid) == (Operation.UPSERT, "r1")
    assert [one.address for one in raw.letters] == [f"{dlq_topic(ENTITIES.name)}/0/0"]


def test_object_of_this_id_is_told_though_nothing_was_made_of_it(file: Path) -> None:
    fill(file)
    found = story(file, "unmade")

    assert list(found.changes) == []
    assert [(one.kind, one.object_id, one.entries) for one in found.objects] == [
        ("services", "unmade", (1, 3))
    ]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    assert isinstance(caught.value.code, int)
    return caught.value.code, *capsys.readouterr()


def test_screen_tells_what_to_do_while_another_process_consumes_the_log(
    capsys: pytest.CaptureFixture[str], file: Path
) -> None:
    fill(file)
    lock = FileLock.acquire(file)
    code, out, _ = run(capsys, "explain", "app", "a")
    lock.close()

    lines = [line.strip() for line in out.splitlines()]
    address = f"{dlq_topic(ENTITIES.name)}/0/0"
    assert code == 0
    assert lines[0] == "entity app/a"
    assert "entries of mapping version 3 that can make it: resources[1], resources[3]" in lines
    assert sum(line.endswith("passed the writer") for line in lines) == 1
    assert sum(line.endswith("waits for the writer") for line in lines) == 1
    assert f"letter {address} (open): refused: because" in lines
    assert f"next: `pagerport dlq redrive {address}`" in lines
    assert lines[-1] == (
        "Port was not asked: OCEAN__PORT__CLIENT_ID and OCEAN__PORT__CLIENT_SECRET are not set"
    )


def test_document_holds_the_same(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    fill(file)
    code, out, _ = run(capsys, "explain", "app", "a", "--json", "--without-port")

    said = json.loads(out)
    assert (code, said["mapping_version"], said["change_count"]) == (0, 3, 3)
    assert [one["stage"] for one in said["changes"]] == ["passed", "failed", "waits"]
    assert said["changes"][1]["letter"]["failures"][0]["reason"] == "refused"
    assert said["objects"][0]["observed_at"] == "2026-03-01T08:16:00+00:00"
    assert said["port"] == {"asked": False, "why": "as asked"}


def test_entity_that_nothing_was_made_of_yet_names_the_command_that_shows_why(
    capsys: pytest.CaptureFixture[str], file: Path
) -> None:
    fill(file)
    _, out, _ = run(capsys, "explain", "app", "unmade", "--without-port")

    assert "`pagerport mapping apply MAPPING --kind services --id unmade` shows what each entry makes" in out


@pytest.fixture
async def silent() -> AsyncIterator[str]:
    """The address of a server that takes requests and never answers."""
    leave = asyncio.Event()

    async def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await leave.wait()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    leave.set()
    server.close()


async def test_port_that_does_not_answer_is_said_and_given_up(
    silent: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in (("CLIENT_ID", "some"), ("CLIENT_SECRET", "any-value"), ("BASE_URL", silent)):
        monkeypatch.setenv(f"OCEAN__PORT__{name}", text)
    said: list[str] = []
    asked = Story(blueprint="app", identifier="a")

    held = await ask_port(load_settings(), asked, said.append, say_after_s=0.05, patience_s=0.2)

    assert held == Unasked(f"{silent} did not answer in 0.2 s; see OCEAN__PORT__BASE_URL", 3)
    assert said == ["waiting for Port, 0.2 s at most; with --without-port it is not asked"]


def test_value_that_is_cleared_is_shown_as_null(capsys: pytest.CaptureFixture[str]) -> None:
    changes = told(made(body=body(text=None)))
    found = Story(blueprint="app", identifier="a", changes=changes, number=1)
    entity = {"identifier": "a", "properties": {"text": None, "other": "x"}}
    print_port(found, Held(shape=SHAPE, entity=entity))

    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["properties.text", "equal", "null", "-"] in rows
    assert ["properties.other", "only", "in", "Port", "-", '"x"'] in rows


def test_unknown_entity_is_said_to_be_unknown(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    fill(file, entries=[])
    code, out, _ = run(capsys, "explain", "app", "zzz")

    assert (code, "the log knows nothing of it" in out, "did you mean" in out) == (1, True, False)


def test_blueprint_that_nothing_makes_gets_the_near_name(
    capsys: pytest.CaptureFixture[str], file: Path
) -> None:
    fill(file, entries=[entry("services", '"pagerdutyService"'), entry("users", '"pagerdutyUser"')])
    code, out, _ = run(capsys, "explain", "pagerdutyservices", "a", "--without-port")

    assert code == 1
    assert "no entry of the mapping makes pagerdutyservices; did you mean pagerdutyService?" in out


@pytest.mark.parametrize(
    ("stage", "why"),
    [
        (
            Stage.PASSED,
            "it is not ours, was updated later, or others depend on it; the writer's log says which",
        ),
        (Stage.WAITS, "the delete waits for the writer"),
        (Stage.FAILED, "the delete is a dead letter"),
    ],
)
def test_delete_that_port_shows_nothing_of_is_said_before_any_value(
    capsys: pytest.CaptureFixture[str], stage: Stage, why: str
) -> None:
    changes = [
        *told(made(body=body(text="a"))),
        *told(made(delete=True), stage=stage),
        *told(made(delete=True, origin=Origin.RESYNC)),
    ]
    found = Story(blueprint="app", identifier="a", changes=changes, number=3)
    held = Held(shape=SHAPE, entity={"identifier": "a", "properties": {"text": "a"}})
    print_port(found, held)

    out = " ".join(capsys.readouterr().out.split())
    assert out.endswith(f"the log says deleted, Port still has it: {why}")
    port = document(found, held)["port"]
    assert (port["expected"], port["values"]) == ("absent", [])


def test_upsert_after_a_delete_is_compared_again() -> None:
    changes = [*told(made(delete=True), stage=Stage.FAILED), *told(made(body=body(text="a")))]
    found = Story(blueprint="app", identifier="a", changes=changes, number=2)
    held = Held(shape=SHAPE, entity={"identifier": "a", "properties": {"text": "a"}})

    assert [one.verdict for one in compared(found, held)] == [Verdict.EQUAL]
    assert document(found, held)["port"]["expected"] == "present"


def test_change_that_port_has_refused_is_said_and_compared(capsys: pytest.CaptureFixture[str]) -> None:
    changes = [
        *told(made(body=body(text="a"))),
        *told(made(body=body(text="b")), stage=Stage.FAILED),
        *told(made(delete=True, origin=Origin.RESYNC)),
    ]
    found = Story(blueprint="app", identifier="a", changes=changes, number=3)
    held = Held(shape=SHAPE, entity={"identifier": "a", "properties": {"text": "a"}})
    print_port(found, held)

    out = " ".join(capsys.readouterr().out.split())
    place = place_of(changes[1].record)
    behind = f"behind: a newer change is a dead letter ({place})"
    assert out.startswith(
        f"Port holds it; {behind}: one value differs from that change, "
        "no value differs from what was written before"
    )
    assert out.endswith('properties.text differs "b" "a"')
    port = document(found, held)["port"]
    assert (port["expected"], port["behind"]) == ("present", [place])
    assert [(one["said"], one["held"]) for one in port["values"]] == [("b", "a")]


@pytest.mark.parametrize("before", [[], told(made(delete=True))])
def test_entity_that_port_refuses_to_make_is_behind(
    capsys: pytest.CaptureFixture[str], before: list[ChangeTold]
) -> None:
    changes = [*before, *told(made(body=body(text="b")), stage=Stage.FAILED)]
    found = Story(blueprint="app", identifier="a", changes=changes, number=2)
    held = Held(shape=SHAPE, entity=None)
    print_port(found, held)

    out = " ".join(capsys.readouterr().out.split())
    assert out.startswith("Port holds no such entity; behind: a newer change is a dead letter (")
    assert document(found, held)["port"]["expected"] == "present"


def test_refusal_that_a_later_change_has_got_over_is_not_behind() -> None:
    changes = [*told(made(body=body(text="a")), stage=Stage.FAILED), *told(made(body=body(text="b")))]
    found = Story(blueprint="app", identifier="a", changes=changes, number=2)

    assert refused_changes(found) == []
