"""Tests what the embedded log forgets, and that offsets never come again."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.topics import COMMANDS, DAY_MS, RUNS, dlq_topic
from shared.log.interface import Committed, NewRecord, OffsetOutOfRangeError, TopicPartition
from shared.log.sqlite import SqliteLog

START_MS = 1_800_000_000_000
COMPACTED = TopicPartition(RUNS.name, 0)
EXPIRING = TopicPartition(COMMANDS.name, 0)
BOTH = TopicPartition(dlq_topic(RUNS.name), 0)


class Hand:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now_ms = START_MS

    def __call__(self) -> float:
        return self.now_ms / 1000


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
async def log(hand: Hand) -> AsyncIterator[SqliteLog]:
    log = await SqliteLog.temporary(clock=hand)
    await log.create_topics([COMPACTED.topic, EXPIRING.topic, BOTH.topic])
    yield log
    await log.close()


async def contents(
    log: SqliteLog, place: TopicPartition, start: int = 0
) -> list[tuple[int, bytes | None, bytes | None]]:
    records = await log.read({place: start}, max_records=10_000, wait_s=0)
    return [(record.offset, record.key, record.value) for record in records]


def record(place: TopicPartition, key: bytes, value: bytes | None) -> NewRecord:
    return NewRecord(place.topic, key, value, (("ce_id", b"1"), ("odd", None)))


async def test_compaction_keeps_the_last_record_of_each_key_whole(log: SqliteLog, hand: Hand) -> None:
    await log.append([record(COMPACTED, key, b"old") for key in (b"a", b"b", b"c")])
    await log.append([record(COMPACTED, key, b"new") for key in (b"c", b"a")])
    before = await log.read({COMPACTED: 0}, max_records=100, wait_s=0)
    await log.maintain(hand.now_ms)
    after = await log.read({COMPACTED: 0}, max_records=100, wait_s=0)
    assert after == [before[1], before[3], before[4]]
    assert await log.read({COMPACTED: 2}, max_records=100, wait_s=0) == [before[3], before[4]]
    assert await log.end_offsets([COMPACTED]) == {COMPACTED: 5}


async def test_tombstone_stays_a_day_and_goes_then(log: SqliteLog, hand: Hand) -> None:
    await log.append([record(COMPACTED, b"a", b"1"), record(COMPACTED, b"a", None)])
    await log.append([record(COMPACTED, b"b", b"1")])
    await log.maintain(hand.now_ms)
    assert await contents(log, COMPACTED) == [(1, b"a", None), (2, b"b", b"1")]
    await log.maintain(hand.now_ms + DAY_MS)
    assert await contents(log, COMPACTED) == [(1, b"a", None), (2, b"b", b"1")]
    await log.maintain(hand.now_ms + DAY_MS + 1)
    assert await contents(log, COMPACTED) == [(2, b"b", b"1")]
    assert await contents(log, COMPACTED, 1) == [(2, b"b", b"1")]


async def test_last_record_of_a_partition_stays_so_that_readers_reach_the_end(
    log: SqliteLog, hand: Hand
) -> None:
    await log.append([record(COMPACTED, b"a", b"1"), record(COMPACTED, b"a", None)])
    await log.maintain(hand.now_ms + 2 * DAY_MS)
    assert await contents(log, COMPACTED) == [(1, b"a", None)]


async def test_retention_moves_the_start_and_never_hands_out_an_offset_again(
    log: SqliteLog, hand: Hand
) -> None:
    await log.append([record(EXPIRING, b"a", b"1"), record(EXPIRING, b"b", b"2")])
    await log.maintain(hand.now_ms + 7 * DAY_MS)
    assert len(await contents(log, EXPIRING)) == 2
    await log.maintain(hand.now_ms + 7 * DAY_MS + 1)
    with pytest.raises(OffsetOutOfRangeError) as raised:
        await contents(log, EXPIRING, 1)
    assert raised.value.starts == {EXPIRING: 2}
    assert await contents(log, EXPIRING, 2) == []
    assert await log.end_offsets([EXPIRING]) == {EXPIRING: 2}
    assert [position.offset for position in await log.append([record(EXPIRING, b"c", b"3")])] == [2]


async def test_younger_records_stay_in_order_after_retention(log: SqliteLog, hand: Hand) -> None:
    await log.append([record(EXPIRING, b"a", b"1")])
    hand.now_ms += DAY_MS
    await log.append([record(EXPIRING, b"b", b"2"), record(EXPIRING, b"c", b"3")])
    await log.maintain(START_MS + 7 * DAY_MS + 1)
    assert await contents(log, EXPIRING, 1) == [(1, b"b", b"2"), (2, b"c", b"3")]


async def test_topic_of_both_kinds_is_compacted_and_expires(log: SqliteLog, hand: Hand) -> None:
    await log.append([record(BOTH, b"0/1", b"old"), record(BOTH, b"0/1", b"new")])
    hand.now_ms += DAY_MS
    await log.append([record(BOTH, b"0/2", b"late")])
    await log.maintain(hand.now_ms)
    assert await contents(log, BOTH) == [(1, b"0/1", b"new"), (2, b"0/2", b"late")]
    await log.maintain(START_MS + 30 * DAY_MS + 1)
    with pytest.raises(OffsetOutOfRangeError):
        await contents(log, BOTH, 1)
    assert await contents(log, BOTH, 2) == [(2, b"0/2", b"late")]


async def test_offsets_and_commits_outlive_everything_that_was_forgotten(tmp_path: Path, hand: Hand) -> None:
    path = tmp_path / "log.sqlite"
    log = await SqliteLog.open(path, durable=True, consuming=True, clock=hand)
    await log.create_topics([EXPIRING.topic])
    await log.append([record(EXPIRING, b"a", b"1")] * 3)
    await log.commit("g", {EXPIRING: Committed(3, "m")})
    await log.close()
    hand.now_ms += 8 * DAY_MS  # The next start forgets all of them.
    log = await SqliteLog.open(path, durable=True, consuming=True, clock=hand)
    assert await contents(log, EXPIRING, 3) == []
    await log.close()
    log = await SqliteLog.open(path, durable=True, consuming=True, clock=hand)
    assert [position.offset for position in await log.append([record(EXPIRING, b"b", b"2")])] == [3]
    assert await log.committed("g", [EXPIRING]) == {EXPIRING: Committed(3, "m")}
    await log.close()


operations = st.lists(
    st.one_of(
        st.lists(
            st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.sampled_from([b"1", b"2", None])),
            min_size=1,
            max_size=5,
        ),
        st.sampled_from(["maintain", "a day later"]),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(operations)
async def test_compacted_topic_folds_to_the_same_table(
    steps: list[list[tuple[bytes, bytes | None]] | str],
) -> None:
    hand = Hand()
    log = await SqliteLog.temporary(clock=hand)
    await log.create_topics([COMPACTED.topic])
    table: dict[bytes, bytes] = {}
    appended = 0
    for step in steps:
        if step == "maintain":
            await log.maintain(hand.now_ms)
        elif isinstance(step, str):
            hand.now_ms += DAY_MS + 1
        else:
            positions = await log.append([record(COMPACTED, key, value) for key, value in step])
            assert [position.offset for position in positions] == list(range(appended, appended + len(step)))
            appended += len(step)
            for key, value in step:
                table.pop(key, None)
                if value is not None:
                    table[key] = value
        folded = {key: value for _, key, value in await contents(log, COMPACTED)}
        assert {key: value for key, value in folded.items() if value is not None} == table
    await log.close()


async def test_records_that_expire_while_they_are_asked_for_are_an_alarm_and_no_gap(
    tmp_path: Path, hand: Hand
) -> None:
    log = await SqliteLog.open(tmp_path / "log.sqlite", durable=True, consuming=True, clock=hand)
    await log.create_topics([EXPIRING.topic])
    await log.append([record(EXPIRING, b"old", b"1")])
    hand.now_ms += 8 * DAY_MS
    await log.append([record(EXPIRING, b"young", b"2")])
    # The thread has the clean-up in hand when the reader finds its position in the log.
    cleaning = asyncio.ensure_future(log.maintain(hand.now_ms))
    await asyncio.sleep(0)
    with pytest.raises(OffsetOutOfRangeError) as raised:
        await log.read({EXPIRING: 0}, max_records=10, wait_s=0)
    await cleaning
    assert raised.value.starts == {EXPIRING: 1}
    await log.close()
