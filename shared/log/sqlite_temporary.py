"""Is the private directory of a temporary log, and the removal of those that killed processes have left."""

import errno
import fcntl
import os
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from shared.errors import ConfigurationError

PREFIX: Final = "pagerport-"
FILE_NAME: Final = "log.sqlite"
MARKER: Final = "temporary"
"""Makes a directory one of ours; locked while its process lives, and taken away from a log that is kept."""
_SAYS: Final = (
    b"This directory holds the temporary log of a `pagerport sync`. Once that has ended, it may go.\n"
)
_FILES: Final = frozenset({MARKER, FILE_NAME, *(FILE_NAME + end for end in ("-journal", "-wal", "-shm"))})
"""All that a directory of ours ever holds."""
_PRIVATE: Final = 0o600
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class TemporaryPlace:
    """A directory that nobody else can enter, for one log, until it is removed or its file kept."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix=PREFIX))
        self._marker = os.open(self.directory / MARKER, _NEW, _PRIVATE)
        fcntl.flock(self._marker, fcntl.LOCK_EX)
        # What marks it comes last: until then nobody takes it for a leftover.
        os.write(self._marker, _SAYS)

    @property
    def file(self) -> Path:
        """Return where the log is."""
        return self.directory / FILE_NAME

    def keep(self) -> None:
        """Leave the file where it is, for good."""
        (self.directory / MARKER).unlink(missing_ok=True)
        self._let_go()

    def keep_as(self, path: Path) -> None:
        """Move the closed log, which its owner alone may read on the way, too.

        Raises:
            ConfigurationError: It cannot be moved there; it stays where it is, for good.
        """
        self.keep()
        try:
            _move(self.file, path)
        except OSError as error:
            raise ConfigurationError(
                f"cannot move the log to {path} ({error.strerror}); it is kept as {self.file}"
            ) from error
        shutil.rmtree(self.directory)

    def remove(self) -> None:
        """Remove the directory with all that is in it."""
        shutil.rmtree(self.directory)
        self._let_go()

    def _let_go(self) -> None:
        os.close(self._marker)


def remove_leftovers(parent: Path) -> list[Path]:
    """Remove the directories of processes that were killed: they hold raw objects of somebody's account.

    Gone is what this user made here as `TemporaryPlace`, nobody holds, and no more than such a directory has
    in it. Everything else stays as it is, and nothing is ever written.

    Args:
        parent: Directory of temporary directories; others may write into it, too.

    Returns:
        What was removed.
    """
    removed = []
    for directory in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):
            opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                if _remove_content(opened):
                    directory.rmdir()
                    removed.append(directory)
            finally:
                os.close(opened)
    return removed


def _remove_content(directory: int) -> bool:
    """Empty a directory if it is a leftover; return whether it was."""
    found = os.fstat(directory)
    if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) != stat.S_IRWXU:
        return False
    names = set(os.listdir(directory))
    if MARKER not in names or not names <= _FILES or not all(_is_ours(name, directory) for name in names):
        return False
    marker = os.open(MARKER, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    try:
        fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.read(marker, len(_SAYS) + 1) != _SAYS:
            return False
        # The marker goes last: what an error leaves behind is still a leftover.
        for name in sorted(names, key=MARKER.__eq__):
            os.unlink(name, dir_fd=directory)
    finally:
        os.close(marker)
    return True


def _is_ours(name: str, directory: int) -> bool:
    found = os.stat(name, dir_fd=directory, follow_symlinks=False)
    return stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and found.st_nlink == 1


def _move(file: Path, path: Path) -> None:
    try:
        # Not over a file that is there, as `rename` would.
        os.link(file, path)
    except OSError as error:
        if error.errno not in {errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EMLINK}:
            raise
        _copy(file, path)
    file.unlink()


def _copy(file: Path, path: Path) -> None:
    with file.open("rb") as source, os.fdopen(os.open(path, _NEW, _PRIVATE), "wb") as target:
        try:
            shutil.copyfileobj(source, target)
            target.flush()
            os.fsync(target.fileno())
        except OSError:
            path.unlink()
            raise
