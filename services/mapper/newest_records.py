"""Knows which records of a replay a later one of the same object has superseded: they are not mapped again.

A raw topic holds the history of an object until it is compacted. Mapped in order it would take the catalog
through all of that history once more: an incident resolved today would be triggered again for a while.
"""

import asyncio
import sqlite3
import weakref
from collections.abc import Iterable, Mapping, Sequence
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
        self._looked: dict[TopicPartition, int] = {}
        """The last version for which a partition was read; a second time only if its records ask for it."""
        self._numbers = 0
        self._opened: sqlite3.Connection | None = None

    async def superseded(
        self,
        records: Iterable[Record],
        version: int,
        leaving: asyncio.Event,
        ours: Mapping[TopicPartition, int] | None = None,
    ) -> set[tuple[TopicPartition, int]] | None:
        """Return the places and offsets of those records after which the log has another of the same key.

        A partition is read to its end once for each replay and owner: with all others of the replay that are
        ours, when the first record of any of them comes. One after the other would take a broker half a
        second each.

        Args:
            records: Of a replay.
            version: That of the mapping that is replayed.
            leaving: Set when the partitions are taken away.
            ours: Partitions of the replay that this process owns, to where the replay begins in them.

        Returns:
            None when that came first.
        """
        records = list(records)
        wanted: dict[TopicPartition, int] = {}
        for record in records:
            scanned = self._scanned.get(record.place)
            if scanned is None or scanned.version != version or record.offset < scanned.start:
                wanted[record.place] = min(record.offset, wanted.get(record.place, record.offset))
        if wanted:
            first_look = {
                place: start for place, start in (ours or {}).items() if self._looked.get(place) != version
            }
            if not await self._scan(first_look | wanted, version, leaving):
                return None
        return {
            (record.place, record.offset)
            for record in records
            if record.key is not None
            and self._newest(self._scanned[record.place].number, record.key) > record.offset
        }

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
            # Closed in whatever thread the collector finds it left over.
            self._opened = sqlite3.connect("", isolation_level=None, check_same_thread=False)
            weakref.finalize(self, self._opened.close)
            self._opened.execute("PRAGMA journal_mode = OFF")
            self._opened.execute(
                "CREATE TABLE newest (number INTEGER, key BLOB, at INTEGER, PRIMARY KEY (number, key)) "
                "WITHOUT ROWID"
            )
        return self._opened

    async def _scan(self, starts: Mapping[TopicPartition, int], version: int, leaving: asyncio.Event) -> bool:
        """Read partitions to their ends; False: `leaving` was set before."""
        self.forget(starts)
        for place, start in starts.items():
            self._numbers += 1
            self._scanned[place] = _Scanned(version, start, self._numbers)
        is_whole = False
        try:
            async for records in scan(self._log, list(starts), starts):
                if leaving.is_set():
                    return False
                self._keep(records)
            is_whole = True
        finally:
            if not is_whole:
                # What was read of them is not the last word on their objects.
                self.forget(starts)
        self._looked.update(dict.fromkeys(starts, version))
        return True

    def _keep(self, records: Sequence[Record]) -> None:
        self._database.execute("BEGIN")
        self._database.executemany(
            "INSERT OR REPLACE INTO newest VALUES (?, ?, ?)",
            [
                (self._scanned[record.place].number, record.key, record.offset)
                for record in records
                if record.key is not None
            ],
        )
        self._database.execute("COMMIT")

    def _newest(self, number: int, key: bytes) -> int:
        row = self._database.execute(
            "SELECT at FROM newest WHERE number = ? AND key = ?", (number, key)
        ).fetchone()
        # One that came after the scan is newer than all that was scanned.
        return -1 if row is None else int(row[0])
