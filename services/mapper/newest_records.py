"""Knows which records of a replay a later one of the same object has superseded: they are not mapped again.

A raw topic holds the history of an object until it is compacted. Mapped in order it would take the catalog
through all of that history once more: an incident resolved today would be triggered again for a while.
"""

import asyncio
import sqlite3
import weakref
from collections.abc import Iterable
from dataclasses import dataclass

from shared.log.interface import Log, Record, TopicPartition
from shared.topic_scan import scan


@dataclass(frozen=True, slots=True)
class _Scanned:
    """What was read of a partition: from `start` on, to what was its end, for a version of the mapping."""

    version: int
    start: int
    number: int


class NewestRecords:
    """Where each object stands last, for the partitions that are being replayed.

    The keys lie in a scratch database that SQLite moves to a file without a name when it grows.

    Args:
        log: Holds the raw topics.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._scanned: dict[TopicPartition, _Scanned] = {}
        self._numbers = 0
        self._opened: sqlite3.Connection | None = None

    async def superseded(
        self, records: Iterable[Record], version: int, leaving: asyncio.Event
    ) -> set[tuple[TopicPartition, int]] | None:
        """Return the places and offsets of those records after which the log has another of the same key.

        A partition is read to its end when its first record comes, so once for each replay and owner.

        Args:
            records: Of a replay.
            version: That of the mapping that is replayed.
            leaving: Set when the partitions are taken away.

        Returns:
            None when that came first.
        """
        found: set[tuple[TopicPartition, int]] = set()
        for record in records:
            scanned = self._scanned.get(record.place)
            if scanned is None or scanned.version != version or record.offset < scanned.start:
                scanned = await self._scan(record, version, leaving)
                if scanned is None:
                    return None
            if record.key is not None and self._newest(scanned.number, record.key) > record.offset:
                found.add((record.place, record.offset))
        return found

    def forget(self, places: Iterable[TopicPartition]) -> None:
        """Let go of partitions whose replay is over, or that are somebody else's now."""
        for place in places:
            scanned = self._scanned.pop(place, None)
            if scanned is not None:
                self._database.execute("DELETE FROM newest WHERE number = ?", (scanned.number,))
        if not self._scanned and self._opened is not None:
            self._opened.close()
            self._opened = None

    @property
    def places(self) -> frozenset[TopicPartition]:
        """Return the partitions of which something is kept."""
        return frozenset(self._scanned)

    @property
    def _database(self) -> sqlite3.Connection:
        """Return the scratch database, which exists only while something is replayed."""
        if self._opened is None:
            self._opened = sqlite3.connect("", isolation_level=None)
            weakref.finalize(self, self._opened.close)
            self._opened.execute("PRAGMA journal_mode = OFF")
            self._opened.execute(
                "CREATE TABLE newest (number INTEGER, key BLOB, at INTEGER, PRIMARY KEY (number, key)) "
                "WITHOUT ROWID"
            )
        return self._opened

    async def _scan(self, first: Record, version: int, leaving: asyncio.Event) -> _Scanned | None:
        place = first.place
        self.forget([place])
        self._numbers += 1
        scanned = self._scanned[place] = _Scanned(version, first.offset, self._numbers)
        async for records in scan(self._log, [place], {place: first.offset}):
            if leaving.is_set():
                self.forget([place])
                return None
            self._database.execute("BEGIN")
            self._database.executemany(
                "INSERT OR REPLACE INTO newest VALUES (?, ?, ?)",
                [(scanned.number, record.key, record.offset) for record in records if record.key is not None],
            )
            self._database.execute("COMMIT")
        return scanned

    def _newest(self, number: int, key: bytes) -> int:
        row = self._database.execute(
            "SELECT at FROM newest WHERE number = ? AND key = ?", (number, key)
        ).fetchone()
        # One that came after the scan is newer than all that was scanned.
        return -1 if row is None else int(row[0])
