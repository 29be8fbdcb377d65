"""Reads and writes the embedded log's file: plain blocking calls, made by one thread at a time."""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from schemas.topics import Topic, topic_of
from shared.errors import ConfigurationError
from shared.log.interface import Committed, Record, TopicPartition
from shared.log.sqlite_chunk import Chunk, unpack_chunk
from shared.log.sqlite_file import make_private, prepare
from shared.log.sqlite_lock import FileLock
from shared.log.sqlite_schema import OFFSET_BITS, OFFSET_MASK, VERSION

_BUSY_TIMEOUT_S = 5.0
_ROWS_PER_INSERT = 32
_READ_BYTES = 16 * 1024 * 1024
"""A read stops after so many bytes of chunks, so that large records do not fill the memory."""


@dataclass(slots=True)
class Lane:
    """One partition as the file holds it.

    Attributes:
        id: Key of the partition in the file.
        start: First offset that can be read.
        end: Offset the next record gets.
    """

    id: int
    start: int
    end: int

    def row(self, offset: int) -> int:
        """Return the row id of a chunk that ends at the offset."""
        return self.id << OFFSET_BITS | offset


@dataclass(frozen=True, slots=True)
class TopicLanes:
    """One topic of the file that the registry knows."""

    spec: Topic
    places: tuple[TopicPartition, ...]


