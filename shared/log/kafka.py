"""Is the log on Kafka: topics, partitions and committed offsets of an installation on a cluster."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import MessageSizeTooLargeError
from aiokafka.errors import (
    OffsetOutOfRangeError as ClusterOffsetOutOfRangeError,
)
from faststream.kafka import KafkaBroker

from schemas.topics import topic_of
from shared.errors import RetryableError
from shared.log.interface import (
    Assignment,
    AssignmentListener,
    Committed,
    NewRecord,
    OffsetOutOfRangeError,
    Position,
    Record,
    Subscription,
    TopicFilter,
    TopicPartition,
)
from shared.log.kafka_clients import CLOSE_TIMEOUT_S, KafkaClients
from shared.log.kafka_connection import KafkaConnection
from shared.log.kafka_coordinator import ask_coordinator
from shared.log.kafka_errors import kafka_errors
from shared.log.kafka_member import KafkaMember
from shared.log.kafka_odd_names import tolerate_odd_names
from shared.log.kafka_stopping import stop_for_good
from shared.log.kafka_topics import Difference, KafkaTopics
from shared.log.metadata_limit import check_metadata
from shared.log.places import choose_place

logger = logging.getLogger(__name__)

JOIN_RETRY_S: Final = 1.0
_MEMBERS: Final = 5
"""Place in the description of a group. Source: Kafka protocol, DescribeGroups response."""
READ_GRACE_S: Final = 30.0
"""How long records that are there may take to arrive."""


class KafkaLog:
    """The `Log` on a Kafka cluster.

    Every call ends in time; when Kafka cannot be reached it raises RetryableError, when it refuses the login
    or forbids what is done, ConfigurationError.

    Args:
        connection: How the cluster is reached.
        broker: FastStream's broker, for members of groups; None: this log joins none.
    """

    def __init__(self, connection: KafkaConnection, broker: KafkaBroker | None = None) -> None:
        self._connection = connection
        self._names = connection.names
        self._broker = broker
        self._keyless = count()
        self._counts: dict[str, int] = {}
        self._coordinators: dict[str, int] = {}
        self._clients: KafkaClients | None = None

    @property
    def connection(self) -> KafkaConnection:
        """Return how the cluster is reached."""
        return self._connection

    async def start(self) -> None:
        """Connect. `connect_within` tries for longer and says what is wrong.

        Raises:
            RetryableError, ConfigurationError: Kafka cannot be reached or refuses us.
        """
        tolerate_odd_names()
        async with self._errors("connecting"):
            self._clients = await KafkaClients.start(self._connection)

    async def close(self) -> None:
        """Close the connections. Members of groups must have left."""
        if self._clients is not None:
            clients, self._clients = self._clients, None
            await clients.close()

    async def append(self, records: Sequence[NewRecord]) -> list[Position]:
        """Append all records in order and return when they are durable. See `Log.append`.

        Raises:
            RetryableError: Not acknowledged in time; some may have been or be written all the same.
        """
        if not records:
            return []
        await self._know(record.topic for record in records)
        places = [
            choose_place(topic_of(record.topic), record, self._counts[record.topic], next(self._keyless))
            for record in records
        ]
        async with self._errors("appending", timeout_s=self._connection.append_timeout_s):
            try:
                return await self._open.lanes.send(records, places)
            except MessageSizeTooLargeError:
                topics = ", ".join(sorted({record.topic for record in records}))
                raise ValueError(f"a record has more bytes than the cluster takes in {topics}") from None

    async def read(
        self, positions: Mapping[TopicPartition, int], *, max_records: int, wait_s: float
    ) -> list[Record]:
        """Return records from the positions on. See `Log.read`."""
        if not positions:
            await asyncio.sleep(wait_s)
            return []
        await self._know(place.topic for place in positions)
        ranges = await self._ranges(positions)
        _refuse_outside(positions, ranges)
        ends = {place: end for place, (_, end) in ranges.items()}
        async with self._errors("reading", timeout_s=wait_s + READ_GRACE_S):
            try:
                async with self._open.readers.lend(frozenset(positions)) as reader:
                    return await reader.read(positions, ends, max_records=max_records, wait_s=wait_s)
            except ClusterOffsetOutOfRangeError:
                _refuse_outside(positions, await self._ranges(positions))
                raise

    async def end_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Return for each partition the offset the next record will get."""
        await self._know(place.topic for place in partitions)
        async with self._errors("reading end offsets"):
            found = await self._open.outside.end_offsets(
                [self._names.on_cluster(place) for place in partitions]
            )
        return {place: found[self._names.on_cluster(place)] for place in partitions}

    async def committed(
        self, group: str, partitions: Sequence[TopicPartition]
    ) -> dict[TopicPartition, Committed]:
        """Return what the group has committed; a partition without a commit is absent."""
        if not partitions:
            return {}
        async with self._errors(f"reading what {group} has committed"):
            there = self._names.group(group)
            found = await ask_coordinator(lambda: self._fetch_committed(there, partitions))
        return {
            place: Committed(entry.offset, entry.metadata)
            for place in partitions
            if (entry := found.get(self._names.on_cluster(place))) is not None and entry.offset >= 0
        }

    async def has_members(self, group: str) -> bool:
        """Return whether any process is in the group now."""
        there = self._names.group(group)
        async with self._errors(f"asking who is in {group}"):
            found = await ask_coordinator(lambda: self._open.admin.describe_consumer_groups([there]))
        return any(described[_MEMBERS] for answer in found for described in answer.groups)

    async def _fetch_committed(self, group: str, partitions: Sequence[TopicPartition]) -> Mapping[Any, Any]:
        admin = self._open.admin
        wanted = [self._names.on_cluster(place) for place in partitions]
        if group not in self._coordinators:
            self._coordinators[group] = await admin.find_coordinator(group)
        try:
            found: Mapping[Any, Any] = await admin.list_consumer_group_offsets(
                group, group_coordinator_id=self._coordinators[group], partitions=wanted
            )
        except BaseException:
            # It may have moved to another broker.
            self._coordinators.pop(group, None)
            raise
        return found

    async def commit(self, group: str, offsets: Mapping[TopicPartition, Committed]) -> None:
        """Commit for a group from outside of it.

        Raises:
            KeyError: A topic does not exist.
            ValueError: An offset is negative or the metadata too long.
            NotOwnerError: The group has members: Kafka lets only them commit.
        """
        await self._know(place.topic for place in offsets)
        check_metadata(offsets)
        on_cluster = {
            self._names.on_cluster(place): (one.offset, one.metadata) for place, one in offsets.items()
        }
        if not on_cluster:
            return
        async with self._errors(f"committing for {group} from outside"):
            consumer = AIOKafkaConsumer(
                **self._connection.client_arguments(),
                group_id=self._names.group(group),
                enable_auto_commit=False,
            )
            consumer.assign(list(on_cluster))
            try:
                await consumer.start()
                await consumer.commit(on_cluster)
            finally:
                await stop_for_good(consumer.stop, consumer._client, timeout_s=CLOSE_TIMEOUT_S)

    async def assignment(self, group: str, topics: Subscription, listener: AssignmentListener) -> Assignment:
        """Join a group as a new member; returns after the first `on_assigned`.

        To be called after the application's broker has started: it would start the member again.
        """
        if self._broker is None:
            raise RuntimeError(
                "this log was opened without a broker: it can read and append, not join groups"
            )
        await self._broker.connect()
        clock = asyncio.get_running_loop().time
        deadline_s = clock() + self._connection.connect_timeout_s
        while True:
            member = KafkaMember(self._broker, self._connection, group, topics, listener, self._ranges)
            try:
                await member.join()
            except RetryableError as error:
                # A broker that goes away now is tried as long as one that was never there.
                if clock() > deadline_s:
                    raise
                logger.warning("%s; joining again", error)
                await asyncio.sleep(JOIN_RETRY_S)
            else:
                return member

    async def partitions(self, topics: TopicFilter) -> list[TopicPartition]:
        """Return all partitions of the topics that the filter accepts, sorted."""
        await self._look()
        return sorted(
            TopicPartition(name, partition)
            for name, partitions in self._counts.items()
            if topics(name)
            for partition in range(partitions)
        )

    async def create_topics(self, topics: Sequence[str]) -> None:
        """Create topics that are missing, as the registry says.

        Raises:
            KeyError: The registry does not know a topic.
            ConfigurationError: Topics are missing and may not be created, or have another number of
                partitions.
        """
        async with self._errors("creating topics"):
            await self._topics.ensure(topics)
        await self._look()

    async def topic_differences(self, topics: Iterable[str]) -> list[Difference]:
        """Return how topics on the cluster differ from the registry, sorted by name.

        Raises:
            KeyError: The registry does not know a topic.
        """
        async with self._errors("comparing topics"):
            return await self._topics.differences(topics)

    @property
    def _topics(self) -> KafkaTopics:
        return KafkaTopics(self._open.admin, self._connection)

    async def _ranges(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        """Return the first and the next offset of partitions."""
        wanted = {self._names.on_cluster(place): place for place in places}
        async with self._errors("reading where the log begins and ends"):
            outside = self._open.outside
            starts, ends = await asyncio.gather(
                outside.beginning_offsets(list(wanted)), outside.end_offsets(list(wanted))
            )
        return {here: (starts[there], ends[there]) for there, here in wanted.items()}

    async def _know(self, names: Iterable[str]) -> None:
        """Make sure that topics exist: a client that asks for one that does not may create it.

        Raises:
            KeyError: A topic does not exist.
        """
        unknown = set(names) - self._counts.keys()
        if unknown:
            await self._look()
            unknown -= self._counts.keys()
        if unknown:
            raise KeyError(", ".join(sorted(unknown)))

    async def _look(self) -> None:
        async with self._errors("looking for topics"):
            self._counts = await self._topics.partition_counts()

    @property
    def _open(self) -> KafkaClients:
        if self._clients is None:
            raise RuntimeError("the log on Kafka is not open")
        return self._clients

    @asynccontextmanager
    async def _errors(self, doing: str, *, timeout_s: float | None = None) -> AsyncIterator[None]:
        limit_s = self._connection.request_timeout_ms / 1000 if timeout_s is None else timeout_s
        async with kafka_errors(self._connection.address, doing, timeout_s=limit_s):
            yield


def _refuse_outside(
    positions: Mapping[TopicPartition, int], ranges: Mapping[TopicPartition, tuple[int, int]]
) -> None:
    outside = {place: start for place, (start, end) in ranges.items() if not start <= positions[place] <= end}
    if outside:
        raise OffsetOutOfRangeError(outside)
