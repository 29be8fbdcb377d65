"""Tests how the mapper tells the records of a replay from the others."""

import asyncio
import threading
from dataclasses import replace
from typing import Any

import pytest

from schemas.headers import Origin, RecordHeaders
from schemas.outcome import Count
from services.mapper.newest_records import NewestRecords
from services.mapper.replaying import Replaying
from shared.core import Batch
from shared.errors import RetryableError
from shared.log.interface import Record
from shared.log.partitioner import partition_of
from shared.log.sqlite import SqliteLog
from shared.progress import Progress
from tests.mapper_builders import INCIDENTS, a_mapping, an_entry, an_incident
from tests.service.mapper_setting import Setting, raw_record, setting

REPLAY = "20260601T120000.000000Z-ab12"
COMMAND = a_mapping(an_entry(title=".title"), version=4).model_copy(
    update={"run_id": REPLAY, "replay_to": {INCIDENTS: dict.fromkeys(range(6), 1)}}
)


async def handled(one: Setting, records: list[Record], version: int | None) -> Any:
    progress = {} if version is None else {record.place: Progress(version) for record in records}
    outcomes = await one.core.handle(Batch(records, asyncio.Event(), progress))
    made = [RecordHeaders.decode(record.headers) for record in await one.entities()]
    return outcomes, [(headers.origin, headers.runid) for headers in made]


def numbers_of_a_partition(count: int) -> list[int]:
    """Return numbers of incidents whose ids fall into one partition."""
    first = partition_of(b"Q000001", 6)
    return [number for number in range(1, 200) if partition_of(f"Q{number:06}".encode(), 6) == first][:count]


async def two_of_a_partition(one: Setting, **headers: Any) -> list[Record]:
    """Return a record below the end of the replay, and one of the same partition above it."""
    return await one.published(
        *(
            raw_record(an_incident(number), origin=Origin.LIVE, runid="", **headers)
            for number in numbers_of_a_partition(2)
        )
    )


async def test_records_below_the_end_are_the_replays_and_the_others_stay_what_they_are() -> None:
    async with setting(COMMAND) as one:
        outcomes, made = await handled(one, await two_of_a_partition(one), version=4)
    assert made == [(Origin.REPLAY, REPLAY), (Origin.LIVE, "")]
    assert [(outcome.run_id, outcome.counts[Count.MAPPED]) for outcome in outcomes] == [(REPLAY, 1), ("", 1)]


async def test_partition_that_is_not_rewound_yet_is_none_of_the_replay() -> None:
    async with setting(COMMAND) as one:
        _, made = await handled(one, await two_of_a_partition(one), version=3)
    assert made == [(Origin.LIVE, ""), (Origin.LIVE, "")]


async def test_partition_that_another_process_has_under_a_newer_version_waits() -> None:
    async with setting(COMMAND) as one:
        assert await handled(one, await two_of_a_partition(one), version=5) == ([None, None], [])


async def test_what_an_operator_confirmed_once_is_not_confirmed_by_the_replay() -> None:
    async with setting(COMMAND) as one:
        records = await two_of_a_partition(one, confirmed=True)
        await one.core.handle(Batch(records, asyncio.Event(), {records[0].place: Progress(4)}))
        made = [RecordHeaders.decode(record.headers).confirmed for record in await one.entities()]
    assert made == [False, True]


async def test_record_that_cannot_be_read_counts_as_failed_in_the_replay() -> None:
    async with setting(COMMAND) as one:
        broken = raw_record(an_incident(), more=(("ce_time", b"yesterday"),))
        (outcome,), _ = await handled(one, await one.published(broken), version=4)
        (letter,) = await one.letters()
    assert (outcome.run_id, outcome.counts) == (REPLAY, {Count.FAILED: 1})
    assert letter.run_id == REPLAY


def test_version_without_a_run_is_the_command_of_no_replay() -> None:
    mapping = COMMAND.model_copy(update={"run_id": ""})
    assert Replaying.of(mapping) == Replaying(4, "", {})


def until(end: int, version: int = 4) -> Any:
    """Return the command of a replay to this offset of every partition."""
    ends = {INCIDENTS: dict.fromkeys(range(6), end)}
    return COMMAND.model_copy(update={"version": version, "replay_to": ends})


