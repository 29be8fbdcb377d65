"""Commands say at once that nobody takes them, and do not wait for ever for somebody to start."""

import asyncio
from pathlib import Path

import pytest

from schemas.topics import COMMANDS, RUNS
from services.cli.app import main
from services.cli.presence import NOBODY, Absence
from shared.log.sqlite import SqliteLog
from shared.log.sqlite_lock import FileLock, is_locked


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The log of an installation that nobody runs."""
    path = tmp_path / "log.sqlite"

    async def fill() -> None:
        log = await SqliteLog.open(path, durable=True, consuming=True)
        await log.create_topics([COMMANDS.name, RUNS.name])
        await log.close()

    asyncio.run(fill())
    monkeypatch.setenv("OCEAN__LOG__FILE", str(path))
    monkeypatch.setenv("OCEAN__INTEGRATION__IDENTIFIER", "me")
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    assert isinstance(caught.value.code, int)
    return caught.value.code, capsys.readouterr().err


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize("command", ["resync", "replay", "stop"])
def test_command_that_nobody_takes_says_so_at_once(capsys: pytest.CaptureFixture[str], command: str) -> None:
    code, err = run(capsys, command)
    assert code == 0
    assert f"{NOBODY}; the request waits in the log" in err


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


def test_lock_that_a_killed_process_left_is_no_sign_of_one(file: Path) -> None:
    lock = FileLock.acquire(file)
    assert is_locked(file)
    lock.close()
    assert not is_locked(file)
    file.with_name(file.name + ".lock").write_text("1\n")
    assert not is_locked(file)


def test_absence_is_too_long_only_when_nobody_came_meanwhile() -> None:
    absence = Absence(patience_s=10.0)
    assert (absence.wants_look(0.0), absence.note(runs=False), absence.is_too_long) == (True, True, False)
    assert (absence.wants_look(4.0), absence.wants_look(2.0)) == (False, True)
    assert (absence.note(runs=True), absence.is_alone) == (False, False)
    assert (absence.wants_look(5.0), absence.note(runs=False)) == (True, True)
    assert (absence.wants_look(10.0), absence.note(runs=False), absence.is_too_long) == (True, False, True)
