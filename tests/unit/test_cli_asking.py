"""`pagerport refresh` and `release` append what is asked for, or say why nothing would come of it."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas.command import Command, CommandType
from schemas.dead_letter import DeadLetter, LetterFailure
from schemas.headers import RecordHeaders
from schemas.mapping import MappingInForce
from schemas.outcome import Reason
from schemas.refresh_request import REFRESH_TYPE, RefreshRequest
from schemas.topics import COMMANDS, ENTITIES, MAPPING, WEBHOOKS, dlq_topic
from services.cli.app import main
from shared.dead_letters import Resolution, dead_letter_record, resolution_record
from shared.log.interface import NewRecord, Record, TopicPartition
from shared.log.sqlite import SqliteLog
from shared.log.sqlite_lock import FileLock
from shared.mapping_topic import mapping_record

AT = datetime(2026, 3, 1, 8, 16, tzinfo=UTC)
DLQ = dlq_topic(ENTITIES.name)
ENTRY = {
    "kind": "services",
    "port": {"entity": {"mappings": {"identifier": ".id", "blueprint": '"app"'}}},
}


def held(offset: int, blueprint: str = "app") -> DeadLetter:
    return DeadLetter(
        topic=ENTITIES.name,
        partition=0,
        offset=offset,
        stage="writer",
        failures=(LetterFailure(reason=Reason.DELETE_HELD, blueprint=blueprint),),
        kind="services",
        object_id=f"P{offset}",
        failed_at=AT,
    )


def failed(letter: DeadLetter) -> NewRecord:
    return dead_letter_record(Record(ENTITIES.name, 0, letter.offset, 0, b"app/a", b"{}", ()), letter)


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The log of an installation that runs, with a mapping of services."""
    file = tmp_path / "log.sqlite"
    mapping = MappingInForce.model_validate({"version": 1, "config": {"resources": [ENTRY]}})

    async def fill() -> None:
        log = await SqliteLog.open(file, durable=True, consuming=True)
        await log.create_topics([DLQ, WEBHOOKS.name, COMMANDS.name, MAPPING.name])
        await log.append([mapping_record(mapping, identifier="me", made_at=AT)])
        await log.close()

    asyncio.run(fill())
    monkeypatch.setenv("OCEAN__LOG__FILE", str(file))
    monkeypatch.setenv("OCEAN__INTEGRATION__IDENTIFIER", "me")
    return file


def append(file: Path, *records: NewRecord) -> None:
    async def fill() -> None:
        log = await SqliteLog.open(file, durable=True, consuming=False)
        await log.append(records)
        await log.close()

    asyncio.run(fill())


def records(file: Path, topic: str) -> list[Record]:
    async def read() -> list[Record]:
        log = await SqliteLog.open(file, durable=True, consuming=False)
        found = await log.read({TopicPartition(topic, 0): 0}, max_records=100, wait_s=0)
        await log.close()
        return found

    return asyncio.run(read())


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        main([str(one) for one in arguments])
    assert isinstance(caught.value.code, int)
    return caught.value.code, *capsys.readouterr()


def test_object_is_asked_for_while_another_process_consumes_the_log(
    capsys: pytest.CaptureFixture[str], running: Path
) -> None:
    lock = FileLock.acquire(running)
    code, out, _ = run(capsys, "refresh", "services", "PABC123", "--json")
    lock.close()

    assert (code, json.loads(out)) == (
        0,
        {"kind": "services", "object_id": "PABC123", "record": f"{WEBHOOKS.name}/0/0"},
    )
    (record,) = records(running, WEBHOOKS.name)
    headers = RecordHeaders.decode(record.headers)
    assert record.key == b"services/PABC123"
    assert RefreshRequest.model_validate_json(record.value or b"") == RefreshRequest(
        kind="services", object_id="PABC123"
    )
    assert (headers.type, headers.subject) == (REFRESH_TYPE, "services/PABC123")


def test_refresh_says_what_will_happen(capsys: pytest.CaptureFixture[str], running: Path) -> None:
    code, out, _ = run(capsys, "refresh", "services", "PABC123")

    assert (code, out) == (
        0,
        f"asked for services PABC123 ({WEBHOOKS.name}/0/0): its entities follow once the fetcher has read"
        " it; if it is gone, so are its entities\n",
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("service", "P1"), "did you mean services"),
        (("oncalls", "P1"), "run `pagerport resync --kind oncalls`"),
        (("users", "P1"), "the mapping in force makes nothing of users; it has entries for services"),
        (("services", "P 1"), "is no id of PagerDuty's"),
        (("services", ""), "is no id of PagerDuty's"),
        (("services", "P" * 201), "is no id of PagerDuty's"),
    ],
)
def test_refresh_of_what_nothing_can_come_of_is_refused(
    capsys: pytest.CaptureFixture[str], running: Path, arguments: tuple[str, ...], said: str
) -> None:
    code, out, err = run(capsys, "refresh", *arguments)

    assert (code, out) == (2, "")
    assert said in err
    assert records(running, WEBHOOKS.name) == []


def test_release_tells_what_is_held_and_asks_for_it_once(
    capsys: pytest.CaptureFixture[str], running: Path
) -> None:
    closed = resolution_record(held(3), Resolution.REDRIVEN, resolved_at=AT)
    append(running, *(failed(held(offset)) for offset in range(4)), closed, failed(held(9, "team")))

    code, out, _ = run(capsys, "release", "--blueprint", "app")

    assert (code, out) == (
        0,
        "app: 3 deletes are released; what is gone in PagerDuty is deleted, the rest stays\n",
    )
    (record,) = records(running, COMMANDS.name)
    assert Command.model_validate_json(record.value or b"") == Command(
        type=CommandType.RELEASE, blueprint="app", asked_by="command line"
    )
    assert RecordHeaders.decode(record.headers).id.encode() == record.key

    code, out, _ = run(capsys, "release", "--json")
    assert (code, json.loads(out)) == (0, {"held": {"app": 3, "team": 1}})
    assert len(records(running, COMMANDS.name)) == 2


def test_release_of_nothing_asks_for_nothing(capsys: pytest.CaptureFixture[str], running: Path) -> None:
    append(running, failed(held(1)))

    assert run(capsys, "release", "--blueprint", "other")[:2] == (0, "no delete is held of other\n")
    assert records(running, COMMANDS.name) == []
