"""Is a member of a consumer group: FastStream hands it batches, the runtime reads them from it.

FastStream's handler waits until its batch was taken. So FastStream polls no further while the runtime holds a
batch, and the heartbeats, a task of their own, go on. Where the next record must come from is the runtime's
word: a position other than the next one is a seek, and what was fetched before it is dropped.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka import TopicPartition as ClusterPartition
from aiokafka.errors import IllegalStateError
from faststream.kafka import KafkaBroker
from faststream.kafka.annotations import KafkaMessage as InjectedMessage

from shared.errors import NotOwnerError
from shared.log.interface import (
    AssignmentListener,
    Committed,
    OffsetOutOfRangeError,
    Record,
    Subscription,
    TopicPartition,
)
from shared.log.kafka_connection import KafkaConnection
from shared.log.kafka_errors import kafka_errors
from shared.log.kafka_reader import to_record
from shared.log.kafka_stopping import stop_for_good
from shared.log.kafka_subscriber import Rebalances, make_subscriber
from shared.log.partition_buffer import PartitionBuffer

logger = logging.getLogger(__name__)

LEAVE_TIMEOUT_S: Final = 10.0
RANGE_CHECK_INTERVAL_S: Final = 30.0
"""How often a member that gets nothing looks whether the log still reaches its positions."""

Ranges = Callable[[Iterable[TopicPartition]], Awaitable[dict[TopicPartition, tuple[int, int]]]]


class KafkaMember:
    """A member's place in a group; the log hands it out as the assignment.

    Args:
        broker: FastStream's broker, connected.
        connection: Names and times.
        group: Group id, without the installation's prefix.
        topics: What to read.
        listener: Hears of partitions that come and go.
        ranges: Returns first and next offset of partitions.
    """

    def __init__(
        self,
        broker: KafkaBroker,
        connection: KafkaConnection,
        group: str,
        topics: Subscription,
        listener: AssignmentListener,
        ranges: Ranges,
    ) -> None:
        self._connection = connection
        self._names = connection.names
        self._group = group
        self._listener = listener
        self._ranges = ranges
        self._owned: frozenset[TopicPartition] = frozenset()
        self._is_assigned = False
        self._is_leaving = False
        self._first_assigned = asyncio.Event()
        # One change of the partitions at a time: a rebalance, or the leave.
        self._changing = asyncio.Lock()
        self._buffer = PartitionBuffer()
        # The next offset to hand to the runtime; without one the partition must be sought first.
        self._next: dict[TopicPartition, int] = {}
        # Partitions whose first record here is the first of its fetch: a gap before it is looked into.
        self._fresh: set[TopicPartition] = set()
        self._arrived = asyncio.Event()
        self._emptied = asyncio.Event()
        self._emptied.set()
        self._checked_at_s = 0.0
        self._subscriber = make_subscriber(
            broker, connection, group, topics, Rebalances(self._revoked, self._assigned)
        )
        self._subscriber(self._take_in)

    @property
    def partitions(self) -> frozenset[TopicPartition]:
        """Return what this member owns now, as its listener was told."""
        return self._owned

    async def join(self) -> None:
        """Join the group and return after the first `on_assigned`.

        Raises:
            RetryableError, ConfigurationError: Kafka cannot be reached or refuses us.
        """
        try:
            async with kafka_errors(
                self._connection.address,
                f"joining the group {self._names.group(self._group)}",
                timeout_s=self._join_timeout_s,
            ):
                await self._subscriber.start()
                await self._first_assigned.wait()
        except BaseException:
            await self._stop()
            raise

    async def read(
        self, positions: Mapping[TopicPartition, int], *, max_records: int, wait_s: float
    ) -> list[Record]:
        """Return records of partitions that are ours. See `Assignment.read`."""
        deadline_s = _now_s() + wait_s
        while True:
            await self._aim(positions)
            if records := self._buffer.take(max_records):
                self._taken(records)
                return records
            left_s = deadline_s - _now_s()
            if left_s <= 0:
                return []
            self._arrived.clear()
            try:
                async with asyncio.timeout(left_s):
                    await self._arrived.wait()
            except TimeoutError:
                if _now_s() - self._checked_at_s >= RANGE_CHECK_INTERVAL_S:
                    await self._check_ranges(positions, positions)
                return []

    async def commit(self, offsets: Mapping[TopicPartition, Committed]) -> None:
        """Commit as this member.

        Raises:
            NotOwnerError: A partition is not ours; nothing of the call is committed.
            RetryableError: Kafka did not answer in time; it may be committed all the same.
        """
        self._refuse_foreign(offsets)
        on_cluster = {
            self._names.on_cluster(place): (committed.offset, committed.metadata)
            for place, committed in offsets.items()
        }
        async with kafka_errors(
            self._connection.address,
            f"committing for {self._group}",
            timeout_s=self._connection.commit_timeout_s,
        ):
            await self._consumer.commit(on_cluster)

    async def leave(self) -> None:
        """Leave the group after `on_revoked` for all that is held."""
        async with self._changing:
            if self._is_leaving:
                return
            self._is_leaving = True
            await self._give_back()
        await self._stop()

    # what FastStream calls

    async def _take_in(self, message: InjectedMessage) -> None:
        """Offer a batch to `read` and return when all of it was taken or became stale."""
        try:
            await self._keep(message.raw_message)
        except Exception:
            # FastStream would go on behind the batch. Without a next offset it is sought and comes again.
            logger.exception("%s: a batch could not be taken in; it is fetched again", self._group)
            self._next.clear()
        self._arrived.set()
        await self._emptied.wait()

    async def _keep(self, raws: Sequence[ConsumerRecord]) -> None:
        fetched: dict[ClusterPartition, list[ConsumerRecord]] = defaultdict(list)
        for raw in raws:
            fetched[ClusterPartition(raw.topic, raw.partition)].append(raw)
        for cluster_place, part in fetched.items():
            place = self._names.here(cluster_place)
            if place is None or place not in self._owned:
                continue
            try:
                if await self._consumer.position(cluster_place) <= part[-1].offset:
                    continue  # Sought back after these were fetched.
            except IllegalStateError:
                continue
            if place in self._owned:
                self._buffer.put(place, [to_record(place, raw) for raw in part])
                self._fresh.add(place)
        if self._buffer:
            self._emptied.clear()

    async def _revoked(self) -> None:
        async with self._changing:
            await self._give_back()

    async def _assigned(self, assigned: set[ClusterPartition]) -> None:
        async with self._changing:
            if self._is_leaving:
                return
            await self._give_back()
            places = (self._names.here(place) for place in assigned)
            self._owned = frozenset(place for place in places if place is not None)
            self._is_assigned = True
            logger.info("%s: holds %d partitions", self._group, len(self._owned))
            await self._listener.on_assigned(self._owned)
            self._first_assigned.set()

    async def _give_back(self) -> None:
        """Let the runtime finish its batch; commits still succeed meanwhile."""
        if not self._is_assigned:
            return
        self._is_assigned = False
        try:
            await self._listener.on_revoked(self._owned)
        finally:
            self._owned = frozenset()
            self._next.clear()
            self._drop(self._buffer.places)

    # where to read

    async def _aim(self, positions: Mapping[TopicPartition, int]) -> None:
        """Make sure that what is taken next are the records at the positions.

        Raises:
            NotOwnerError: A partition is not ours.
            OffsetOutOfRangeError: A position lies outside the log.
        """
        while True:
            self._refuse_foreign(positions)
            self._drop((self._buffer.places | self._next.keys()) - positions.keys())
            elsewhere = {place for place, offset in positions.items() if self._next.get(place) != offset}
            doubtful = {
                place
                for place in self._fresh - elsewhere
                if self._buffer.first_offset(place) != positions[place]
            }
            if not elsewhere and not doubtful:
                self._fresh.clear()
                return
            # A gap is what compaction leaves. It is a loss when the log now begins behind the position:
            # aiokafka goes on at the log's start then, and says nothing.
            await self._check_ranges(elsewhere | doubtful, positions)
            self._fresh -= doubtful
            for place in doubtful:
                first = self._buffer.first_offset(place)
                if first is not None and first < positions[place]:
                    elsewhere.add(place)
            # Dropped with the seek and not before the wait: FastStream would have brought the next ones.
            for place in elsewhere:
                self._drop([place])
                self._seek(place, positions[place])

    async def _check_ranges(
        self, places: Iterable[TopicPartition], positions: Mapping[TopicPartition, int]
    ) -> None:
        ranges = await self._ranges(places)
        self._checked_at_s = _now_s()
        self._refuse_foreign(positions)
        outside = {
            place: start for place, (start, end) in ranges.items() if not start <= positions[place] <= end
        }
        if outside:
            self._drop(outside)
            raise OffsetOutOfRangeError(outside)

    def _seek(self, place: TopicPartition, offset: int) -> None:
        try:
            self._consumer.seek(self._names.on_cluster(place), offset)
        except IllegalStateError as error:
            raise NotOwnerError(f"group {self._group} has given {place} to another member") from error
        self._next[place] = offset

    def _taken(self, records: Sequence[Record]) -> None:
        for record in records:
            self._next[record.place] = record.offset + 1
        if not self._buffer:
            self._emptied.set()

    def _drop(self, places: Iterable[TopicPartition]) -> None:
        """Forget what is here of partitions; they must be sought before they are read again."""
        for place in list(places):
            self._buffer.drop([place])
            self._fresh.discard(place)
            self._next.pop(place, None)
        if not self._buffer:
            self._emptied.set()

    def _refuse_foreign(self, places: Iterable[TopicPartition]) -> None:
        foreign = set(places) - self._owned
        if foreign:
            raise NotOwnerError(f"group {self._group} has given {sorted(foreign)} to another member")

    @property
    def _consumer(self) -> AIOKafkaConsumer:
        consumer = self._subscriber.consumer
        if consumer is None:
            raise NotOwnerError(f"the member of group {self._group} has left")
        return consumer

    @property
    def _join_timeout_s(self) -> float:
        # The others may finish their batches first.
        return (self._connection.rebalance_timeout_ms + self._connection.request_timeout_ms) / 1000

    async def _stop(self) -> None:
        self._drop(self._buffer.places)
        consumer = self._subscriber.consumer
        if consumer is None:
            return
        if not await stop_for_good(self._subscriber.stop, consumer._client, timeout_s=LEAVE_TIMEOUT_S):
            logger.warning("%s: left without an answer of Kafka, which will miss this member", self._group)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
