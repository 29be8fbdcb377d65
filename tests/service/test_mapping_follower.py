"""Tests how a mapper follows the mapping in force."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from schemas.complete_listing import CompleteListing
from schemas.mapping import MappingFile, MappingInForce
from schemas.topics import MAPPING
from schemas.versions import SCHEMA_VERSION
from shared.errors import NotOwnerError
from shared.log.interface import NewRecord, TopicPartition
from shared.log.sqlite import SqliteLog
from shared.mapping_follower import MappingFollower
from shared.mapping_topic import listing_record, mapping_record

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
PLACE = TopicPartition("pagerduty.raw.users", 2)


def a_version(number: int, **more: object) -> MappingInForce:
    return MappingInForce.model_validate({"version": number, "config": MappingFile(), **more})


def record(mapping: MappingInForce, identifier: str = "me") -> NewRecord:
    return mapping_record(mapping, identifier=identifier, made_at=AT)


class Mapper:
    """What a follower drives: hears of versions and rewinds."""

    def __init__(self) -> None:
        self.heard: list[int] = []
        self.rewound: list[int] = []
        self.refusals = 0
        self.changed = asyncio.Event()

    def use(self, mapping: MappingInForce) -> None:
        self.heard.append(mapping.version)

    async def rewind(self) -> None:
        if self.refusals:
            self.refusals -= 1
            raise NotOwnerError("a partition is changing hands")
        self.rewound.append(self.heard[-1])
        self.changed.set()

    async def next(self) -> None:
        await asyncio.wait_for(self.changed.wait(), 10)
        self.changed.clear()


@pytest.fixture
async def log() -> AsyncIterator[SqliteLog]:
    log = await SqliteLog.temporary()
    await log.create_topics([MAPPING.name])
    yield log
    await log.close()


@asynccontextmanager
async def following(log: SqliteLog, mapper: Mapper) -> AsyncIterator[MappingFollower]:
    async def at_once(_: float) -> None:
        await asyncio.sleep(0)

    follower = MappingFollower(log, "me", sleep=at_once)
    task = asyncio.create_task(follower.follow(mapper.use, mapper.rewind))
    try:
        yield follower
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_newest_version_of_our_own_is_used_and_later_ones_as_they_come(log: SqliteLog) -> None:
    listing = CompleteListing(
        topic=PLACE.topic, kind="users", fetch="x", run_id="r", started_at=AT, ended_at=AT, starts={}
    )
    await log.append(
        [
            record(a_version(1)),
            record(a_version(2)),
            record(a_version(9), "somebody else"),
            listing_record(listing, identifier="me", made_at=AT),
        ]
    )
    mapper = Mapper()
    async with following(log, mapper) as follower:
        await mapper.next()
        assert (follower.version(), follower.replay_from(PLACE)) == (2, None)
        await log.append([record(a_version(3, replay_from={PLACE.topic: {2: 17}}))])
        await mapper.next()
        assert (follower.version(), follower.replay_from(PLACE)) == (3, 17)
    assert (mapper.heard, mapper.rewound) == ([2, 3], [2, 3])


async def test_rewind_that_fails_is_tried_again_and_the_version_is_used_once(log: SqliteLog) -> None:
    mapper = Mapper()
    mapper.refusals = 3
    await log.append([record(a_version(1))])
    async with following(log, mapper):
        await mapper.next()
    assert (mapper.heard, mapper.rewound, mapper.refusals) == ([1], [1], 0)


async def test_version_of_a_newer_release_leaves_the_one_before_in_use_and_says_so(log: SqliteLog) -> None:
    mapper = Mapper()
    await log.append([record(a_version(1)), record(a_version(2, schema_version=SCHEMA_VERSION + 1))])
    async with following(log, mapper) as follower:
        await mapper.next()
        assert "newer than this release; upgrade it" in follower.held
    assert mapper.heard == [1]


async def test_unreadable_record_and_the_last_word_of_an_old_leader_change_nothing(log: SqliteLog) -> None:
    mapper = Mapper()
    await log.append(
        [
            record(a_version(5)),
            NewRecord(MAPPING.name, b"me", b"{"),
            record(a_version(4)),
            record(a_version(6)),
        ]
    )
    async with following(log, mapper):
        await mapper.next()
    assert mapper.heard == [6]


async def test_nothing_is_used_before_there_is_a_mapping(log: SqliteLog) -> None:
    mapper = Mapper()
    async with following(log, mapper) as follower:
        await log.append([NewRecord(MAPPING.name, b"somebody else", b"{}")])
        assert (follower.used, follower.version(), follower.replay_from(PLACE)) == (None, 0, None)
        await log.append([record(a_version(1))])
        await mapper.next()
    assert mapper.heard == [1]
