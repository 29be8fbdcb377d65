"""States what any log must do: the six calls on which the runtime and the conductor stand."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol


class TopicPartition(NamedTuple):
    """One partition of one topic."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class NewRecord:
    """A record to append.

    Attributes:
        topic: Topic that exists.
        key: Chooses the partition (Kafka's murmur2 partitioner); required in compacted topics.
        value: None is a tombstone.
        headers: Pairs in order; values may be null, as a record that goes to a dead-letter topic has them.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it was read. Nothing of it is trusted: any part may be missing or broken."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]

    @property
    def place(self) -> TopicPartition:
        """Return the partition the record lies in."""
        return TopicPartition(self.topic, self.partition)


class Position(NamedTuple):
    """Where an appended record lies."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Committed:
    """What a group has committed for a partition.

    Attributes:
        offset: Next offset to read.
        metadata: Text of at most 3 500 bytes, written in one with the offset.
    """

    offset: int
    metadata: str = ""


class OffsetOutOfRangeError(Exception):
    """A position lies below the log's start (records were forgotten before they were read) or above its end.

    Attributes:
        starts: For each such partition the first offset that still can be read.
    """

    def __init__(self, starts: Mapping[TopicPartition, int]) -> None:
        super().__init__(f"offset out of range in {sorted(starts)}")
        self.starts = dict(starts)


class AssignmentListener(Protocol):
    """Hears of partitions that come and go; both calls are awaited before the change takes effect."""

    async def on_assigned(self, partitions: frozenset[TopicPartition]) -> None:
        """Partitions are ours from now on (the whole assignment, not the difference)."""

    async def on_revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """Partitions are taken away. Commits still succeed while this runs; the new owner waits for it."""


class Assignment(Protocol):
    """A member's place in a group, until it leaves."""

    @property
    def partitions(self) -> frozenset[TopicPartition]:
        """Return what this member owns now."""

    async def read(
        self, positions: Mapping[TopicPartition, int], *, max_records: int, wait_s: float
    ) -> list[Record]:
        """Return records of partitions that are ours; otherwise as `Log.read`. One call at a time.

        What was returned is not returned again unless a position says so: a rewind, or a batch that failed.

        Raises:
            NotOwnerError: A partition is not (or no longer) ours.
            OffsetOutOfRangeError: A position lies outside the log.
        """

    async def commit(self, offsets: Mapping[TopicPartition, Committed]) -> None:
        """Commit as this member.

        Raises:
            NotOwnerError: A partition is not (or no longer) ours; nothing of the call is committed.
        """

    async def leave(self) -> None:
        """Leave the group after `on_revoked` for all that is held."""


TopicFilter = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Subscription:
    """Says which topics a member of a group reads, also those created later. It is a `TopicFilter`.

    Not any function, because Kafka wants to know it as a pattern.

    Attributes:
        names: These topics.
        beginnings: Every topic whose name begins with one of these.
    """

    names: frozenset[str] = field(default_factory=frozenset)
    beginnings: tuple[str, ...] = ()

    @classmethod
    def to(cls, *names: str) -> "Subscription":
        """Return the subscription to topics by name."""
        return cls(names=frozenset(names))

    @classmethod
    def to_all(cls, *beginnings: str) -> "Subscription":
        """Return the subscription to families of topics."""
        return cls(beginnings=beginnings)

    def __call__(self, topic: str) -> bool:
        """Return whether the topic is read."""
        return topic in self.names or topic.startswith(self.beginnings)


class Log(Protocol):
    """An ordered, partitioned, durable log. Safe for use by several tasks of one event loop."""

    async def append(self, records: Sequence[NewRecord]) -> list[Position]:
        """Append all records in order and return when they are durable.

        Either all of one call's records become visible or an error is raised; after an error some may still
        be there (a duplicate, never a gap). Order per key is the order of calls.

        Raises:
            KeyError: A topic does not exist.
            ValueError: A record without key for a compacted topic, or larger than the topic allows.
        """

    async def read(
        self, positions: Mapping[TopicPartition, int], *, max_records: int, wait_s: float
    ) -> list[Record]:
        """Return records from the positions on, in offset order per partition, from outside of any group.

        Takes from every partition in turn so that none starves. Waits up to `wait_s` for the first record;
        returns what is there, at most `max_records`, possibly nothing. Offsets may have gaps (compaction).

        Raises:
            OffsetOutOfRangeError: A position lies outside the log.
        """

    async def end_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Return for each partition the offset the next record will get."""

    async def committed(
        self, group: str, partitions: Sequence[TopicPartition]
    ) -> dict[TopicPartition, Committed]:
        """Return what the group has committed; a partition without a commit is absent."""

    async def commit(self, group: str, offsets: Mapping[TopicPartition, Committed]) -> None:
        """Commit for a group from outside of it. Members use their assignment's commit.

        Raises:
            NotOwnerError: The group has members, and this log lets nobody else commit then.
        """

    async def assignment(self, group: str, topics: Subscription, listener: AssignmentListener) -> Assignment:
        """Join a group as a new member.

        Returns after the first `on_assigned`, which may bring nothing.
        """

    async def partitions(self, topics: TopicFilter) -> list[TopicPartition]:
        """Return all partitions of the topics that the filter accepts, sorted."""

    async def create_topics(self, topics: Sequence[str]) -> None:
        """Create topics that are missing, as the registry says. Existing ones stay as they are."""


Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]
