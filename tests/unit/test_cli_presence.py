"""Commands say at once that nobody takes them, and do not wait for ever for somebody to start."""

import asyncio
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas.run import RunResult, RunState
from schemas.topics import COMMANDS, RUNS, WEBHOOKS
from services.cli.app import main
from services.cli.presence import Absence, nobody
from shared.log.interface import NewRecord
from shared.log.kafka import KafkaLog
from shared.log.kafka_connection import KafkaConnection
from shared.log.kafka_names import KafkaNames
from shared.log.sqlite import SqliteLog
from shared.log.sqlite_lock import FileLock
from shared.log.sqlite_store import Store
from shared.runs_topic import run_record

NOBODY = "no fetcher seems to run"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The log of an installation that nobody runs."""
    path = tmp_path / "log.sqlite"

    async def fill() -> None:
        log = await SqliteLog.open(path, durable=True, consuming=True)
        await log.create_topics([COMMANDS.name, RUNS.name, WEBHOOKS.name])
        await log.close()

    asyncio.run(fill())
    monkeypatch.setenv("OCEAN__LOG__FILE", str(path))
    monkeypatch.setenv("OCEAN__INTEGRATION__IDENTIFIER", "me")
    return path


def append(file: Path, *records: NewRecord) -> None:
    async def fill() -> None:
        log = await SqliteLog.open(file, durable=True, consuming=False)
        await log.append(records)
        await log.close()

    asyncio.run(fill())


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    assert isinstance(caught.value.code, int)
    return caught.value.code, capsys.readouterr().err


@pytest.mark.parametrize("command", ["resync", "replay", "stop", "refresh services PABC123"])
def test_command_that_nobody_takes_says_so_at_once(
    capsys: pytest.CaptureFixture[str], file: Path, command: str
) -> None:
    code, err = run(capsys, *command.split())
    said = f"no fetcher seems to run over {file}: start `pagerport run`; the request waits in the log\n"
    assert (code, err) == (0, said)


def test_hint_fits_the_log_in_use() -> None:
    connection = KafkaConnection(servers=("a:9092", "b:9092"), names=KafkaNames(identifier="me"))
    assert nobody(KafkaLog(connection)) == (
        "no fetcher seems to run on Kafka at a:9092, b:9092: start `pagerport fetcher` (`pagerport run` does "
        "not use Kafka)"
    )


def test_command_to_an_installation_that_runs_says_nothing(
    capsys: pytest.CaptureFixture[str], file: Path
) -> None:
    lock = FileLock.acquire(file)
    code, err = run(capsys, "resync")
    lock.close()
    assert (code, NOBODY in err) == (0, False)


@pytest.mark.usefixtures("file")
def test_waiting_for_nobody_ends(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCEAN__SYNC__STALL_TIMEOUT_S", "1")
    code, err = run(capsys, "resync", "--wait")
    assert code == 3
    assert "the request stays in the log" in err


@pytest.mark.usefixtures("file")
def test_status_says_that_nothing_can_be_written(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Store) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Store, "try_write", full)
    main_of("status")
    assert "nothing can be written, webhooks are refused: the log " in capsys.readouterr().out


def test_absence_is_too_long_only_when_nobody_came_meanwhile() -> None:
    absence = Absence(patience_s=10.0)
    assert (absence.wants_look(0.0), absence.note(runs=False), absence.is_too_long) == (True, True, False)
    assert (absence.wants_look(4.0), absence.wants_look(2.0)) == (False, True)
    assert (absence.note(runs=True), absence.is_alone) == (False, False)
    assert (absence.wants_look(5.0), absence.note(runs=False)) == (True, True)
    assert (absence.wants_look(10.0), absence.note(runs=False), absence.is_too_long) == (True, False, True)


@pytest.mark.usefixtures("file")
def test_status_says_when_nobody_runs(capsys: pytest.CaptureFixture[str]) -> None:
    main_of("status")
    assert NOBODY in capsys.readouterr().out


def test_status_and_runs_read_a_log_that_is_named(
    capsys: pytest.CaptureFixture[str], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    one = RunResult(run_id="r1", started_at=at, ended_at=at, state=RunState.COMPLETED)
    append(file, run_record(one, identifier="me", made_at=at))
    monkeypatch.setenv("OCEAN__LOG__FILE", str(file.with_name("other.sqlite")))

    main_of("runs", "--log", str(file))
    assert "r1" in capsys.readouterr().out
    main_of("status", "--log", str(file))
    out = capsys.readouterr().out
    assert ("r1" in out, NOBODY in out) == (True, False)
    main_of("runs", "r1", "--log", str(file))
    assert "everything the mapping asks for is in Port" in capsys.readouterr().out
    code, err = run(capsys, "runs", "r2", "--log", str(file))
    assert (code, "the log knows no run 'r2'" in err) == (2, True)


def main_of(*arguments: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    assert caught.value.code in (0, None)
