"""Is the embedded log: all topics, partitions and committed offsets of an installation in one SQLite file."""

import asyncio
import logging
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from shared.errors import ConfigurationError, FatalError, RetryableError
from shared.log.interface import (
    Assignment,
    AssignmentListener,
    Clock,
    Committed,
    NewRecord,
    Position,
    Record,
    Subscription,
    TopicFilter,
    TopicPartition,
)
from shared.log.metadata_limit import check_metadata
from shared.log.places import choose_place
from shared.log.sqlite_append import pack_records, positions_of
from shared.log.sqlite_file import require_log
from shared.log.sqlite_groups import Group
from shared.log.sqlite_health import FileHealth
from shared.log.sqlite_lock import FileLock
from shared.log.sqlite_maintenance import maintain
from shared.log.sqlite_positions import outside, refuse_outside, share
from shared.log.sqlite_store import Store
from shared.log.sqlite_temporary import TemporaryPlace, remove_leftovers
from shared.log.sqlite_waiters import Waiters
from shared.log.sqlite_worker import InlineWorker, ThreadWorker, Worker
from shared.log.sqlite_writes import Chunks, GroupCommit, WriteQueue
from shared.log.turns import Turns

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

LOOK_INTERVAL_S: Final = 0.25
"""How often a log looks for what other processes have appended."""


