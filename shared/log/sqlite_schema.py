"""Defines the tables of the embedded log's file and carries older files over to them."""

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from shared.errors import ConfigurationError

APPLICATION_ID = 0x50475054  # "PGPT": tells our file from any other SQLite file.
PAGE_BYTES = 16_384
"""Page size of new files: a chunk of 2 KB records spans few pages, a lone record does not waste much."""

OFFSET_BITS = 40
"""A chunk's row id is its partition's id, shifted by these bits, plus the offset of its last record."""
OFFSET_MASK = (1 << OFFSET_BITS) - 1

Step = Callable[[sqlite3.Connection], None]


def _create(connection: sqlite3.Connection) -> None:
    """0 to 1: the tables of the first release."""
    connection.execute(
        """
        CREATE TABLE partitions (
            id            INTEGER PRIMARY KEY,
            topic         TEXT    NOT NULL,  -- with the installation's prefix
            partition     INTEGER NOT NULL,
            start_offset  INTEGER NOT NULL DEFAULT 0,  -- first offset that can be read; retention moves it
            next_floor    INTEGER NOT NULL DEFAULT 0,  -- no record gets a lower offset, whatever was removed
            cleaned_to    INTEGER NOT NULL DEFAULT 0,  -- compaction has read everything below
            tombstone_ms  INTEGER,  -- when the oldest tombstone that compaction kept was appended
            UNIQUE (topic, partition)
        )
        """
    )
    connection.execute(
        """
        CREATE TABLE chunks (
            id            INTEGER PRIMARY KEY,
            span          INTEGER NOT NULL,  -- offset of the last record minus that of the first
            timestamp_ms  INTEGER NOT NULL,
            head          BLOB    NOT NULL,
            body          BLOB    NOT NULL
        )
        """
    )
    connection.execute(
        """
        CREATE TABLE commits (
            group_id      TEXT    NOT NULL,
            partition_id  INTEGER NOT NULL REFERENCES partitions (id),
            next_offset   INTEGER NOT NULL,
            metadata      TEXT    NOT NULL,
            PRIMARY KEY (group_id, partition_id)
        ) WITHOUT ROWID
        """
    )


STEPS: tuple[Step, ...] = (_create,)
"""The step at index n carries a file of version n to version n + 1. Released steps never change."""

VERSION = len(STEPS)


def file_version(connection: sqlite3.Connection, path: Path) -> int:
    """Return the version of the file's tables; 0: it has none yet.

    Raises:
        ConfigurationError: The file belongs to another program.
        sqlite3.Error: The file cannot be read.
    """
    application: int = connection.execute("PRAGMA application_id").fetchone()[0]
    if application == APPLICATION_ID:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        return version
    if application or connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone():
        raise ConfigurationError(
            f"{path} is an SQLite file of another program and not a pagerport log; give another path"
        )
    return 0


def migrate(connection: sqlite3.Connection, path: Path, steps: Sequence[Step] = STEPS) -> None:
    """Bring the file to the version `len(steps)`, in one transaction.

    Raises:
        ConfigurationError: A newer release wrote the file.
        sqlite3.Error: The file cannot be written; nothing of it has changed.
    """
    connection.execute("BEGIN EXCLUSIVE")
    try:
        version = file_version(connection, path)
        if version > len(steps):
            raise newer_file(path, version, len(steps))
        for step in steps[version:]:
            step(connection)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(steps)}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def newer_file(path: Path, version: int, known: int) -> ConfigurationError:
    """Return the error of a file that a newer release wrote."""
    return ConfigurationError(
        f"{path} was written by a newer pagerport (file version {version}, this one knows {known}); "
        "upgrade pagerport or point OCEAN__LOG__FILE to another path"
    )
