"""Keeps the result of the run in hand true, and tells it: to whoever looks on, and to `pagerport.runs`."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from schemas.run import RunResult, RunState
from services.fetcher.leadership import Leadership
from services.fetcher.run_counts import (
    add_letter,
    add_listing_failures,
    add_warnings,
    count_failures,
    count_handled,
    count_unfinished,
    final_state,
    merge_listings,
)
from services.fetcher.run_in_hand import RunInHand
from services.fetcher.run_letters import OpenLetter, read_open_letters
from services.fetcher.stage_counts import Stages, read_stages
from services.fetcher.unmet import settle_counts
from shared.errors import FatalError
from shared.http.waits import WaitLedger
from shared.log.interface import Clock, Log, Sleep
from shared.runs_topic import run_record

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How a run is watched.

    Attributes:
        poll_s: Seconds between two looks at the committed offsets.
        stall_timeout_s: Seconds without any progress after which the run is given up; infinite: never.
        on_snapshot: Hears of the run's state at each look; must not block.
        on_close: Adds to the result what only the caller knows, before it is written; must not block.
        publish_every_s: Seconds after which the state goes to `pagerport.runs` again; infinite: only when it
            enters another step.
        holds: Whether a run that is refused by a third party stays open, for its next attempt.
    """

    poll_s: float
    stall_timeout_s: float
    on_snapshot: Callable[[RunResult], None]
    on_close: Callable[[RunResult], None] = lambda _: None
    publish_every_s: float = float("inf")
    holds: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What every run of a process has around it.

    Attributes:
        log: The log.
        identifier: The installation.
        waits: Knows which third party is waited for.
        requests: Requests to each third party so far.
        successes: How many of them were served.
        watch: How runs are watched.
        now: Aware UTC.
        leadership: Leave to publish.
        clock: Monotonic seconds.
        sleep: Waits between looks.
    """

    log: Log
    identifier: str
    waits: WaitLedger
    requests: Callable[[], dict[str, int]]
    successes: Callable[[], int]
    watch: Watch
    now: Callable[[], datetime]
    leadership: Leadership
    clock: Clock = time.monotonic
    sleep: Sleep = asyncio.sleep


class RunBook:
    """The book of one attempt of one run.

    Args:
        run: The run; its result is written in place.
        around: What it has around it.
    """

    def __init__(self, run: RunInHand, around: Surroundings) -> None:
        self._run = run
        self._around = around
        self._watch = around.watch
        self._is_closing = False
        self._moved: tuple[int, ...] = ()
        self._moved_at_s = around.clock()

    async def enter(self, state: RunState) -> None:
        """Tell which step the run is at; waits for the leave to."""
        self._run.result.state = state
        await self._around.leadership.gate()
        await self._publish()

    async def look_on(self) -> None:
        """Look at the stages again and again, until cancelled.

        Raises:
            FatalError: Nothing has moved for the stall timeout.
        """
        published_s = self._around.clock()
        while True:
            await self._around.sleep(self._watch.poll_s)
            stages = await self._stages()
            if self._is_closing:
                continue
            self._apply(stages)
            self._watch.on_snapshot(self._run.result)
            self._check_moving()
            is_due = self._around.clock() - published_s >= self._watch.publish_every_s
            if is_due and self._around.leadership.holds():
                published_s = self._around.clock()
                await self._publish()

    async def judge(self) -> None:
        """Bring counts and failures up to date with what the stages have committed and left behind."""
        self._apply(await self._stages())
        letters = await self.letters()
        result = self._run.result
        settle_counts(result.kinds, self._run.closed, [one for one in letters if not one.letter.run_id])
        result.failure_count = count_failures(result.kinds)
        result.failures, result.failures_by_reason = [], {}
        add_listing_failures(result)
        for one in letters:
            add_letter(result, one.letter)

    async def letters(self) -> list[OpenLetter]:
        """Return the open dead letters of the run."""
        asked_again = {(one.letter.kind, one.letter.object_id) for one in self._run.closed}
        return await read_open_letters(
            self._around.log, self._run.letters_from, self._run.result.stamp, asked_again
        )

    async def close(self, state: RunState | None = None) -> None:
        """Write the result: counts, dead letters, times.

        Args:
            state: How the run ended; None: judged by what happened.
        """
        await self._around.leadership.gate()
        self._is_closing = True
        await self.judge()
        result = self._run.result
        add_warnings(result)
        result.unmapped, result.unsettled = count_unfinished(result.kinds)
        result.state = state or final_state(result)
        result.ended_at = self._around.now()
        result.waiting_for = ""
        self._watch.on_close(result)
        await self._publish()
        self._watch.on_snapshot(result)

    async def close_early(self, state: RunState, error: str) -> None:
        """Write the result of a run that did not get to its end, as far as the log still allows."""
        result = self._run.result
        try:
            if result.ended:
                # It was ended while its result was being written: that is the result.
                await self._publish()
                return
            result.error = error
            await self.close(state)
        except Exception:
            # What ended the run is raised; that the log fails as well (a full disk) must not hide it.
            logger.exception("the result of run %s could not be written to the log", result.run_id)
            result.state, result.ended_at = state, self._around.now()
            self._watch.on_snapshot(result)

    async def hold(self, error: str) -> None:
        """Say what the run waits for; it stays open."""
        self._run.result.error = error
        if self._around.leadership.holds():
            await self._publish()

    def _check_moving(self) -> None:
        if self._around.clock() - self._moved_at_s > self._watch.stall_timeout_s:
            cause = self._around.waits.waiting_for() or f"the {self._run.result.state} stage"
            raise FatalError(
                f"no progress for {self._watch.stall_timeout_s:.0f} s while waiting for {cause}; "
                "mend it and run the sync again, or raise OCEAN__SYNC__STALL_TIMEOUT_S"
            )

    async def _stages(self) -> Stages:
        return await read_stages(self._around.log, list(self._run.kind_of), self._run.result.stamp)

    def _apply(self, stages: Stages) -> None:
        run, result = self._run, self._run.result
        for kind in result.kinds:
            listed = merge_listings(run.listings[topic] for topic, of in run.kind_of.items() if of == kind)
            listed.mapper = stages.mapper.counts.get(kind, {})
            listed.writer = stages.writer.counts.get(kind, {})
            if result.type == "replay":
                listed.fetched = count_handled(listed)
            result.kinds[kind] = listed
        result.failure_count = count_failures(result.kinds)
        result.requests = self._around.requests()
        result.waits = self._around.waits.waits()
        fetched = sum(kind.fetched for kind in result.kinds.values())
        moved = (stages.mapper.at, stages.writer.at, fetched, self._around.successes())
        if moved != self._moved:
            self._moved, self._moved_at_s = moved, self._around.clock()

    async def _publish(self) -> None:
        record = run_record(self._run.result, identifier=self._around.identifier, made_at=self._around.now())
        await self._around.log.append([record])
