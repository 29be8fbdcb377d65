"""What happens while the broker is away: killed, stopped, frozen; nothing acknowledged is lost."""

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable

import pytest

from schemas.topics import ENTITIES, WEBHOOKS, raw_topic
from shared.core import Batch
from shared.errors import FatalError, RetryableError
from shared.log.interface import Committed, NewRecord, Subscription, TopicPartition
from shared.log.kafka import KafkaLog
from shared.log.kafka_opening import connect_within
from shared.outcome import Outcome
from shared.runtime import Consumer
from tests.broker.server import KafkaServer
from tests.kafka.cluster import DEADLINE_S, Cluster, numbered, places_of, read_all
from tests.kafka.listening import Ears, read_on

RAW = raw_topic("incidents")
HOOKS = TopicPartition(WEBHOOKS.name, 0)
PATIENCE_S = 1.0
"""Given to calls that cannot succeed."""
LIMIT_S = 15.0
"""Within which they must have ended, on a machine that does other things as well."""


@pytest.fixture
async def mortal(own_kafka: KafkaServer) -> AsyncIterator[Cluster]:
    cluster = Cluster(own_kafka.bootstrap_servers)
    async with cluster.stack:
        yield cluster


@contextlib.asynccontextmanager
async def away(take_away: Callable[[], None], bring_back: Callable[[], None]) -> AsyncIterator[None]:
    """Take the broker away for the time of a block; the loop goes on meanwhile."""
    await asyncio.to_thread(take_away)
    try:
        yield
    finally:
        await asyncio.to_thread(bring_back)


async def insist(log: KafkaLog, records: list[NewRecord]) -> None:
    """Append until it is acknowledged."""
    while True:
        try:
            await log.append(records)
        except RetryableError:
            await asyncio.sleep(0.05)
        else:
            return


async def test_append_to_a_broker_that_does_not_answer_ends_in_time(
    mortal: Cluster, own_kafka: KafkaServer
) -> None:
    log = await mortal.open_log(append_timeout_s=PATIENCE_S)
    await log.create_topics([WEBHOOKS.name])
    await log.append(numbered(WEBHOOKS.name, range(1)))
    async with away(own_kafka.freeze, own_kafka.thaw):
        began_s = time.monotonic()
        with pytest.raises(RetryableError, match=r"Kafka at 127\.0\.0\.1.*appending: no answer in time"):
            await log.append(numbered(WEBHOOKS.name, range(1, 2)))
        assert time.monotonic() - began_s < LIMIT_S
    await insist(log, numbered(WEBHOOKS.name, range(2, 3)))
    values = [record.value for record in await read_all(log, [HOOKS])]
    # What timed out may have been written after all.
    assert values in ([b"0", b"2"], [b"0", b"1", b"2"])


async def test_every_call_without_a_broker_ends_in_time_and_a_new_start_is_waited_for(
    mortal: Cluster, own_kafka: KafkaServer
) -> None:
    patience = {
        "request_timeout_ms": int(PATIENCE_S * 1000),
        "commit_timeout_s": PATIENCE_S,
        "append_timeout_s": PATIENCE_S,
    }
    log = await mortal.open_log(**patience)
    await log.create_topics([WEBHOOKS.name])
    await log.append(numbered(WEBHOOKS.name, range(5)))
    member = await log.assignment("g", Subscription.to(WEBHOOKS.name), Ears())
    await read_on(member, {HOOKS: 0}, 5)
    await asyncio.to_thread(own_kafka.kill)
    began_s = time.monotonic()
    for call in (
        log.append(numbered(WEBHOOKS.name, range(5, 6))),
        log.end_offsets([HOOKS]),
        log.committed("g", [HOOKS]),
        log.partitions(Subscription.to(WEBHOOKS.name)),
        log.read({HOOKS: 0}, max_records=1, wait_s=0),
        log.create_topics([RAW]),
        member.commit({HOOKS: Committed(5)}),
        log.commit("other", {HOOKS: Committed(5)}),
    ):
        with pytest.raises(RetryableError, match="Kafka at"):
            await call
    await member.leave()
    await log.close()
    assert time.monotonic() - began_s < 4 * LIMIT_S

    late = KafkaLog(mortal.connection())
    starting = asyncio.create_task(asyncio.to_thread(own_kafka.start))
    await connect_within(late, DEADLINE_S)
    await starting
    assert len(await read_all(late, [HOOKS])) in {5, 6}
    await late.close()