class Store:
    """The file and what is known of it.

    `lanes` and `topics` are replaced as a whole or changed in place without growing, and only after a commit:
    the event loop may look things up in them while the worker's thread works. `loads` counts how often they
    were replaced.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, prefix: str) -> None:
        self.connection = connection
        self.path = path
        self.lanes: Mapping[TopicPartition, Lane] = {}
        self.topics: Mapping[str, TopicLanes] = {}
        self.loads = 0
        self._prefix = prefix
        self._data_version = -1

    @classmethod
    def open(
        cls, path: Path, *, durable: bool, locked: bool, prefix: str, file: FileLock | None = None
    ) -> "Store":
        """Open or create the file.

        Args:
            path: The file.
            durable: Whether an append is on disk when it returns. If not, the file is this process's alone.
            locked: Whether the caller holds the file's lock.
            prefix: The installation's prefix of topics and groups.
            file: The same file as the system knows it; what is older than this release is brought up to date
                under its lock.

        Raises:
            ConfigurationError: No log file of a version we can read, or not readable and writable.
        """
        if locked:
            make_private(path)
        try:
            connection = sqlite3.connect(
                path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            try:
                prepare(
                    connection,
                    path,
                    durable=durable,
                    lock=nullcontext() if locked or file is None else file.held(),
                )
                store = cls(connection, path, prefix)
                store.refresh()
                store.check_partitions()
            except BaseException:
                connection.close()
                raise
        except sqlite3.Error as error:
            raise ConfigurationError(
                f"cannot use {path} as the log ({error}); give a log that pagerport may read and write, or "
                "point OCEAN__LOG__FILE to another path"
            ) from error
        return store

    def close(self) -> None:
        """Close the file; the last one to do so leaves no side files."""
        self.connection.close()

    def try_write(self) -> None:
        """Write what says nothing new, to see whether anything can be written."""
        self.connection.execute(f"PRAGMA user_version = {VERSION}")

    def refresh(self) -> bool:
        """Look whether another connection has written since the last look, and take over what it wrote."""
        version: int = self.connection.execute("PRAGMA data_version").fetchone()[0]
        if version == self._data_version:
            return False
        self._load()
        self._data_version = version
        return True

    def _load(self) -> None:
        lanes: dict[TopicPartition, Lane] = {}
        places: dict[str, list[TopicPartition]] = {}
        rows = self.connection.execute(
            f"""
            SELECT id, topic, partition, start_offset, next_floor,
                   (SELECT max(c.id) FROM chunks c
                    WHERE c.id >= p.id << {OFFSET_BITS} AND c.id < (p.id + 1) << {OFFSET_BITS})
            FROM partitions p WHERE substr(topic, 1, ?) = ? ORDER BY topic, partition
            """,  # noqa: S608 (a constant)
            (len(self._prefix), self._prefix),
        ).fetchall()
        for identifier, full_name, partition, start, floor, newest in rows:
            name = full_name[len(self._prefix) :]
            place = TopicPartition(name, partition)
            end = floor if newest is None else max(floor, (newest & OFFSET_MASK) + 1)
            lanes[place] = Lane(identifier, start, end)
            places.setdefault(name, []).append(place)
        topics: dict[str, TopicLanes] = {}
        for name, found in places.items():
            with suppress(KeyError):  # Not in the registry: it belongs to an installation with a prefix.
                topics[name] = TopicLanes(topic_of(name), tuple(found))
        self.lanes = lanes
        self.topics = topics
        self.loads += 1

    def check_partitions(self) -> None:
        """Compare the topics of the file with the registry.

        Raises:
            ConfigurationError: A topic's partition count differs.
        """
        for name, topic in self.topics.items():
            if len(topic.places) != topic.spec.partitions:
                raise ConfigurationError(
                    f"topic {name} in {self.path} has {len(topic.places)} partitions, this pagerport needs "
                    f"{topic.spec.partitions}; point OCEAN__LOG__FILE to a new file and resync"
                )

    def create_topics(self, names: Sequence[str]) -> bool:
        """Create the missing ones and return whether there were any.

        Raises:
            KeyError: The registry does not know a topic.
        """
        specs = {name: topic_of(name) for name in names}
        with self.transaction():
            known = self.topics
            rows = [
                (self._prefix + name, partition)
                for name, spec in specs.items()
                if name not in known
                for partition in range(spec.partitions)
            ]
            self.connection.executemany("INSERT INTO partitions (topic, partition) VALUES (?, ?)", rows)
        if rows:
            self._load()
        return bool(rows)

    def transaction(self) -> "_Transaction":
        """Open a write transaction in which `lanes` and `topics` are up to date."""
        return _Transaction(self)

    def write(
        self,
        chunks: Sequence[tuple[TopicPartition, Chunk]],
        commits: Sequence[tuple[str, Mapping[TopicPartition, Committed]]],
        now_ms: int,
    ) -> list[int]:
        """Append chunks and write committed offsets, in one transaction.

        Returns:
            For each chunk the offset of its first record.
        """
        firsts: list[int] = []
        ends: dict[TopicPartition, int] = {}
        with self.transaction():
            rows = []
            for place, chunk in chunks:
                lane = self.lanes[place]
                first = ends.get(place, lane.end)
                last = first + chunk.last_delta
                firsts.append(first)
                ends[place] = last + 1
                rows.append((lane.row(last), chunk.last_delta, now_ms, chunk.head, chunk.body))
            self._insert("INSERT INTO chunks VALUES", rows)
            self._insert(
                "INSERT OR REPLACE INTO commits VALUES",
                [
                    (self._prefix + group, self.lanes[place].id, committed.offset, committed.metadata)
                    for group, offsets in commits
                    for place, committed in offsets.items()
                ],
            )
        for place, end in ends.items():
            self.lanes[place].end = end
        return firsts

    def _insert(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        """Insert several rows by one statement: each step of SQLite gives the interpreter lock away."""
        for at in range(0, len(rows), _ROWS_PER_INSERT):
            part = rows[at : at + _ROWS_PER_INSERT]
            values = ",".join(["(" + ",".join("?" * len(part[0])) + ")"] * len(part))
            self.connection.execute(f"{statement} {values}", list(chain.from_iterable(part)))

    def read(self, wanted: Sequence[tuple[TopicPartition, int, int]]) -> list[Record]:
        """Return records of several partitions.

        Args:
            wanted: Partition, first offset and how many records.
        """
        records: list[Record] = []
        budget_bytes = _READ_BYTES
        for place, position, count in wanted:
            topic, partition = place
            lane = self.lanes[place]
            missing = count
            with closing(
                self.connection.execute(
                    "SELECT id, span, timestamp_ms, head, body FROM chunks "
                    "WHERE id >= ? AND id < ? ORDER BY id",
                    (lane.row(position), lane.row(lane.end)),
                )
            ) as rows:
                for row, span, timestamp_ms, head, body in rows:
                    base = (row & OFFSET_MASK) - span
                    for delta, key, value, headers in unpack_chunk(head, body, position - base):
                        records.append(
                            Record(topic, partition, base + delta, timestamp_ms, key, value, headers)
                        )
                        missing -= 1
                        if not missing:
                            break
                    budget_bytes -= len(body)
                    if not missing or budget_bytes <= 0:
                        break
            if budget_bytes <= 0:
                break
        return records

    def committed(self, group: str, places: Sequence[TopicPartition]) -> dict[TopicPartition, Committed]:
        """Return what the group has committed for the partitions."""
        self.refresh()
        found = {
            row[0]: Committed(row[1], row[2])
            for row in self.connection.execute(
                "SELECT partition_id, next_offset, metadata FROM commits WHERE group_id = ?",
                (self._prefix + group,),
            )
        }
        return {place: found[self.lanes[place].id] for place in places if self.lanes[place].id in found}


class _Transaction:
    """A write transaction that is rolled back by an error."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __enter__(self) -> None:
        self._store.connection.execute("BEGIN IMMEDIATE")
        try:
            # Another process may have appended: its offsets are taken. From here on nobody else can.
            self._store.refresh()
        except BaseException:
            self._store.connection.execute("ROLLBACK")
            raise

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        connection = self._store.connection
        try:
            if kind is None:
                connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
