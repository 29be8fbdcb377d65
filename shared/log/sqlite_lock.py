"""Keeps a second consuming process away from the embedded log's file, by whatever name it is opened."""

import errno
import fcntl
import os
import stat
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from shared.errors import ConfigurationError

_PRIVATE: Final = 0o600
_LOCK_AT: Final = 1 << 62
"""Where no content ever is, nor a lock of SQLite's. Source: SQLite, File Locking (PENDING_BYTE)."""
_RANGE: Final = struct.Struct("hhqqi4x")
"""Linux's `struct flock`: type, whence, start, length, pid."""


class FileLock:
    """The database file as the system knows it, held open beside SQLite's own descriptor.

    The lock is on the file itself (device and inode) and not on a name: a symbolic or hard link leads to the
    same lock, and there is nothing beside the file that could be removed. It is a range of bytes behind every
    content, and its length tells the holder's pid. It goes with the process, however that ends.

    To be opened before SQLite opens the file, and closed after SQLite has closed it: a descriptor that is
    closed takes SQLite's locks of this process along. Source: SQLite, How To Corrupt (POSIX advisory locks).
    Subprocesses must be started without inheriting file descriptors (Python's default).
    """

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor = descriptor
        self._path = path
        self._is_held = False

    @classmethod
    def acquire(cls, path: Path) -> "FileLock":
        """Open a log file, make it where there is none, and take its lock.

        Raises:
            ConfigurationError: Another process holds it (its pid is named), or it cannot be made.
        """
        while True:
            lock = cls._open(path, os.O_RDWR | os.O_CREAT)
            try:
                lock._take()
            except BaseException:
                lock.close()
                raise
            if not lock.missing():
                return lock
            # It was moved between our open and our lock: whoever comes next would get in by its name.
            lock.close()

    @classmethod
    def beside(cls, path: Path) -> "FileLock":
        """Open a log file that is there without taking its lock, to read and append beside its consumer.

        Raises:
            ConfigurationError: It cannot be read.
        """
        return cls._open(path, os.O_RDWR)

    @classmethod
    def _open(cls, path: Path, flags: int) -> "FileLock":
        try:
            # O_NONBLOCK: opening a pipe would wait for its other end.
            descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NONBLOCK, _PRIVATE)
        except OSError as error:
            raise ConfigurationError(
                f"cannot use {path} as the log ({error.strerror}); OCEAN__LOG__FILE needs a directory that "
                "exists, and a file in it that pagerport may read and write"
            ) from error
        found = os.fstat(descriptor)
        if stat.S_ISREG(found.st_mode) and found.st_nlink < 2:
            return cls(descriptor, path)
        os.close(descriptor)
        if found.st_nlink < 2:
            raise ConfigurationError(f"cannot use {path} as the log: it is not a file; give the path of one")
        # SQLite keeps side files by name: two names, two journals, one damaged database.
        raise ConfigurationError(
            f"cannot use {path} as the log: the file has {found.st_nlink} names (hard links); keep one, and "
            "copy a log instead of linking it"
        )

    @property
    def path(self) -> Path:
        """Return the name that it was opened by."""
        return self._path

    @property
    def is_held(self) -> bool:
        """Whether this process holds the lock, by this object."""
        return self._is_held

    def is_consumed(self) -> bool:
        """Return whether a process consumes the file now, this one included."""
        return self._is_held or self._holder() is not None

    def missing(self) -> str:
        """Return what has become of the file's name; empty: it leads to the file that is open here."""
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return "was deleted or moved"
        except OSError as error:
            return f"cannot be reached ({error.strerror})"
        return "" if os.path.samestat(there, os.fstat(self._descriptor)) else "was replaced by another file"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock for the time of the block, unless it is held anyway.

        Raises:
            ConfigurationError: Another process holds it.
        """
        if self._is_held:
            yield
            return
        self._take()
        try:
            yield
        finally:
            self._set(fcntl.F_UNLCK)
            self._is_held = False

    def close(self) -> None:
        """Give the lock back; SQLite must have closed the file."""
        os.close(self._descriptor)

    def _take(self) -> None:
        try:
            self._set(fcntl.F_WRLCK)
        except OSError as error:
            if error.errno not in {errno.EACCES, errno.EAGAIN}:
                raise ConfigurationError(
                    f"cannot lock {self._path} ({error.strerror}); OCEAN__LOG__FILE needs a file system with "
                    "locks"
                ) from error
            raise ConfigurationError(
                f"{self._path} is in use by the process with pid {self._holder() or 'unknown'}; stop it, or "
                "point OCEAN__LOG__FILE to another path"
            ) from error
        self._is_held = True

    def _set(self, kind: int) -> None:
        if sys.platform == "linux":
            # Of this descriptor, not of the process: closing another one does not give it back.
            wanted = _RANGE.pack(kind, os.SEEK_SET, _LOCK_AT, os.getpid(), 0)
            fcntl.fcntl(self._descriptor, fcntl.F_OFD_SETLK, wanted)
        else:
            command = fcntl.LOCK_UN if kind == fcntl.F_UNLCK else fcntl.LOCK_EX | fcntl.LOCK_NB
            fcntl.lockf(self._descriptor, command, 1, _LOCK_AT)

    def _holder(self) -> int | None:
        """Return the pid of whoever else holds the lock, 0 where it cannot be told; None: nobody."""
        found: int | None = None
        if sys.platform == "linux":
            asked = _RANGE.pack(fcntl.F_WRLCK, os.SEEK_SET, _LOCK_AT, 1, 0)
            kind, _, _, length, _ = _RANGE.unpack(fcntl.fcntl(self._descriptor, fcntl.F_OFD_GETLK, asked))
            found = None if kind == fcntl.F_UNLCK else length
        else:
            try:
                self._set(fcntl.F_WRLCK)
                self._set(fcntl.F_UNLCK)
            except OSError:
                found = 0
        return found
