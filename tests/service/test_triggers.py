"""Tests what asks for runs beside commands: single kinds' schedules, Port's Resync button, a new mapping."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from schemas.run import RunResult, RunState
from services.fetcher.integration.care import AskedInPort
from services.fetcher.service import FetcherService
from tests.pipeline.mappings import SPINE
from tests.service.always_on import Installation, installation, utc_now

SOON = timedelta(milliseconds=200)
NEVER = timedelta(days=1)
KINDS: Mapping[str, timedelta] = {"users": SOON, "teams": NEVER, "vendors": SOON}
"""The last is no kind of the mapping."""


@pytest.fixture
async def here() -> AsyncIterator[Installation]:
    async with installation(SPINE) as one:
        yield one


@asynccontextmanager
async def running(here: Installation, kinds: Mapping[str, timedelta]) -> AsyncIterator[FetcherService]:
    mapper = here.start_mapper()
    try:
        async with (
            here.writer(),
            FetcherService(replace(here.parts(), kind_intervals=kinds)) as service,
        ):
            yield service
    finally:
        await mapper.stop()


def told(run: RunResult) -> tuple[str, RunState, list[str], list[str]]:
    return run.type, run.state, run.asked_by, run.only_kinds


async def test_kind_with_an_interval_of_its_own_is_resynced_alone_and_again(here: Installation) -> None:
    async with running(here, KINDS):
        runs = await here.until_ended(3)
    whole, *users = [told(run) for run in runs[:3]]
    assert whole == ("resync", RunState.COMPLETED, ["mapping"], [])
    assert users == [("resync", RunState.COMPLETED, ["schedule"], ["users"])] * 2
    starts = [run.started_at for run in runs[:3]]
    assert all(after - before >= SOON for before, after in pairwise(starts))


async def test_its_next_resync_counts_from_the_last_start_also_in_the_next_process(
    here: Installation,
) -> None:
    async with running(here, {}):
        await here.until_ended(1)
    async with running(here, {"users": NEVER}) as service:
        # What is due is asked for before the first nap: a request of ours is the only one then.
        await service.asked_in_port(AskedInPort("r1", utc_now().isoformat()))
        runs = await here.until_ended(2)
    assert [told(run)[2:] for run in runs] == [(["mapping"], []), (["Port"], [])]


async def test_press_of_the_button_is_answered_once_also_by_the_next_process(here: Installation) -> None:
    async with running(here, {}) as service:
        await here.until_ended(1)
        asked = AskedInPort("r1", utc_now().isoformat())
        for _ in range(3):
            await service.asked_in_port(asked)
        await here.until_ended(2)
    async with running(here, {}) as service:
        await service.asked_in_port(asked)
        again = AskedInPort("r2", utc_now().isoformat())
        await asyncio.gather(service.asked_in_port(again), service.asked_in_port(again))
        runs = await here.until_ended(3)
    assert [run.asked_by for run in runs] == [["mapping"], ["Port"], ["Port"]]


async def test_new_mapping_that_waits_for_the_run_in_hand_is_told(here: Installation) -> None:
    async with running(here, {}) as service:
        await here.until_ended(1)
        assert service.mapping_waits == ""
        waited: list[str] = []

        def change(run: RunResult) -> None:
            here.mapping = SPINE.replace("title: .name", 'title: .name + "!"')
            waited.append(service.mapping_waits)

        here.on_snapshot = change
        await service.asked_in_port(AskedInPort("r1", utc_now().isoformat()))
        runs = await here.until_ended(3)
    assert [run.type for run in runs] == ["resync", "resync", "replay"]
    named = f"mapping.yaml: comes into force after run {runs[1].run_id}"
    assert set(waited) - {""} <= {named}
