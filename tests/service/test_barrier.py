"""Tests when a stage counts as passed."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from services.fetcher.barrier import Barrier
from shared.groups import MAPPER_GROUP
from shared.log.interface import Committed, NewRecord, TopicPartition
from shared.log.sqlite import SqliteLog
from shared.progress import Progress

RAW = "pagerduty.raw.users"
OTHER = "pagerduty.raw.teams"


@pytest.fixture
async def log() -> AsyncIterator[SqliteLog]:
    log = await SqliteLog.temporary()
    await log.create_topics([RAW, OTHER])
    await log.append([NewRecord(RAW, b"PU1", b"{}"), NewRecord(OTHER, b"PT1", b"{}")])
    yield log
    await log.close()


async def filled(log: SqliteLog, topic: str) -> TopicPartition:
    ends = await log.end_offsets(await log.partitions(topic.__eq__))
    (place,) = [place for place, end in ends.items() if end]
    return place


async def commit(log: SqliteLog, place: TopicPartition, offset: int, version: int) -> None:
    await log.commit(MAPPER_GROUP, {place: Committed(offset, Progress(version).encode())})


class Looks:
    """Counts looks, and does something before some of them."""

    def __init__(self) -> None:
        self.done = 0
        self.looked = asyncio.Event()

    async def sleep(self, _: float) -> None:
        self.done += 1
        self.looked.set()
        await asyncio.sleep(0)

    async def another(self) -> None:
        """Return after a whole look that begins now."""
        for _ in range(2):
            self.looked.clear()
            async with asyncio.timeout(10):
                await self.looked.wait()


async def test_group_has_passed_when_every_end_that_is_none_is_committed(log: SqliteLog) -> None:
    looks, place = Looks(), await filled(log, RAW)
    ends = await log.end_offsets(await log.partitions(RAW.__eq__))
    waiting = asyncio.create_task(Barrier(log, poll_s=1, sleep=looks.sleep).passed(MAPPER_GROUP, ends))
    await looks.another()
    assert not waiting.done()
    await commit(log, place, 0, 1)
    await looks.another()
    assert not waiting.done()
    await commit(log, place, 1, 1)
    await waiting


async def test_partition_is_remapped_only_at_the_new_version_and_past_its_end(log: SqliteLog) -> None:
    looks, place, other = Looks(), await filled(log, RAW), await filled(log, OTHER)
    await commit(log, other, 1, 4)
    # Handled to the end, but with the version before: it is going to be rewound.
    await commit(log, place, 1, 3)
    barrier = Barrier(log, poll_s=1, sleep=looks.sleep)
    waiting = asyncio.create_task(barrier.remapped(4, {place: 1}))
    await looks.another()
    assert not waiting.done()
    await commit(log, place, 0, 4)
    await looks.another()
    assert not waiting.done()
    await commit(log, place, 1, 4)
    await waiting


async def test_partition_that_is_not_mapped_again_must_know_the_version_too(log: SqliteLog) -> None:
    looks, place, other = Looks(), await filled(log, RAW), await filled(log, OTHER)
    await commit(log, place, 1, 4)
    waiting = asyncio.create_task(Barrier(log, poll_s=1, sleep=looks.sleep).remapped(4, {place: 1}))
    await looks.another()
    assert not waiting.done()
    await commit(log, other, 0, 5)
    await waiting
