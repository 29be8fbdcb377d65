"""What a run waits for stands in `pagerport.runs`: before it lists anything, and before it begins."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from schemas.mapping import MappingFile
from services.fetcher.first_start import FirstStart
from services.fetcher.run_journal import RunJournal
from services.fetcher.run_requests import RunRequest
from services.fetcher.run_waits import AGAIN_S, RunWaits
from services.fetcher.service import FetcherService
from shared.http.waits import WaitLedger
from tests.pipeline.mappings import SPINE
from tests.service.always_on import IDENTIFIER, Installation, installation, utc_now


@pytest.fixture
async def here() -> AsyncIterator[Installation]:
    async with installation(SPINE) as one:
        yield one


async def test_wait_before_anything_is_listed_is_told_and_forgotten_at_the_end(here: Installation) -> None:
    goes_on = asyncio.Event()

    async def prepare(_: MappingFile) -> FirstStart:
        with here.waits.waiting("Port", "no connection"):
            await goes_on.wait()
        return FirstStart()

    mapper = here.start_mapper()
    try:
        async with here.writer(), FetcherService(replace(here.parts(), prepare=prepare)):
            (run,) = await here.until(lambda runs: any(run.waiting_for for run in runs))
            goes_on.set()
            (ended,) = await here.until_ended(1)
    finally:
        await mapper.stop()

    assert re.fullmatch(r"Port \(no connection\) for \d+ s", run.waiting_for)
    assert (run.state, run.kinds, ended.waiting_for) == ("listing", {}, "")


async def test_run_that_has_not_begun_tells_it_too_but_not_at_each_look(here: Installation) -> None:
    now_s = 0.0
    ledger = WaitLedger(lambda: now_s)
    passed = asyncio.Queue[float]()

    async def sleep(seconds: float) -> None:
        nonlocal now_s
        now_s += seconds
        passed.put_nowait(now_s)
        await asyncio.sleep(0)

    journal = RunJournal(here.log, IDENTIFIER, utc_now)
    await journal.ask(RunRequest(type="resync", asked_by="command line"))
    told: list[str] = []
    parts = replace(here.parts(), waits=ledger, sleep=sleep)
    waits = RunWaits(parts, journal, lambda: None)
    with ledger.waiting("Port", "HTTP 503"):
        looking = asyncio.create_task(waits.run())
        try:
            while now_s < 2 * AGAIN_S + 1:
                await passed.get()
                (run,) = journal.runs
                if run.waiting_for not in told:
                    told.append(run.waiting_for)
        finally:
            looking.cancel()
    await waits.look()

    assert told[:3] == ["", "Port (HTTP 503) for 1 s", "Port (HTTP 503) for 6 s"]
    assert [(one.state, one.waiting_for) for one in await here.runs()] == [("waiting", "")]


async def test_run_that_has_ended_since_it_was_read_stays_ended(here: Installation) -> None:
    ledger = WaitLedger(lambda: 0.0)
    journal = RunJournal(here.log, IDENTIFIER, utc_now)
    run = await journal.ask(RunRequest(type="resync", asked_by="command line"))
    assert run is not None
    waits = RunWaits(replace(here.parts(), waits=ledger), journal, lambda: None)
    with ledger.waiting("Port", "HTTP 503"):
        await waits.look()
    # The book of a run closes it beside the journal, as another leader does.
    await RunJournal(here.log, IDENTIFIER, utc_now).interrupt(run)
    await waits.look()

    assert [(one.state, one.ended) for one in await here.runs()] == [("interrupted", True)]
