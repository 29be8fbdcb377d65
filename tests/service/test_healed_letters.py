"""Tests which dead letters a run closes: those of objects that it has brought to Port since."""

from collections.abc import AsyncIterator

import pytest

from schemas.command import CommandType
from schemas.outcome import Reason
from schemas.run import RunState
from shared.dead_letters import Resolution
from shared.kept_letters import read_letters
from tests.pipeline.mappings import SPINE
from tests.service.always_on import Installation, installation

USERS = '- kind: users\n    selector:\n      query: "true"'
FAILING = SPINE.replace(
    USERS, USERS.replace('"true"', """'if .name == "Odd" then error("no") else true end'""")
)
PATIENT = SPINE.replace(USERS, USERS.replace('"true"', """'.name != "Somebody else"'"""))


@pytest.fixture
async def here() -> AsyncIterator[Installation]:
    assert FAILING != SPINE != PATIENT
    async with installation(FAILING) as one:
        yield one


def call(here: Installation, user_id: str, name: str) -> None:
    store = here.pagerduty.store
    store.put("users", user_id, {**store.rows("users")[user_id], "name": name})


async def letters(here: Installation) -> list[tuple[str, Resolution | None]]:
    """Return the letters of the failing selector: object id, and how each was closed."""
    found = [one for one in await read_letters(here.log) if Reason.SELECTOR_ERROR in one.reasons]
    return [(one.letter.object_id, one.resolution) for one in found if one.letter is not None]


async def test_resync_closes_the_letters_of_objects_that_have_come_through_and_no_others(
    here: Installation,
) -> None:
    mended, still_odd, *_ = here.pagerduty.store.rows("users")
    call(here, mended, "Odd")
    call(here, still_odd, "Odd")
    async with here.running():
        await here.until_ended(1)
        assert sorted(await letters(here)) == sorted([(mended, None), (still_odd, None)])
        call(here, mended, "Ordinary")
        await here.command(CommandType.RESYNC)
        runs = await here.until_ended(2)
        assert [run.state for run in runs] == [RunState.COMPLETED_WITH_FAILURES] * 2
        assert sorted(await letters(here), key=str) == sorted(
            [(mended, Resolution.HEALED), (still_odd, None), (still_odd, None)], key=str
        )


async def test_replay_of_a_mended_mapping_closes_the_letters_that_the_broken_one_left(
    here: Installation,
) -> None:
    odd, *_ = here.pagerduty.store.rows("users")
    call(here, odd, "Odd")
    async with here.running():
        await here.until_ended(1)
        assert await letters(here) == [(odd, None)]
        here.mapping = PATIENT
        runs = await here.until_ended(2)
        assert (runs[1].type, runs[1].state) == ("replay", RunState.COMPLETED)
        assert await letters(here) == [(odd, Resolution.HEALED)]


async def test_resync_of_other_kinds_closes_nothing(here: Installation) -> None:
    odd, *_ = here.pagerduty.store.rows("users")
    call(here, odd, "Odd")
    async with here.running():
        await here.until_ended(1)
        call(here, odd, "Ordinary")
        await here.command(CommandType.RESYNC, "services")
        await here.until_ended(2)
        assert await letters(here) == [(odd, None)]