def titled(title: str, number: int = 1, **headers: Any) -> Any:
    return raw_record(an_incident(number, title=title), origin=Origin.LIVE, runid="", **headers)


async def titles(one: Setting) -> list[Any]:
    return [change.title for change in await one.changes()]


async def handle_at(one: Setting, records: list[Record], version: int = 4) -> Any:
    progress = {record.place: Progress(version) for record in records}
    return await one.core.handle(Batch(records, asyncio.Event(), progress))


async def test_replay_does_not_take_an_object_through_its_history_once_more() -> None:
    async with setting(until(3)) as one:
        records = await one.published(titled("first"), titled("second"), titled("third"))
        outcomes = [(await handle_at(one, [record]))[0] for record in records]
        assert await titles(one) == ["third"]
    assert [outcome.counts for outcome in outcomes[:2]] == [{}, {}]
    assert outcomes[2].counts[Count.MAPPED] == 1


async def test_object_that_changed_since_the_replay_began_is_left_to_that_change() -> None:
    async with setting(until(1)) as one:
        records = await one.published(titled("before"), titled("since"))
        await handle_at(one, records)
        assert await titles(one) == ["since"]


async def test_objects_that_share_a_partition_do_not_supersede_each_other() -> None:
    first, second = numbers_of_a_partition(2)
    async with setting(until(3)) as one:
        records = await one.published(titled("a", first), titled("b", second), titled("a again", first))
        await handle_at(one, records)
        assert await titles(one) == ["b", "a again"]


async def test_mapper_that_takes_over_in_mid_replay_knows_what_is_superseded_too() -> None:
    async with setting(until(3)) as one:
        records = await one.published(titled("first"), titled("second"), titled("third"))
        await handle_at(one, records[1:2])
        assert await titles(one) == []
        # Its predecessor's work comes once more.
        await handle_at(one, records[:1])
        await handle_at(one, records[2:])
        assert await titles(one) == ["third"]


async def test_next_replay_looks_again() -> None:
    async with setting(until(1)) as one:
        records = await one.published(titled("first"))
        await handle_at(one, records)
        records += await one.published(titled("second"))
        one.core.use(until(2, version=5))
        await handle_at(one, records, version=5)
        assert await titles(one) == ["first", "second"]


async def test_record_without_a_key_is_never_superseded() -> None:
    async with setting(until(3)) as one:
        records = [replace(record, key=None) for record in await one.published(titled("a"), titled("b"))]
        outcomes = await handle_at(one, records)
    assert None not in outcomes
    assert sum(sum(outcome.counts.values()) for outcome in outcomes) > 0


async def test_batch_that_must_go_while_the_partition_is_read_is_not_done() -> None:
    async with setting(until(2)) as one:
        records = await one.published(titled("first"), titled("second"))
        leaving = asyncio.Event()
        leaving.set()
        progress = {record.place: Progress(4) for record in records}
        assert await one.core.handle(Batch(records, leaving, progress)) == [None, None]


async def test_partition_of_which_reading_failed_is_read_again() -> None:
    async with setting(until(2)) as one:
        first, second = await one.published(titled("first"), titled("second"))
        torn: Any = TornLog(one.log)
        newest = NewestRecords(torn)
        with pytest.raises(RetryableError):
            await newest.superseded([first, second], 4, asyncio.Event())
        assert await newest.superseded([first, second], 4, asyncio.Event()) == {(first.place, first.offset)}


class TornLog:
    """A log that cannot be read at first."""

    def __init__(self, log: SqliteLog) -> None:
        self._log = log
        self._is_torn = True

    async def read(self, *given: Any, **named: Any) -> list[Record]:
        if self._is_torn:
            self._is_torn = False
            raise RetryableError("the broker is away")
        return await self._log.read(*given, **named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)


async def test_what_a_mapper_that_is_gone_has_left_over_is_closed_in_any_thread() -> None:
    async with setting(until(3)) as one:
        (record,) = await one.published(titled("first"))
        left = [NewestRecords(one.log)]
        await left[0].superseded([record], 4, asyncio.Event())
        last = threading.Thread(target=left.clear)
        last.start()
        last.join()
    assert left == []
