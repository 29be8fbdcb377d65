"""Tests how appended records become batches, with a producer that sends when it is told to."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from aiokafka.errors import KafkaConnectionError, KafkaError

from shared.log.interface import NewRecord, Position, TopicPartition
from shared.log.kafka_lanes import Lanes
from shared.log.kafka_names import KafkaNames

PLACE = TopicPartition("t", 0)
OTHER = TopicPartition("t", 1)
ROOM = 3


@dataclass
class Builder:
    """A batch that takes a few records."""

    values: list[bytes | None] = field(default_factory=list)

    def append(
        self,
        *,
        timestamp: None,
        key: bytes | None,
        value: bytes | None,
        headers: list[tuple[str, bytes | None]],
    ) -> object:
        if len(self.values) == ROOM:
            return None
        self.values.append(value)
        return object()


@dataclass
class Sent:
    """A batch that was handed to the producer."""

    place: TopicPartition
    values: list[bytes | None]
    delivery: "asyncio.Future[Delivered]"


@dataclass(frozen=True)
class Delivered:
    offset: int


class Producer:
    """Takes batches while `gate` is open; the test says what becomes of each."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.gate = asyncio.Event()
        self.gate.set()

    def create_batch(self) -> Builder:
        return Builder()

    async def send_batch(self, batch: Builder, topic: str, *, partition: int) -> "asyncio.Future[Delivered]":
        await self.gate.wait()
        delivery: asyncio.Future[Delivered] = asyncio.get_running_loop().create_future()
        self.sent.append(Sent(TopicPartition(topic, partition), batch.values, delivery))
        return delivery

    def deliver_all(self) -> None:
        """Acknowledge everything; offsets count per partition."""
        ends: dict[TopicPartition, int] = {}
        for sent in self.sent:
            first = ends.get(sent.place, 100)
            ends[sent.place] = first + len(sent.values)
            if not sent.delivery.done():
                sent.delivery.set_result(Delivered(first))


async def settle() -> None:
    """Let every task run as far as it comes."""
    for _ in range(10):
        await asyncio.sleep(0)


def records(*values: bytes) -> list[NewRecord]:
    return [NewRecord("t", b"k", value) for value in values]


def send(
    lanes: Lanes, values: Sequence[bytes], places: Sequence[TopicPartition]
) -> "asyncio.Task[list[Position]]":
    return asyncio.create_task(lanes.send(records(*values), places))


@pytest.fixture
def producer() -> Producer:
    return Producer()


@pytest.fixture
def lanes(producer: Producer) -> Lanes:
    return Lanes(producer, KafkaNames("me"))


async def test_positions_follow_the_records_over_partitions_and_batches(
    lanes: Lanes, producer: Producer
) -> None:
    places = [PLACE, OTHER, PLACE, PLACE, OTHER, PLACE]
    sending = send(lanes, [b"%d" % number for number in range(6)], places)
    await settle()
    assert [(sent.place, sent.values) for sent in producer.sent] == [
        (PLACE, [b"0", b"2", b"3"]),
        (PLACE, [b"5"]),
        (OTHER, [b"1", b"4"]),
    ]
    producer.deliver_all()
    assert await sending == [
        Position("t", 0, 100),
        Position("t", 1, 100),
        Position("t", 0, 101),
        Position("t", 0, 102),
        Position("t", 1, 101),
        Position("t", 0, 103),
    ]


async def test_calls_that_wait_become_one_batch_in_their_order(lanes: Lanes, producer: Producer) -> None:
    producer.gate.clear()
    first = send(lanes, [b"a"], [PLACE])
    await settle()
    rest = [send(lanes, [value], [PLACE]) for value in (b"b", b"c", b"d")]
    await settle()
    producer.gate.set()
    await settle()
    assert [sent.values for sent in producer.sent] == [[b"a"], [b"b", b"c", b"d"]]
    producer.deliver_all()
    assert [await each for each in (first, *rest)] == [[Position("t", 0, 100 + n)] for n in range(4)]


async def test_what_a_caller_has_given_up_is_not_sent(lanes: Lanes, producer: Producer) -> None:
    producer.gate.clear()
    first = send(lanes, [b"a"], [PLACE])
    await settle()
    given_up, kept = send(lanes, [b"b"], [PLACE]), send(lanes, [b"c"], [PLACE])
    await settle()
    given_up.cancel()
    await settle()
    producer.gate.set()
    await settle()
    assert [sent.values for sent in producer.sent] == [[b"a"], [b"c"]]
    producer.deliver_all()
    await asyncio.gather(first, kept)


async def test_failed_batch_fails_its_calls_and_no_others(lanes: Lanes, producer: Producer) -> None:
    both = send(lanes, [b"a", b"b"], [PLACE, OTHER])
    await settle()
    other = send(lanes, [b"c"], [OTHER])
    await settle()
    producer.sent[0].delivery.set_exception(KafkaConnectionError("gone"))
    producer.deliver_all()
    with pytest.raises(KafkaConnectionError):
        await both
    assert await other == [Position("t", 1, 101)]


async def test_producer_that_refuses_a_batch_fails_its_calls(lanes: Lanes, producer: Producer) -> None:
    async def refuse(batch: Builder, topic: str, *, partition: int) -> "asyncio.Future[Delivered]":
        raise KafkaError("no")

    producer.send_batch = refuse  # type: ignore[method-assign]
    with pytest.raises(KafkaError, match="no"):
        await lanes.send(records(b"a"), [PLACE])
    del producer.send_batch
    sending = send(lanes, [b"b"], [PLACE])
    await settle()
    producer.deliver_all()
    assert await sending == [Position("t", 0, 100)]


async def test_closing_ends_every_call(lanes: Lanes, producer: Producer) -> None:
    producer.gate.clear()
    sendings = [send(lanes, [b"a"], [PLACE])]
    await settle()
    sendings.append(send(lanes, [b"b"], [PLACE]))
    await settle()
    await lanes.close()
    for sending in sendings:
        with pytest.raises(KafkaError, match="closed"):
            await sending
    assert producer.sent == []
