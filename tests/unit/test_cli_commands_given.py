"""`pagerport resync`, `replay` and `stop` go into a log whose installation can answer them, or nowhere."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas.command import Command, CommandType
from schemas.mapping import MappingInForce
from schemas.run import RunResult, RunState
from schemas.topics import COMMANDS, MAPPING, RUNS, WEBHOOKS
from services.cli.app import main
from shared.log.interface import NewRecord, TopicPartition
from shared.log.sqlite import SqliteLog
from shared.log.sqlite_lock import FileLock
from shared.mapping_topic import mapping_record
from shared.runs_topic import run_record

AT = datetime(2026, 3, 1, 8, 16, tzinfo=UTC)
ENTRY = {
    "kind": "services",
    "port": {"entity": {"mappings": {"identifier": ".id", "blueprint": '"app"'}}},
}
OF_THE_LOG = (COMMANDS.name, MAPPING.name, RUNS.name)


def written(path: Path, topics: tuple[str, ...], *records: NewRecord) -> Path:
    async def fill() -> None:
        log = await SqliteLog.open(path, durable=True, consuming=True)
        await log.create_topics(topics)
        await log.append(records)
        await log.close()

    asyncio.run(fill())
    return path


@pytest.fixture
def one_shot(tmp_path: Path) -> Path:
    """The log that a one-shot sync has kept."""
    return written(tmp_path / "kept.db", OF_THE_LOG)


@pytest.fixture
def always_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The log of an installation with a mapping of services."""
    mapping = MappingInForce.model_validate({"version": 1, "config": {"resources": [ENTRY]}})
    record = mapping_record(mapping, identifier="me", made_at=AT)
    file = written(tmp_path / "log.db", (*OF_THE_LOG, WEBHOOKS.name), record)
    monkeypatch.setenv("OCEAN__LOG__FILE", str(file))
    monkeypatch.setenv("OCEAN__INTEGRATION__IDENTIFIER", "me")
    return file


def a_run(state: RunState, **more: object) -> NewRecord:
    run = RunResult.model_validate({"run_id": "r1", "state": state, "started_at": AT, **more})
    return run_record(run, identifier="me", made_at=AT)


def commands(file: Path) -> list[Command]:
    async def read() -> list[Command]:
        log = await SqliteLog.open(file, durable=True, consuming=False)
        records = await log.read({TopicPartition(COMMANDS.name, 0): 0}, max_records=100, wait_s=0)
        await log.close()
        return [Command.model_validate_json(record.value or b"") for record in records]

    return asyncio.run(read())


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        main([str(one) for one in arguments])
    assert isinstance(caught.value.code, int)
    return caught.value.code, *capsys.readouterr()


@pytest.mark.parametrize("command", ["resync", "resync --wait", "replay", "replay --wait", "stop"])
def test_log_of_a_one_shot_sync_takes_no_command(
    capsys: pytest.CaptureFixture[str], one_shot: Path, command: str
) -> None:
    code, out, err = run(capsys, *command.split(), "--log", one_shot)

    assert (code, out) == (2, "")
    assert err == (
        f"error: nobody reads requests from this log: {one_shot} is of a one-shot sync; run the sync again, "
        "which asks for every object anew\n"
    )
    assert commands(one_shot) == []


@pytest.mark.parametrize("options", [(), ("--wait",), ("--kind", "services"), ("--json",)], ids=" ".join)
def test_resync_of_a_kind_that_is_not_mapped_is_refused_at_once(
    capsys: pytest.CaptureFixture[str], always_on: Path, options: tuple[str, ...]
) -> None:
    code, out, err = run(capsys, "resync", "--kind", "teams", *options)

    assert (code, out) == (2, "")
    assert err == "error: the mapping in force makes nothing of teams; it has entries for services\n"
    assert commands(always_on) == []


def test_command_says_in_which_log_it_waits(capsys: pytest.CaptureFixture[str], always_on: Path) -> None:
    lock = FileLock.acquire(always_on)
    said = run(capsys, "resync", "--kind", "services")
    document = json.loads(run(capsys, "replay", "--json")[1])
    lock.close()

    assert said == (0, f"resync asked for in {always_on}; `pagerport runs` shows what becomes of it\n", "")
    assert (document["type"], document["log"]) == ("replay", str(always_on))
    assert [(one.type, one.kinds) for one in commands(always_on)] == [
        (CommandType.RESYNC, ("services",)),
        (CommandType.REPLAY, ()),
    ]


@pytest.mark.parametrize(
    ("records", "says"),
    [
        ((), "no run is in hand now, so there is nothing for it to end"),
        (
            (a_run(RunState.COMPLETED, ended_at=AT),),
            "no run is in hand now, so there is nothing for it to end",
        ),
        ((a_run(RunState.LISTING),), "it ends run r1: `pagerport runs r1` shows how far it came"),
    ],
    ids=["no run yet", "all have ended", "one in hand"],
)
def test_stop_says_what_there_is_to_stop(
    capsys: pytest.CaptureFixture[str], always_on: Path, records: tuple[NewRecord, ...], says: str
) -> None:
    written(always_on, (), *records)
    lock = FileLock.acquire(always_on)
    ended = run(capsys, "stop")
    lock.close()

    assert ended == (0, f"stop asked for in {always_on}; {says}\n", "")


def test_run_that_failed_is_listed_with_its_reason(
    capsys: pytest.CaptureFixture[str], always_on: Path
) -> None:
    written(always_on, (), a_run(RunState.FAILED, ended_at=AT, error="Port refuses the client id"))

    for command in ("runs", "status"):
        assert "run r1 failed: Port refuses the client id\n" in run(capsys, command)[1]


def test_status_names_the_log_it_speaks_of(capsys: pytest.CaptureFixture[str], always_on: Path) -> None:
    assert f"log: {always_on}\n" in run(capsys, "status")[1]
    assert json.loads(run(capsys, "status", "--json")[1])["log"] == str(always_on)


def test_documents_leave_out_the_offsets_of_the_services(
    capsys: pytest.CaptureFixture[str], always_on: Path
) -> None:
    written(always_on, (), a_run(RunState.COMPLETED, ended_at=AT, noted={"port.entities": {0: 3}}))

    documents = [run(capsys, *one, "--json")[1] for one in (["runs"], ["runs", "r1"], ["status"])]
    assert [("r1" in one, "noted" in one) for one in documents] == [(True, False)] * 3
