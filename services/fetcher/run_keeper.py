"""Keeps the run in hand: has it carried out, stops it, holds it while we are refused, or leaves it."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from schemas.run import RunResult, RunState
from services.fetcher.leadership import Leadership
from services.fetcher.mapping_authority import MappingAuthority
from services.fetcher.nap import LOOK_S, Nap
from services.fetcher.parts import FetcherParts
from services.fetcher.raw_publisher import RawPublisher
from services.fetcher.run_attempt import Attempt
from services.fetcher.run_journal import RunJournal
from services.fetcher.run_requests import begin_run
from services.fetcher.run_summary import summary
from shared.errors import FatalError, NotOwnerError, PagerportError, RetryableError
from shared.logs import log_context
from shared.mapping_file import LoadedMapping

logger = logging.getLogger(__name__)

AWAY_S: Final = 15.0
"""How long a run stands still while its process does not lead; then it is the next leader's."""
HOLD_S: Final = 60.0
"""After that what was refused is tried again."""
RETRY_S: Final = 5.0
"""After that what has failed in a way that passes is tried again: a broker that restarts costs no minute."""
STOP_WAIT_S: Final = 1.0


class RunKeeper:
    """At most one run at a time.

    Args:
        parts: What the fetcher is made of.
        publisher: Publishes raw records.
        authority: Puts mappings in force.
        journal: All runs.
        leads: Whether this process leads.
        nap: Waits between two attempts.
    """

    def __init__(
        self,
        parts: FetcherParts,
        *,
        publisher: RawPublisher,
        authority: MappingAuthority,
        journal: RunJournal,
        leads: Callable[[], bool],
        nap: Nap,
    ) -> None:
        self._parts = parts
        self._publisher = publisher
        self._authority = authority
        self._journal = journal
        self._leads = leads
        self._nap = nap
        self._run: RunResult | None = None
        self._loaded: LoadedMapping | None = None
        self._task: asyncio.Task[None] | None = None
        self._held = ""
        self._successes_at_hold = 0

    @property
    def in_hand(self) -> RunResult | None:
        """Return the run that is carried out, or held until it is tried again."""
        return self._run

    @property
    def mapping(self) -> LoadedMapping | None:
        """Return the mapping that the run in hand goes by; None: there is no run in hand."""
        return None if self._run is None else self._loaded

    @property
    def held(self) -> str:
        """Return by what we were refused; empty: we were not, or were served since."""
        return self._held if self._parts.successes() == self._successes_at_hold else ""

    def take(self, run: RunResult) -> None:
        """Take a run in hand: requests join it no more."""
        self._run = begin_run(run, self._parts.now())

    def forget(self) -> None:
        """Let go of the run: somebody else leads."""
        self._run, self._held = None, ""

    async def hold(self, error: PagerportError) -> None:
        """Say by what we are refused, and wait until it is to be tried again."""
        problem = str(error) or type(error).__name__
        passes = isinstance(error, RetryableError)
        wait_s = RETRY_S if passes else HOLD_S
        if problem != self._held:
            level = logging.WARNING if passes else logging.CRITICAL
            logger.log(level, "the fetcher holds, tries again in %g s: %s", wait_s, problem)
        self._held = problem
        self._successes_at_hold = self._parts.successes()
        await self._nap.wait(wait_s)

    def go_on(self) -> None:
        """Say that nothing refuses us."""
        self._held = ""

    async def stop(self, command_id: str) -> bool:
        """End the run in hand; False: it has not ended yet, ask again."""
        run, task = self._run, self._task
        if run is None:
            logger.info("stop: there is no run in hand")
            return True
        if command_id not in run.commands:
            logger.info("run %s is stopped", run.run_id)
            run.commands.append(command_id)
            if task is not None:
                task.cancel()
        if task is None:
            await self._journal.interrupt(run)
            self._run = None
            self._nap.wake()
            return True
        await asyncio.wait({task}, timeout=STOP_WAIT_S)
        return task.done()

    async def carry_out(self, loaded: LoadedMapping) -> None:
        """Carry out an attempt of the run in hand to its end, or to that of our leadership.

        Args:
            loaded: The user's mapping.
        """
        run = self._run
        if run is None:
            return
        self._loaded = loaded
        leadership = Leadership(self._leads, sleep=self._parts.sleep)
        attempt = Attempt(
            run,
            loaded,
            parts=self._parts,
            publisher=self._publisher,
            authority=self._authority,
            journal=self._journal,
            leadership=leadership,
        )
        with log_context(run_id=run.run_id):
            logger.info("%s begins, attempt %d", run.type, run.attempt)
            task = self._task = asyncio.create_task(attempt.carry_out())
            try:
                await self._watch_over(task, run, leadership)
            finally:
                self._task = None
                if not task.done():
                    # This process ends: the run goes on in the next one.
                    leadership.give_up()
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)
            error = None if task.cancelled() else task.exception()
            if leadership.is_given_up:
                self._run = None
            elif isinstance(error, NotOwnerError):
                logger.info("the attempt ends, the next one is the leader's: %s", error)
                self._run = None
            elif isinstance(error, FatalError | RetryableError):
                await self._keep(run, error)
            else:
                await self._conclude(run, error, loaded)

    async def _watch_over(self, task: asyncio.Task[None], run: RunResult, leadership: Leadership) -> None:
        """Let the run stand still while we do not lead, and give it up when that takes long."""
        away_s = 0.0
        while not task.done():
            await asyncio.wait({task}, timeout=LOOK_S)
            if not self._leads():
                leadership.pause()
                away_s += LOOK_S
            elif away_s and await self._is_still_ours(run):
                leadership.go_on(self._parts.now())
                away_s = 0.0
            elif away_s:
                away_s = AWAY_S
            if away_s >= AWAY_S and not leadership.is_given_up:
                logger.warning("run %s is left to the next leader", run.run_id)
                leadership.give_up()
                task.cancel()

    async def _is_still_ours(self, run: RunResult) -> bool:
        """Whether nobody has gone on with the run while we did not lead."""
        runs = await self._journal.catch_up()
        return any(one.run_id == run.run_id and not one.ended and one.attempt <= run.attempt for one in runs)

    async def _keep(self, run: RunResult, error: PagerportError) -> None:
        """Hold the run, open as it is, until it is tried again."""
        run.error = str(error)
        await self._journal.write(run)
        await self.hold(error)
        self._run = None

    async def _conclude(self, run: RunResult, error: BaseException | None, loaded: LoadedMapping) -> None:
        """Let go of a run that has ended."""
        self._run, self._held = None, ""
        if not run.ended:
            # It ended before it was the conductor's.
            run.state = RunState.FAILED if error else RunState.INTERRUPTED
            run.error = str(error) if error else ""
            run.ended_at = self._parts.now()
            await self._journal.write(run)
        if error is None:
            level = logging.INFO if run.green else logging.WARNING
            logger.log(level, "%s %s", run.type, summary(run))
        else:
            is_expected = isinstance(error, PagerportError)
            logger.error("%s failed: %s", run.type, error, exc_info=None if is_expected else error)
        await self._journal.forget_old()
        in_force = self._authority.in_force
        if error is not None and (in_force is None or in_force.config != loaded.config):
            # The new mapping asks for the same run again: not without a pause.
            await self._nap.wait(HOLD_S)