@pytest.mark.parametrize("how", ["killed", "stopped"])
async def test_broker_that_comes_back_has_everything_acknowledged(
    mortal: Cluster, own_kafka: KafkaServer, how: str
) -> None:
    log = await mortal.open_log(append_timeout_s=PATIENCE_S)
    await log.create_topics([RAW])
    turns = 60
    stop = own_kafka.kill if how == "killed" else own_kafka.stop
    begun = asyncio.Event()

    async def write() -> None:
        for turn in range(turns):
            await insist(log, [NewRecord(RAW, b"P%d" % key, b"%d" % turn) for key in range(50)])
            if turn == 5:
                begun.set()
            await asyncio.sleep(0.01)

    writing = asyncio.create_task(write())
    await asyncio.wait_for(begun.wait(), DEADLINE_S)
    async with away(stop, own_kafka.start):
        pass
    async with asyncio.timeout(DEADLINE_S):
        await writing
    seen: dict[bytes | None, list[int]] = defaultdict(list)
    for record in await read_all(log, places_of(RAW)):
        seen[record.key].append(int(record.value or b""))
    assert {key: sorted(set(found)) for key, found in seen.items()} == {
        b"P%d" % key: list(range(turns)) for key in range(50)
    }
    # A batch that was sent twice is there twice, but never behind a later one.
    assert all(found == sorted(found) for found in seen.values())


class Collecting:
    """A core that notes what it did, in order."""

    def __init__(self) -> None:
        self.done: dict[TopicPartition, list[int]] = defaultdict(list)
        self.worked = asyncio.Event()

    async def handle(self, batch: Batch) -> list[Outcome | None]:
        for record in batch.records:
            self.done[record.place].append(record.offset)
        self.worked.set()
        return [Outcome()] * len(batch.records)


async def test_consumers_go_on_where_they_were_when_the_broker_comes_back(
    mortal: Cluster, own_kafka: KafkaServer
) -> None:
    log = await mortal.open_log(append_timeout_s=PATIENCE_S, commit_timeout_s=PATIENCE_S)
    await log.create_topics([ENTITIES.name])
    core = Collecting()
    consumers = [
        Consumer(log, "g", Subscription.to(ENTITIES.name), core, max_records=50, on_fatal="raise")
        for _ in range(2)
    ]
    running = [asyncio.create_task(consumer.run()) for consumer in consumers]
    await log.append(numbered(ENTITIES.name, range(2_000)))
    await asyncio.wait_for(core.worked.wait(), DEADLINE_S)
    async with away(own_kafka.kill, own_kafka.start):
        pass
    await insist(log, numbered(ENTITIES.name, range(2_000, 4_000)))
    places = places_of(ENTITIES.name)
    ends = await log.end_offsets(places)
    async with asyncio.timeout(DEADLINE_S):
        while {place: one.offset for place, one in (await log.committed("g", places)).items()} != ends:
            core.worked.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(core.worked.wait(), 0.5)
    for consumer in consumers:
        consumer.stop()
    await asyncio.gather(*running)
    for place in places:
        assert sorted(set(core.done[place])) == list(range(ends[place])), place


async def test_kafka_that_does_not_start_is_given_up(mortal: Cluster) -> None:
    log = KafkaLog(mortal.connection(servers=("127.0.0.1:1",)))
    with pytest.raises(FatalError, match=r"127.0.0.1:1, connecting: ConnectionRefused.*gave up after 1 s"):
        await connect_within(log, 1.0)
    await log.close()
