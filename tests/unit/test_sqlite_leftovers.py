"""Tests that the temporary log of a killed process is removed, and nothing else."""

import os
import time
from pathlib import Path

from shared.log.sqlite_leftovers import YOUNG_S, remove_leftovers
from shared.log.sqlite_lock import FileLock

NAME = "log.db"


def directory(parent: Path, name: str, *, age_s: float = 2 * YOUNG_S, file: str = NAME) -> Path:
    made = parent / name
    made.mkdir()
    (made / file).write_bytes(b"raw objects")
    at = time.time() - age_s
    os.utime(made, (at, at))
    return made


def test_only_the_log_of_a_dead_process_is_removed(tmp_path: Path) -> None:
    dead = directory(tmp_path, "pagerport-dead")
    directory(tmp_path, "pagerport-young", age_s=0)
    directory(tmp_path, "pagerport-else", file="notes.txt")
    directory(tmp_path, "somebody-elses")
    held = directory(tmp_path, "pagerport-held")
    lock = FileLock.acquire(held / NAME)
    os.utime(held, (0, 0))
    try:
        assert remove_leftovers(tmp_path, NAME) == [dead]
    finally:
        lock.close()
    left = sorted(one.name for one in tmp_path.iterdir())
    assert left == ["pagerport-else", "pagerport-held", "pagerport-young", "somebody-elses"]


def test_directory_that_is_not_there_has_no_leftovers(tmp_path: Path) -> None:
    assert remove_leftovers(tmp_path / "nowhere", NAME) == []
