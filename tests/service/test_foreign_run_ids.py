"""Proves that records with run ids that others made up never make a run look better than it is."""

import pytest

from schemas.outcome import Count
from schemas.run import RunState
from schemas.topics import RAW_PREFIX
from shared.log.interface import NewRecord
from tests.service.sweep_setting import World, entry, user, users, world

USERS = entry("users", "user")
RAW = RAW_PREFIX + "users"
OURS = "20261123T{:06}.000000Z-ab12"
LATER_THAN_ANY = b"99990101T000000.000000Z-ffff"


async def spoil(one: World, run_id: bytes) -> None:
    """Send what others may send: the newest user once more, as if a run of that id had read him."""
    places = await one.log.partitions(RAW.__eq__)
    newest = (await one.log.read(dict.fromkeys(places, 0), max_records=1000, wait_s=0))[-1]
    headers = [pair for pair in newest.headers if pair[0] != "ce_runid"]
    foreign = NewRecord(RAW, newest.key, newest.value, (*headers, ("ce_runid", run_id)))
    await one.log.append([foreign])
    # Until the mapper and the writer have passed it.
    await one.live("users", user(99), USERS)


@pytest.mark.parametrize("run_id", [b"\xff", b"zzz", b"9" * 40, b"\0"])
async def test_run_behind_a_foreign_run_id_counts_all_that_it_reads(run_id: bytes) -> None:
    async with world({"users": users(range(30))}) as one:
        one.run_ids = OURS
        await one.run(USERS)
        await spoil(one, run_id)
        result = await one.run(USERS)
        assert (result.state, result.unmapped, result.unsettled) == (RunState.COMPLETED, 0, 0)
        assert result.kinds["users"].mapper == {Count.MAPPED: 30, Count.EMITTED: 30}


async def test_run_whose_counts_went_to_a_later_run_of_somebody_else_is_not_green() -> None:
    async with world({"users": users(range(30))}) as one:
        one.run_ids = OURS
        await one.run(USERS)
        await spoil(one, LATER_THAN_ANY)
        result = await one.run(USERS)
        assert result.state is RunState.COMPLETED_WITH_FAILURES
        assert result.unmapped == 30 - result.kinds["users"].mapper[Count.MAPPED] > 0
