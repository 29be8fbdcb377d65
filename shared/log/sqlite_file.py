"""Makes the embedded log's file ready for use: whose it is, how it is written, which version it has."""

import os
import sqlite3
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from shared.errors import ConfigurationError
from shared.log.sqlite_schema import PAGE_BYTES, VERSION, file_version, migrate, newer_file

_MAGIC = b"SQLite format 3\0"
"""First bytes of an SQLite file. Source: SQLite, Database File Format."""
_PRIVATE = 0o600


def prepare(
    connection: sqlite3.Connection, path: Path, *, durable: bool, lock: AbstractContextManager[object]
) -> None:
    """Set a connection up, and make the tables or bring those of an older release up to date.

    Args:
        connection: To the file.
        path: The file, for messages.
        durable: Whether an append is on disk when it returns. If not, the file is this process's alone.
        lock: Held while tables are made or changed.

    Raises:
        ConfigurationError: It is the file of another program, or of a newer release.
        sqlite3.Error: It cannot be read and written.
    """
    connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    if not durable:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    version = file_version(connection, path)
    if version > VERSION:
        raise newer_file(path, version, VERSION)
    if durable:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
    else:
        connection.execute("PRAGMA journal_mode = MEMORY")
        connection.execute("PRAGMA synchronous = OFF")
    if version < VERSION:
        with lock:
            migrate(connection, path)
    # Refused here if the file is read-only, and not at the first append.
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("ROLLBACK")


def make_private(path: Path) -> None:
    """Make a file that is not there yet, for its owner only: it will hold what a whole account says.

    Its side files get its mode from SQLite. The mode of a file that is there stays as its owner set it.
    """
    with suppress(OSError):
        # What is wrong with the path SQLite says better.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _PRIVATE))


def require_log(path: Path) -> None:
    """Check that there is a file which may be a log; SQLite would make one.

    Raises:
        ConfigurationError: There is none, or it is something else.
    """
    if not path.is_file():
        raise ConfigurationError(
            f"there is no log at {path}; give the file that a sync named, with --log FILE or as "
            "OCEAN__LOG__FILE"
        )
    if not _is_database(path):
        raise ConfigurationError(f"{path} is not a pagerport log; give the file that the sync named")


def _is_database(path: Path) -> bool:
    """Return whether it is an SQLite file: an empty one is none, and a reader must not make one of it."""
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read ({error.strerror}); may you read it?") from None