class SqliteLog:
    """The `Log` over one SQLite file.

    Several processes may read and append to a durable file; one of them, which holds the lock, consumes. A
    file that is not durable belongs to one process. Every call raises RetryableError when SQLite fails in a
    way that passes (disk full, file busy), FatalError when the file is damaged.
    """

    def __init__(
        self, store: Store, worker: Worker, *, lock: FileLock, is_shared: bool, clock: Clock
    ) -> None:
        self._store = store
        self._worker = worker
        self._lock = lock
        self._clock = clock
        self._is_shared = is_shared
        self._place: TemporaryPlace | None = None
        self._health = FileHealth(store.path, lock if is_shared else None)
        self._closed = False
        self._looker: asyncio.Task[None] | None = None
        self._writes = WriteQueue(self._write)
        self._waiters = Waiters()
        self._groups: dict[str, Group] = {}
        self._keyless = count()
        self._turns = Turns()
        self._known_topics = set(store.topics)
        self._known_loads = store.loads

    @classmethod
    async def open(
        cls, path: Path | str, *, durable: bool, consuming: bool, prefix: str = "", clock: Clock = time.time
    ) -> "SqliteLog":
        """Open a log file.

        Args:
            path: The file; a consuming process creates it.
            durable: Whether an append is on disk when it returns. If not, no other process can use the file
                meanwhile, and a power cut may leave it damaged.
            consuming: Whether this process reads as a member of groups and cleans up. One at a time may.
            prefix: The installation's prefix of topics and groups; callers never see it.
            clock: Seconds since the epoch, for the records' timestamps.

        Raises:
            ConfigurationError: The file cannot be used, or another process consumes it.
            RetryableError, FatalError: It cannot be cleaned up; see the class.
        """
        path = Path(path)
        if not consuming:
            require_log(path)
        worker: Worker = ThreadWorker() if durable else InlineWorker()
        lock = FileLock.acquire(path) if consuming else FileLock.beside(path)
        try:
            store = await worker.run(
                Store.open, path, durable=durable, locked=consuming, prefix=prefix, file=lock
            )
        except BaseException:
            lock.close()
            worker.close()
            raise
        log = cls(store, worker, lock=lock, is_shared=durable, clock=clock)
        if durable:
            log._looker = asyncio.create_task(log._look())
        if durable and consuming:
            try:
                await log.maintain(int(clock() * 1000))
            except BaseException:
                await log.close()
                raise
        return log

    @classmethod
    async def temporary(cls, *, prefix: str = "", clock: Clock = time.time) -> "SqliteLog":
        """Open a log in a private temporary directory, which `close` removes (or else the next opening)."""
        remove_leftovers(Path(tempfile.gettempdir()))
        place = TemporaryPlace()
        try:
            log = await cls.open(place.file, durable=False, consuming=True, prefix=prefix, clock=clock)
        except BaseException:
            place.remove()
            raise
        log._place = place
        return log

    @property
    def path(self) -> Path:
        """Return where the file is."""
        return self._store.path

    @property
    def trouble(self) -> str:
        """Return why nothing can be taken in now; empty: it can, as far as was seen."""
        return self._health.lost or self._health.trouble

    def is_consumed(self) -> bool:
        """Return whether a process consumes the file now, this one included."""
        return self._lock.is_consumed()

    async def try_write(self) -> str:
        """Write what says nothing new; return why that cannot be done, or nothing."""
        try:
            await self._run(self._store.try_write)
        except RetryableError as error:
            self._health.failed(error)
        else:
            self._health.wrote()
        return self._health.trouble

    async def watch_file(self) -> None:
        """Look after the file until cancelled.

        Raises:
            FatalError: It was deleted, moved or replaced; nothing is taken in from then on.
        """
        while True:
            self._health.require_file()
            if self._health.wants_try():
                await self.try_write()
            await asyncio.sleep(LOOK_INTERVAL_S)

    async def close(self, *, keep: bool = False) -> None:
        """Close the log; what was appended before is written first. Members of groups must have left.

        Args:
            keep: Whether a temporary log's file stays where it is.
        """
        if self._closed:
            return
        self._closed = True
        for group in self._groups.values():
            await group.close()
        if self._looker is not None:
            self._looker.cancel()
            await asyncio.gather(self._looker, return_exceptions=True)
        await self._writes.finish()
        self._waiters.wake_all()
        await self._worker.run(self._store.close)
        self._worker.close()
        self._lock.close()
        if self._place is not None:
            if keep:
                self._place.keep()
            else:
                self._place.remove()

    async def keep_as(self, path: Path | str) -> None:
        """Close a temporary log and move its file.

        Raises:
            ConfigurationError: The file cannot be moved there; it stays in the temporary directory, for good.
        """
        place, self._place = self._place, None
        await self.close()
        if place is not None:
            place.keep_as(Path(path))

    async def append(self, records: Sequence[NewRecord]) -> list[Position]:
        """Append all records in order and return when they are durable. See `Log.append`."""
        await self._know_topics(record.topic for record in records)
        self._check_open()
        topics = self._store.topics
        places = [
            choose_place(topic.spec, record, len(topic.places), next(self._keyless))
            for record in records
            for topic in (topics[record.topic],)
        ]
        chunks = pack_records(records, places)
        if not chunks:
            return []
        return positions_of(places, chunks, await self._writes.write(chunks))

    async def read(
        self, positions: Mapping[TopicPartition, int], *, max_records: int, wait_s: float
    ) -> list[Record]:
        """Return records from the positions on. See `Log.read`."""
        deadline_s = asyncio.get_running_loop().time() + wait_s
        await self._know_places(positions)
        await self._check_range(positions)
        has_looked = not self._is_shared
        while True:
            self._check_open()
            wanted = share(self._store.lanes, positions, self._turns, max_records)
            if wanted:
                records = await self._run(self._store.read, wanted)
                # What was there a moment ago may have been forgotten before it was read.
                refuse_outside(self._store.lanes, positions)
                for place in dict.fromkeys(record.place for record in records):
                    self._turns.serve(place)
                return records
            if not has_looked:
                await self._refresh()
                has_looked = True
            elif not await self._waiters.wait(frozenset(positions), deadline_s):
                return []

    async def _check_range(self, positions: Mapping[TopicPartition, int]) -> None:
        if self._is_shared and outside(self._store.lanes, positions):
            await self._refresh()  # Another process may have appended what we do not know of yet.
        refuse_outside(self._store.lanes, positions)

    async def end_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Return for each partition the offset the next record will get."""
        if self._is_shared:
            await self._refresh()
        return {place: self._store.lanes[place].end for place in partitions}

    async def committed(
        self, group: str, partitions: Sequence[TopicPartition]
    ) -> dict[TopicPartition, Committed]:
        """Return what the group has committed; a partition without a commit is absent."""
        return await self._run(self._store.committed, group, partitions)

    async def commit(self, group: str, offsets: Mapping[TopicPartition, Committed]) -> None:
        """Commit for a group from outside of it.

        Raises:
            KeyError: A partition does not exist.
            ValueError: An offset is negative or the metadata too long.
        """
        await self._know_places(offsets)
        check_metadata(offsets)
        if offsets:
            self._check_open()
            await self._writes.write(commits=[(group, dict(offsets))])

    async def assignment(self, group: str, topics: Subscription, listener: AssignmentListener) -> Assignment:
        """Join a group as a new member; returns after the first `on_assigned`.

        Raises:
            ConfigurationError: The log was opened without consuming.
        """
        if not self._lock.is_held:
            raise ConfigurationError(f"{self.path} is open for reading and appending, not for consuming")
        self._check_open()
        if group not in self._groups:
            self._groups[group] = Group(group, self.commit, self._places, self.read)
        return await self._groups[group].join(topics, listener)

    async def partitions(self, topics: TopicFilter) -> list[TopicPartition]:
        """Return all partitions of the topics that the filter accepts, sorted."""
        if self._is_shared:
            await self._refresh()
        return sorted(place for name, places in self._places().items() if topics(name) for place in places)

    async def create_topics(self, topics: Sequence[str]) -> None:
        """Create topics that are missing, as the registry says.

        Raises:
            KeyError: The registry does not know a topic.
            ConfigurationError: An existing topic has another number of partitions.
        """
        if any(name not in self._store.topics for name in topics):
            await self._run(self._store.create_topics, topics)
        self._store.check_partitions()

    async def maintain(self, now_ms: int) -> None:
        """Compact and expire what the registry allows to forget, with other calls in between.

        Raises:
            ConfigurationError: The log was opened without consuming.
        """
        if not self._lock.is_held:
            raise ConfigurationError(f"{self.path} is open for reading and appending, not for cleaning up")
        await maintain(self._store, self._run, now_ms)

    async def _write(self, chunks: Chunks, commits: Sequence[GroupCommit]) -> list[int]:
        try:
            firsts = await self._run(self._store.write, chunks, commits, int(self._clock() * 1000))
        except RetryableError as error:
            self._health.failed(error)
            raise
        # Before anybody is told that it is kept.
        self._health.require_file()
        self._health.wrote()
        self._waiters.wake({place for place, _ in chunks})
        return firsts

    async def _run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            result = await self._worker.run(call, *args, **kwargs)
        except sqlite3.OperationalError as error:
            raise RetryableError(f"the log {self.path}: {error}; check disk space and permissions") from error
        except sqlite3.DatabaseError as error:
            raise FatalError(f"the log {self.path} is damaged: {error}; remove it and resync") from error
        self._notice_loads()
        return result

    def _notice_loads(self) -> None:
        """Tell readers and groups what any call, a cancelled one too, has found that others wrote."""
        if self._known_loads == self._store.loads:
            return
        self._known_loads = self._store.loads
        self._waiters.wake_all()
        appeared = self._store.topics.keys() - self._known_topics
        if appeared:
            self._known_topics |= appeared
            for group in self._groups.values():
                group.topics_appeared(appeared)

    async def _refresh(self) -> None:
        await self._run(self._store.refresh)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_INTERVAL_S)
            try:
                await self._refresh()
            except (RetryableError, FatalError) as error:
                logger.warning("cannot look for records of other processes: %s", error)

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError(f"the log {self.path} is closed")

    def _places(self) -> dict[str, Sequence[TopicPartition]]:
        return {name: topic.places for name, topic in self._store.topics.items()}

    async def _know_topics(self, names: Iterable[str]) -> None:
        unknown = set(names) - self._store.topics.keys()
        if unknown and self._is_shared:
            await self._refresh()
            unknown -= self._store.topics.keys()
        if unknown:
            raise KeyError(", ".join(sorted(unknown)))

    async def _know_places(self, places: Iterable[TopicPartition]) -> None:
        unknown = set(places) - self._store.lanes.keys()
        if unknown and self._is_shared:
            await self._refresh()
            unknown -= self._store.lanes.keys()
        if unknown:
            raise KeyError(", ".join(f"{topic}/{partition}" for topic, partition in sorted(unknown)))
