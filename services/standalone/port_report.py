"""Tells Port how a sync goes, by its integration object and resync state; no sync fails because of it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from schemas.run import RunResult, RunState
from services.fetcher.assembly import wanted_integration
from services.fetcher.integration.care import register
from services.fetcher.integration.resync_state import resync_state
from shared.errors import PagerportError
from shared.port.integration import IntegrationCalls
from shared.settings import Settings

logger = logging.getLogger(__name__)

PATIENCE_S: Final = 5.0
"""For what is not worth more: a sync waits so long for it at its end."""


class PortReport:
    """The report of one sync.

    Args:
        calls: Asks Port.
        settings: All settings.
        dry_run: Nothing is said to Port.
        has_file: Whether the mapping is one of a file.
    """

    def __init__(self, calls: IntegrationCalls, settings: Settings, *, dry_run: bool, has_file: bool) -> None:
        self._calls = calls
        self._is_silent = dry_run
        self._wanted = wanted_integration(settings, has_file=has_file)
        self._began: asyncio.Task[None] | None = None

    def begin(self, run: RunResult) -> None:
        """Register in Port and say that a sync runs, while it does."""
        if self._is_silent:
            return
        self._began = asyncio.create_task(self._begin(run.model_copy(update={"state": RunState.LISTING})))

    async def end(self, run: RunResult) -> None:
        """Say how it ended."""
        await self._try(lambda: self._report(run), after=self._began)

    async def refused(self, problem: str) -> None:
        """Say that it could not begin, because of the mapping that Port holds."""
        state = resync_state([], problem=problem, interval=None, next_at=None)
        # There may be no integration object yet; the mistake itself is said in any case.
        await self._try(lambda: self._calls.report(state or {}), level=logging.DEBUG)

    async def close(self) -> None:
        """Leave what has not been said."""
        if self._began is not None:
            self._began.cancel()
            await asyncio.gather(self._began, return_exceptions=True)

    async def _begin(self, run: RunResult) -> None:
        await register(self._calls, self._wanted)
        await self._report(run)

    async def _report(self, run: RunResult) -> None:
        state = resync_state([run], problem="", interval=None, next_at=None)
        if state is not None:
            await self._calls.report(state)

    async def _try(
        self,
        say: Callable[[], Awaitable[None]],
        after: asyncio.Task[None] | None = None,
        *,
        level: int = logging.WARNING,
    ) -> None:
        if self._is_silent:
            return
        try:
            async with asyncio.timeout(PATIENCE_S):
                if after is not None:
                    await asyncio.wait({after})
                await say()
                if after is not None:
                    after.result()
        except (PagerportError, TimeoutError) as error:
            why = str(error) or f"no answer within {PATIENCE_S:g} s"
            logger.log(level, "Port's page does not show this sync as it was: %s", why)


@asynccontextmanager
async def port_report(
    calls: IntegrationCalls, settings: Settings, *, dry_run: bool, has_file: bool
) -> AsyncIterator[PortReport]:
    """Give the report of one sync for the time of the block."""
    report = PortReport(calls, settings, dry_run=dry_run, has_file=has_file)
    try:
        yield report
    finally:
        await report.close()
