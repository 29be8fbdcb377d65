"""Keeps a second consuming process away from the embedded log's file."""

import fcntl
import os
import time
from pathlib import Path
from typing import Final

from shared.errors import ConfigurationError

LOOK_PAUSE_S: Final = 0.05


class FileLock:
    """An exclusive lock beside the file, held until `close` or the end of the process, however it ends.

    Subprocesses must be started without inheriting file descriptors (Python's default): one that keeps the
    descriptor keeps the lock.
    """

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor = descriptor
        self._path = path

    @classmethod
    def acquire(cls, file: Path) -> "FileLock":
        """Take the lock of a log file.

        Raises:
            ConfigurationError: Another process holds it (its pid is named), or it cannot be made.
        """
        path = file.with_name(file.name + ".lock")
        tries = 0
        while True:
            tries += 1
            try:
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            except OSError as error:
                raise ConfigurationError(
                    f"cannot write {path} ({error.strerror}); OCEAN__LOG__FILE needs a directory that exists "
                    "and that pagerport may write"
                ) from error
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if tries == 1:
                    # A command may be looking whether anybody holds it.
                    os.close(descriptor)
                    time.sleep(LOOK_PAUSE_S)
                    continue
                holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
                os.close(descriptor)
                raise ConfigurationError(
                    f"{file} is in use by the process with pid {holder}; stop it, or point OCEAN__LOG__FILE "
                    "to another path"
                ) from error
            except OSError as error:
                os.close(descriptor)
                raise ConfigurationError(
                    f"cannot lock {path} ({error.strerror}); OCEAN__LOG__FILE needs a file system with locks"
                ) from error
            if _is_at(path, descriptor):
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
                return cls(descriptor, path)
            # The holder removed the file between our open and our lock: what we hold has no name any more.
            os.close(descriptor)

    def close(self) -> None:
        """Give the lock back and remove its file."""
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


def is_locked(file: Path) -> bool:
    """Return whether a process consumes a log file now.

    Beside a file that nobody consumes there is no lock, unless a process was killed: only then is it tried
    for a moment, in which `acquire` of a process that starts is refused and tries once more.
    """
    try:
        descriptor = os.open(file.with_name(file.name + ".lock"), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
