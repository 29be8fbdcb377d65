"""Tests temporary logs: private, gone with their process, kept for good, and nobody else's file touched."""

import fcntl
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from schemas.topics import COMMANDS
from shared.errors import ConfigurationError
from shared.log.interface import NewRecord, TopicPartition
from shared.log.sqlite import SqliteLog
from shared.log.sqlite_temporary import FILE_NAME, MARKER, TemporaryPlace, remove_leftovers

PLACE = TopicPartition(COMMANDS.name, 0)


@pytest.fixture(autouse=True)
def parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The directory of temporary directories."""
    made = tmp_path / "tmp"
    made.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(made))
    yield made
    shutil.rmtree(made)


def names(directory: Path) -> list[str]:
    return sorted(entry.name for entry in directory.iterdir())


def leftover() -> Path:
    """Return the directory of a process that was killed."""
    place = TemporaryPlace()
    place.file.write_bytes(b"raw objects")
    os.close(place._marker)
    return place.directory


# the log of a process that lives


async def test_temporary_log_leaves_nothing(parent: Path) -> None:
    log = await SqliteLog.temporary()
    modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in log.path.parent.iterdir()}
    assert stat.S_IMODE(log.path.parent.stat().st_mode) == 0o700
    assert modes == {FILE_NAME: 0o600, MARKER: 0o600}
    assert remove_leftovers(parent) == []
    await log.close()
    assert names(parent) == []


async def test_temporary_log_that_is_kept_where_it_is_is_no_leftover(parent: Path) -> None:
    log = await SqliteLog.temporary()
    await log.close(keep=True)
    assert remove_leftovers(parent) == []
    assert names(log.path.parent) == [FILE_NAME]


async def test_temporary_log_can_be_moved_and_opened_as_a_durable_one(parent: Path, tmp_path: Path) -> None:
    path = tmp_path / "kept.db"
    log = await SqliteLog.temporary()
    await log.create_topics([COMMANDS.name])
    await log.append([NewRecord(COMMANDS.name, b"k", b"v")])
    await log.keep_as(path)
    assert names(parent) == []
    kept = await SqliteLog.open(path, durable=True, consuming=False)
    assert [one.value for one in await kept.read({PLACE: 0}, max_records=9, wait_s=0)] == [b"v"]
    await kept.close()
    assert names(tmp_path) == ["kept.db", "tmp"]


async def test_temporary_log_that_cannot_be_moved_stays_for_good(parent: Path, tmp_path: Path) -> None:
    log = await SqliteLog.temporary()
    with pytest.raises(ConfigurationError, match=f"kept as {log.path}"):
        await log.keep_as(tmp_path / "nowhere" / "log.sqlite")
    assert remove_leftovers(parent) == []
    assert log.path.exists()


async def test_log_is_not_moved_over_a_file_that_is_there(tmp_path: Path) -> None:
    there = tmp_path / "kept.db"
    there.write_text("theirs")
    log = await SqliteLog.temporary()
    with pytest.raises(ConfigurationError, match="File exists"):
        await log.keep_as(there)
    assert there.read_text() == "theirs"


def test_copy_to_another_file_system_is_private_from_its_first_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "kept.db"
    modes = []

    def other_file_system(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    def copy(source: object, target: object) -> None:
        modes.append(stat.S_IMODE(path.stat().st_mode))
        copied(source, target)  # type: ignore[arg-type]  # as it was called

    copied = shutil.copyfileobj
    monkeypatch.setattr(os, "link", other_file_system)
    monkeypatch.setattr(shutil, "copyfileobj", copy)
    before = os.umask(0)
    try:
        place = TemporaryPlace()
        place.file.write_bytes(b"content")
        place.keep_as(path)
    finally:
        os.umask(before)
    assert (modes, stat.S_IMODE(path.stat().st_mode)) == ([0o600], 0o600)
    assert path.read_bytes() == b"content"


# leftovers


def test_only_the_log_of_a_dead_process_is_removed(parent: Path) -> None:
    dead = leftover()
    held = TemporaryPlace()
    assert remove_leftovers(parent) == [dead]
    assert names(parent) == [held.directory.name]
    held.remove()


def test_directory_that_is_not_there_has_no_leftovers(tmp_path: Path) -> None:
    assert remove_leftovers(tmp_path / "nowhere") == []


def add_a_file(directory: Path) -> None:
    (directory / "my-mapping.yaml").write_text("resources: []")


def take_the_marker(directory: Path) -> None:
    (directory / MARKER).unlink()


def mark_it_otherwise(directory: Path) -> None:
    (directory / MARKER).write_text("mine")


def open_it_to_others(directory: Path) -> None:
    directory.chmod(0o755)


def link_a_name_of_ours(directory: Path) -> None:
    (directory / f"{FILE_NAME}-wal").symlink_to("/etc/hostname")


def hold_a_pipe(directory: Path) -> None:
    os.mkfifo(directory / f"{FILE_NAME}-wal")


def link_the_marker(directory: Path) -> None:
    text = (directory / MARKER).rename(directory.parent / "text")
    (directory / MARKER).symlink_to(text)


def give_the_log_a_second_name(directory: Path) -> None:
    (directory.parent / "second").hardlink_to(directory / FILE_NAME)


def put_a_link_in_its_place(directory: Path) -> None:
    directory.symlink_to(directory.rename(directory.parent / "elsewhere"))


def give_it_away(directory: Path) -> None:
    os.chown(directory, 65534, 65534)


@pytest.mark.parametrize(
    "change",
    [
        add_a_file,
        take_the_marker,
        mark_it_otherwise,
        open_it_to_others,
        link_a_name_of_ours,
        hold_a_pipe,
        link_the_marker,
        give_the_log_a_second_name,
        put_a_link_in_its_place,
        pytest.param(give_it_away, marks=pytest.mark.skipif(os.geteuid() != 0, reason="takes root")),
    ],
)
def test_what_is_not_quite_a_leftover_is_left_alone(parent: Path, change: Callable[[Path], None]) -> None:
    directory = leftover()
    change(directory)
    before = tree(parent)
    assert remove_leftovers(parent) == []
    assert tree(parent) == before


def test_nothing_is_written_through_a_link_of_somebody_else(parent: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    evil = parent / "pagerport-evil"
    evil.mkdir(mode=0o700)
    (evil / FILE_NAME).touch()
    for name in (f"{FILE_NAME}.lock", MARKER, f"{FILE_NAME}-journal"):
        (evil / name).symlink_to(victim)
    os.utime(evil, (0, 0))
    assert remove_leftovers(parent) == []
    assert (victim.read_text(), len(names(evil))) == ("precious", 4)


def test_directory_whose_maker_has_not_marked_it_yet_is_left_alone(parent: Path) -> None:
    directory = parent / "pagerport-young"
    directory.mkdir(mode=0o700)
    (directory / MARKER).touch(mode=0o600)
    assert remove_leftovers(parent) == []
    with (directory / MARKER).open("rb") as marker:
        fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert names(directory) == [MARKER]


def tree(directory: Path) -> list[tuple[str, int]]:
    return sorted((str(one), one.lstat().st_size) for one in directory.rglob("*"))
