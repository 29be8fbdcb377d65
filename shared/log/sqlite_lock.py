"""Keeps a second consuming process away from the embedded log's file."""

import fcntl
import os
from pathlib import Path

from shared.errors import ConfigurationError


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
        while True:
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


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
