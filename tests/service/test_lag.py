"""Proves what `/metrics` says of how far a service is behind."""

import asyncio
from collections.abc import Callable, Sequence

from schemas.topics import ENTITIES
from shared.core import Batch
from shared.errors import RetryableError
from shared.groups import WRITER_GROUP
from shared.log.interface import NewRecord, Subscription, TopicPartition
from shared.log.sqlite import SqliteLog
from shared.outcome import Outcome
from shared.runtime import Consumer
from shared.service.lag import LagGauge
from shared.service.metrics import ServiceMetrics

PLACES = [TopicPartition(ENTITIES.name, partition) for partition in range(6)]
PATIENCE_S = 30.0


class Gate:
    """A core that does nothing until it may."""

    def __init__(self) -> None:
        self.may = asyncio.Event()

    async def handle(self, batch: Batch) -> Sequence[Outcome | None]:
        waits = [asyncio.create_task(one.wait()) for one in (self.may, batch.leaving)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        return [Outcome() if self.may.is_set() else None] * len(batch.records)


def lags(metrics: ServiceMetrics) -> dict[int, float]:
    """Return the lag of each partition as a scrape shows it."""
    found = {}
    for line in metrics.text().decode().splitlines():
        if line.startswith("pagerport_consumer_lag_records{"):
            labels, _, value = line.rpartition(" ")
            assert f'group="{WRITER_GROUP}"' in labels
            assert f'topic="{ENTITIES.name}"' in labels
            found[int(labels.partition('partition="')[2][0])] = float(value)
    return found


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - a member tells nobody where it stands
            await asyncio.sleep(0)


async def test_lag_is_that_of_all_members_of_the_process_until_it_is_made_up_for() -> None:
    log, gate, metrics = await SqliteLog.temporary(), Gate(), ServiceMetrics("writer")
    await log.create_topics([ENTITIES.name])
    await log.append([NewRecord(ENTITIES.name, b"k%d" % number, b"v") for number in range(60)])
    ends = await log.end_offsets(PLACES)
    members = [
        Consumer(log, WRITER_GROUP, Subscription.to(ENTITIES.name), gate, on_fatal="raise") for _ in range(3)
    ]
    gauge = LagGauge(log.end_offsets, metrics)
    tasks = [asyncio.create_task(member.run()) for member in members]

    def offsets() -> dict[TopicPartition, int]:
        return {place: offset for member in members for place, offset in member.offsets.items()}

    behind = {place.partition: float(end) for place, end in ends.items()}
    try:
        await until(lambda: offsets() == dict.fromkeys(PLACES, 0))
        await gauge.read(members)
        assert lags(metrics) == behind
        gate.may.set()
        await until(lambda: offsets() == ends)
        assert lags(metrics) == behind, "what was read last stands until it is read anew"
        await gauge.read(members)
        assert lags(metrics) == dict.fromkeys(range(6), 0.0)
    finally:
        for member in members:
            member.stop()
        await asyncio.gather(*tasks)
    await gauge.read(members)
    assert lags(metrics) == {}
    await log.close()


async def test_log_that_does_not_answer_leaves_what_was_read_last() -> None:
    log, gate, metrics = await SqliteLog.temporary(), Gate(), ServiceMetrics("writer")
    await log.create_topics([ENTITIES.name])
    await log.append([NewRecord(ENTITIES.name, b"k", b"v")])
    member = Consumer(log, WRITER_GROUP, Subscription.to(ENTITIES.name), gate, on_fatal="raise")
    is_away = False

    async def end_offsets(places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        if is_away:
            raise RetryableError("nobody is there")
        return await log.end_offsets(places)

    gauge = LagGauge(end_offsets, metrics)
    task = asyncio.create_task(member.run())
    try:
        await until(lambda: len(member.offsets) == len(PLACES))
        await gauge.read([member])
        before = lags(metrics)
        is_away = True
        await gauge.read([member])
        assert (lags(metrics), sum(before.values())) == (before, 1.0)
    finally:
        member.stop()
        await task
        await log.close()
