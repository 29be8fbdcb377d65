"""Sends appended records in batches of one partition each, in the order of the calls.

While a batch of a partition is on its way, what is appended becomes the next one: few large requests under
load, no delay otherwise. Order per key is order per partition, because aiokafka has one request to a node in
flight at a time and retries it before the next one.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared.log.interface import NewRecord, Position, TopicPartition
from shared.log.kafka_names import KafkaNames


@dataclass(slots=True)
class Parcel:
    """The records of one append.

    Attributes:
        positions: Where each record lies, as far as it is known.
        missing: How many are not acknowledged yet.
        done: Set when all are, or when one failed.
    """

    positions: list[Position | None]
    missing: int
    done: asyncio.Future[None]

    def arrived(self, index: int, position: Position) -> None:
        """Note where a record lies."""
        self.positions[index] = position
        self.missing -= 1
        if not self.missing and not self.done.done():
            self.done.set_result(None)

    def failed(self, error: BaseException) -> None:
        """Note that a record was refused or could not be sent."""
        if not self.done.done():
            self.done.set_exception(error)
            # Whoever waits may have given up a moment ago.
            self.done.exception()


@dataclass(frozen=True, slots=True)
class Item:
    """One record of a parcel."""

    parcel: Parcel
    index: int
    record: NewRecord


@dataclass(slots=True)
class Lane:
    """What waits to be sent to one partition, and the task that sends it."""

    waiting: deque[Item] = field(default_factory=deque)
    task: asyncio.Task[None] | None = None


class Lanes:
    """One lane per partition that is written to.

    Args:
        producer: A started producer.
        names: For the topics' names on the cluster.
    """

    def __init__(self, producer: AIOKafkaProducer, names: KafkaNames) -> None:
        self._producer = producer
        self._names = names
        self._lanes: dict[TopicPartition, Lane] = {}

    async def send(self, records: Sequence[NewRecord], places: Sequence[TopicPartition]) -> list[Position]:
        """Send records, each to its partition, and return where they lie.

        A caller that is cancelled takes back what was not sent yet.

        Raises:
            KafkaError: A record was refused or could not be sent.
        """
        parcel = Parcel([None] * len(records), len(records), asyncio.get_running_loop().create_future())
        for index, (record, place) in enumerate(zip(records, places, strict=True)):
            lane = self._lanes.setdefault(place, Lane())
            lane.waiting.append(Item(parcel, index, record))
            if lane.task is None:
                lane.task = asyncio.create_task(self._work_off(place, lane))
        # A cancelled wait cancels the future, and by that the records that are not sent yet.
        await parcel.done
        return [position for position in parcel.positions if position is not None]

    async def close(self) -> None:
        """Stop sending; who still waits hears of it."""
        tasks = [lane.task for lane in self._lanes.values() if lane.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for lane in self._lanes.values():
            for item in lane.waiting:
                item.parcel.failed(KafkaError("the log was closed"))
        self._lanes.clear()

    async def _work_off(self, place: TopicPartition, lane: Lane) -> None:
        try:
            while lane.waiting:
                await self._send_batch(place, lane)
        finally:
            lane.task = None

    async def _send_batch(self, place: TopicPartition, lane: Lane) -> None:
        builder = self._producer.create_batch()
        items: list[Item] = []
        while lane.waiting:
            item = lane.waiting[0]
            if not item.parcel.done.done():
                record = item.record
                added = builder.append(
                    timestamp=None, key=record.key, value=record.value, headers=list(record.headers)
                )
                if added is None:
                    break
                items.append(item)
            lane.waiting.popleft()
        if not items:
            return
        try:
            delivery = await self._producer.send_batch(
                builder, self._names.topic(place.topic), partition=place.partition
            )
        except (KafkaError, OSError, AssertionError) as error:
            # An assertion of aiokafka: the topic has fewer partitions than a moment ago.
            _fail(items, error)
        except asyncio.CancelledError:
            _fail(items, KafkaError("the log was closed"))
            raise
        else:
            delivery.add_done_callback(partial(_note_delivery, place, items))


def _note_delivery(place: TopicPartition, items: Sequence[Item], delivery: "asyncio.Future[Any]") -> None:
    if delivery.cancelled():
        _fail(items, KafkaError("the log was closed"))
    elif error := delivery.exception():
        _fail(items, error)
    else:
        first = delivery.result().offset
        for number, item in enumerate(items):
            item.parcel.arrived(item.index, Position(place.topic, place.partition, first + number))


def _fail(items: Sequence[Item], error: BaseException) -> None:
    for item in items:
        item.parcel.failed(error)
