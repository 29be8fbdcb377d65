"""Tests when the user's mapping is looked at again."""

from datetime import UTC, datetime, timedelta

import pytest

from schemas.mapping import MappingFile
from services.fetcher.default_resources import DEFAULT_MAPPING
from services.fetcher.mapping_poll import MappingPoll
from shared.mapping_file import LoadedMapping

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("moved", "looks"),
    [(timedelta(0), 1), (MINUTE - timedelta(seconds=1), 1), (MINUTE, 2), (-60 * MINUTE, 2)],
    ids=["at-once", "within", "due", "clock-set-back"],
)
async def test_mapping_is_looked_at_once_an_interval_whatever_the_clock_does(
    moved: timedelta, looks: int
) -> None:
    at, looked = NOON, 0

    async def load() -> LoadedMapping:
        nonlocal looked
        looked += 1
        return LoadedMapping(MappingFile(), "mapping.yaml")

    poll = MappingPoll(load, interval=MINUTE, now=lambda: at)
    await poll.look()
    at += moved
    due_at = poll.due_at
    await poll.look()
    assert looked == looks
    assert due_at is not None
    assert due_at - at <= MINUTE


def named(name: str) -> LoadedMapping:
    return LoadedMapping(MappingFile(), name)


@pytest.mark.parametrize(
    ("loaded", "newest", "is_refused"),
    [
        (["mapping of 'mine' in Port", DEFAULT_MAPPING], "mapping of 'mine' in Port", True),
        (["mapping.yaml", DEFAULT_MAPPING], "mapping.yaml", True),
        ([DEFAULT_MAPPING, DEFAULT_MAPPING], DEFAULT_MAPPING, False),
        ([DEFAULT_MAPPING, "mapping of 'mine' in Port"], "mapping of 'mine' in Port", False),
    ],
)
async def test_default_mapping_stands_in_for_none_but_not_for_one_that_was_there(
    loaded: list[str], newest: str, is_refused: bool
) -> None:
    at, left = NOON, iter(loaded)

    async def load() -> LoadedMapping:
        return named(next(left))

    poll = MappingPoll(load, interval=MINUTE, now=lambda: at)
    for _ in loaded:
        await poll.look()
        at += MINUTE
    assert poll.newest == named(newest)
    assert (poll.problem.startswith("no file is given, and Port holds none")) is is_refused


async def test_default_mapping_does_not_take_the_place_of_one_that_is_in_force() -> None:
    async def load() -> LoadedMapping:
        return named(DEFAULT_MAPPING)

    poll = MappingPoll(load, interval=MINUTE, now=lambda: NOON)
    poll.stand_in(named("mapping of 'mine' in Port"))
    await poll.look()
    assert poll.newest == named("mapping of 'mine' in Port")
