"""Tests how the mapper tells the records of a replay from the others."""

import asyncio
from typing import Any

from schemas.headers import Origin, RecordHeaders
from schemas.outcome import Count
from services.mapper.replaying import Replaying
from shared.core import Batch
from shared.log.interface import Record
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


async def two_of_a_key(one: Setting, **headers: Any) -> list[Record]:
    """Return a record below the end of the replay, and one of the same partition above it."""
    return await one.published(
        raw_record(an_incident(), origin=Origin.LIVE, runid="", **headers),
        raw_record(an_incident(), origin=Origin.LIVE, runid="", **headers),
    )


async def test_records_below_the_end_are_the_replays_and_the_others_stay_what_they_are() -> None:
    async with setting(COMMAND) as one:
        outcomes, made = await handled(one, await two_of_a_key(one), version=4)
    assert made == [(Origin.REPLAY, REPLAY), (Origin.LIVE, "")]
    assert [(outcome.run_id, outcome.counts[Count.MAPPED]) for outcome in outcomes] == [(REPLAY, 1), ("", 1)]


async def test_partition_that_is_not_rewound_yet_is_none_of_the_replay() -> None:
    async with setting(COMMAND) as one:
        _, made = await handled(one, await two_of_a_key(one), version=3)
    assert made == [(Origin.LIVE, ""), (Origin.LIVE, "")]


async def test_partition_that_another_process_has_under_a_newer_version_waits() -> None:
    async with setting(COMMAND) as one:
        assert await handled(one, await two_of_a_key(one), version=5) == ([None, None], [])


async def test_what_an_operator_confirmed_once_is_not_confirmed_by_the_replay() -> None:
    async with setting(COMMAND) as one:
        records = await two_of_a_key(one, confirmed=True)
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
