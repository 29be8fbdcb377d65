"""Writes what is asked for into `pagerport.runs`, so that the next leader finds it there."""

import asyncio
import secrets
from collections.abc import Callable
from datetime import datetime

from schemas.run import RunResult, RunState
from schemas.topics import RUNS
from services.fetcher.run_requests import RunRequest, forgettable, new_run_id, request_run
from shared.log.interface import Log
from shared.runs_topic import RunRecords, forgotten_run, run_record


class RunJournal:
    """The runs of the installation, as the leader sees them.

    Args:
        log: The log.
        identifier: The installation.
        now: Aware UTC.

    Attributes:
        changing: Held while runs that wait are changed: of two who read the same state the last would win.
    """

    def __init__(self, log: Log, identifier: str, now: Callable[[], datetime]) -> None:
        self._log = log
        self._identifier = identifier
        self._now = now
        self._records = RunRecords(log)
        self.changing = asyncio.Lock()

    @property
    def runs(self) -> list[RunResult]:
        """Return all runs as of the last `catch_up`, the oldest first."""
        return self._records.runs

    @property
    def left_out(self) -> int:
        """Return how many records of the topic could not be read."""
        return self._records.left_out

    async def catch_up(self) -> list[RunResult]:
        """Read what was written since the last call, also by others, and return all runs."""
        await self._records.catch_up()
        return self._records.runs

    async def ask(
        self, request: RunRequest, *, in_hand: Callable[[], RunResult | None] = lambda: None
    ) -> RunResult | None:
        """Have a request answered by a run, and return it when that is acknowledged.

        Args:
            request: The request.
            in_hand: Tells the run that it can join no more, though it may be published as waiting.

        Returns:
            The run; None: the command was answered before.
        """
        async with self.changing:
            runs = await self.catch_up()
            newest = max((run.run_id for run in runs), default="")
            run_id = new_run_id(self._now(), secrets.token_hex(2), newest)
            begun = in_hand()
            run = request_run(
                runs, request, run_id=run_id, at=self._now(), begun=() if begun is None else (begun.run_id,)
            )
            if run is not None:
                await self.write(run)
            return run

    async def interrupt(self, run: RunResult) -> None:
        """End a run that nobody works on now."""
        # In place: who is about to write it, too, must not write it as it was.
        run.state, run.ended_at = RunState.INTERRUPTED, self._now()
        await self.write(run)

    async def write(self, run: RunResult) -> None:
        """Write a run's state."""
        await self._log.create_topics([RUNS.name])
        await self._log.append([run_record(run, identifier=self._identifier, made_at=self._now())])
        await self.catch_up()

    async def forget_old(self) -> None:
        """Forget runs that nobody will ask for any more."""
        if gone := forgettable(await self.catch_up()):
            await self._log.append([forgotten_run(run_id) for run_id in gone])
