"""Removes the temporary logs of processes that were killed: they hold raw objects of somebody's account."""

import contextlib
import shutil
import time
from pathlib import Path

from shared.errors import ConfigurationError
from shared.log.sqlite_lock import FileLock

PREFIX = "pagerport-"
YOUNG_S = 60.0
"""A directory younger than this may be one whose owner has not taken its lock yet."""


def remove_leftovers(parent: Path, file_name: str, *, now_s: float | None = None) -> list[Path]:
    """Remove what nobody holds the lock of, and return it. What is not ours to remove stays.

    Args:
        parent: Directory of temporary directories.
        file_name: Name of the log file in each.
        now_s: Seconds since the epoch; None: now.
    """
    now_s = time.time() if now_s is None else now_s
    removed = []
    for directory in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError, ConfigurationError):
            file = directory / file_name
            if now_s - directory.stat().st_mtime < YOUNG_S or not file.is_file():
                continue
            lock = FileLock.acquire(file)
            try:
                shutil.rmtree(directory)
                removed.append(directory)
            finally:
                lock.close()
    return removed
