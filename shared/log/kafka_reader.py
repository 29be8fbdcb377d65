"""Reads partitions from outside of any group, each call from the positions it names."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka import TopicPartition as ClusterPartition

from shared.log.interface import Record, TopicPartition
from shared.log.kafka_names import KafkaNames
from shared.log.kafka_stopping import stop_for_good
from shared.log.partition_buffer import PartitionBuffer

FETCH_MAX_BYTES: Final = 16 * 1024 * 1024
"""Of one answer; a larger record comes alone."""
IDLE_READERS: Final = 2
STOP_TIMEOUT_S: Final = 5.0
FETCH_WAIT_S: Final = 1.0
"""Of one look for records that are there."""
_NOWHERE: Final = -1
"""Position in a partition that is assigned and not read."""


def to_record(place: TopicPartition, raw: ConsumerRecord) -> Record:
    """Return a record as the log's users know it."""
    return Record(
        place.topic, place.partition, raw.offset, raw.timestamp, raw.key, raw.value, tuple(raw.headers)
    )


class KafkaReader:
    """One consumer without a group; used by one call at a time."""

    def __init__(self, consumer: AIOKafkaConsumer, names: KafkaNames) -> None:
        self._consumer = consumer
        self._names = names
        self._buffer = PartitionBuffer()
        self._next: dict[TopicPartition, int] = {}

    @property
    def places(self) -> frozenset[TopicPartition]:
        """Return the partitions it reads now."""
        return frozenset(place for place, position in self._next.items() if position != _NOWHERE)

    async def stop(self) -> None:
        """Close the connections."""
        await stop_for_good(self._consumer.stop, self._consumer._client, timeout_s=STOP_TIMEOUT_S)

    async def read(
        self,
        positions: Mapping[TopicPartition, int],
        ends: Mapping[TopicPartition, int],
        *,
        max_records: int,
        wait_s: float,
    ) -> list[Record]:
        """Return records from the positions on.

        Args:
            positions: Next offset per partition, inside of the log.
            ends: Where each partition ended a moment ago; records before that are waited for however long
                it takes.
            max_records: Most records to return.
            wait_s: Longest wait for records that come later.
        """
        self._aim(positions)
        deadline_s = asyncio.get_running_loop().time() + wait_s
        while True:
            behind = await self._behind(ends)
            left_s = max(0.0, deadline_s - asyncio.get_running_loop().time())
            # Only those of which nothing is here: what is here must not grow with what there is.
            empty = positions.keys() - self._buffer.places
            if empty:
                await self._fetch(empty, 0.0 if self._buffer else FETCH_WAIT_S if behind else left_s)
            if records := self._buffer.take(max_records):
                for record in records:
                    self._next[record.place] = record.offset + 1
                return records
            if not left_s and not behind:
                return []

    def _aim(self, positions: Mapping[TopicPartition, int]) -> None:
        if positions.keys() <= self._next.keys():
            self._rest(self._next.keys() - positions.keys())
            self._consumer.resume(*map(self._names.on_cluster, positions))
        else:
            self._buffer.clear()
            self._next.clear()
            self._consumer.assign([self._names.on_cluster(place) for place in positions])
        for place, position in positions.items():
            if self._next.get(place) != position:
                self._buffer.drop([place])
                self._consumer.seek(self._names.on_cluster(place), position)
                self._next[place] = position

    def _rest(self, places: Collection[TopicPartition]) -> None:
        """Fetch nothing of partitions that nobody asks for any more, as those that a scan has done with.

        They stay assigned: to assign the others anew costs the rest of the broker's long poll, half a second.
        """
        self._consumer.pause(*map(self._names.on_cluster, places))
        self._buffer.drop(places)
        self._next.update(dict.fromkeys(places, _NOWHERE))

    async def _behind(self, ends: Mapping[TopicPartition, int]) -> list[TopicPartition]:
        """Return where records that are there have not been fetched; positions pass over gaps."""
        return [
            place
            for place, end in ends.items()
            if await self._consumer.position(self._names.on_cluster(place)) < end
        ]

    async def _fetch(self, places: Iterable[TopicPartition], wait_s: float) -> None:
        wanted = [self._names.on_cluster(place) for place in places]
        fetched: Mapping[ClusterPartition, list[Any]] = await self._consumer.getmany(
            *wanted, timeout_ms=int(wait_s * 1000)
        )
        for cluster_place, raws in fetched.items():
            place = self._names.here(cluster_place)
            if place is not None:
                self._buffer.put(place, [to_record(place, raw) for raw in raws])


class KafkaReaders:
    """Lends readers; one that has read the same partitions before goes on with what it has fetched."""

    def __init__(self, arguments: Mapping[str, Any], names: KafkaNames) -> None:
        self._arguments = arguments
        self._names = names
        self._idle: list[KafkaReader] = []

    @asynccontextmanager
    async def lend(self, places: frozenset[TopicPartition]) -> AsyncIterator[KafkaReader]:
        """Lend a reader for one call; one whose call failed is not used again."""
        reader = self._pick(places) or await self._start()
        try:
            yield reader
        except BaseException:
            await reader.stop()
            raise
        self._idle.append(reader)
        if len(self._idle) > IDLE_READERS:
            await self._idle.pop(0).stop()

    async def close(self) -> None:
        """Stop the idle readers."""
        while self._idle:
            await self._idle.pop().stop()

    def _pick(self, places: frozenset[TopicPartition]) -> KafkaReader | None:
        if not self._idle:
            return None
        best = next((one for one in self._idle if one.places == places), self._idle[0])
        self._idle.remove(best)
        return best

    async def _start(self) -> KafkaReader:
        consumer = AIOKafkaConsumer(
            **self._arguments,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            fetch_max_bytes=FETCH_MAX_BYTES,
        )
        reader = KafkaReader(consumer, self._names)
        try:
            await consumer.start()
        except BaseException:
            await reader.stop()
            raise
        return reader
