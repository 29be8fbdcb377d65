"""Tells `pagerport.runs` which third party the run in hand, or the next one, waits for."""

from collections.abc import Callable
from typing import Final

from schemas.run import RunResult
from services.fetcher.parts import FetcherParts
from services.fetcher.run_journal import RunJournal
from services.fetcher.run_requests import next_run
from shared.errors import RetryableError

LOOK_S: Final = 1.0
AGAIN_S: Final = 5.0
"""While a wait goes on its length is written no more often."""


class RunWaits:
    """Looks on while this replica leads: also before a run lists anything, and before it begins.

    Args:
        parts: What the fetcher is made of.
        journal: Where runs are written.
        in_hand: The run in hand; None: there is none.
    """

    def __init__(
        self, parts: FetcherParts, journal: RunJournal, in_hand: Callable[[], RunResult | None]
    ) -> None:
        self._parts = parts
        self._journal = journal
        self._in_hand = in_hand
        self._since_s = AGAIN_S

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await self._parts.sleep(LOOK_S)
            self._since_s += LOOK_S
            try:
                await self.look()
            except RetryableError:
                # It is only for those who look on; the log's trouble is told by who needs it.
                continue

    async def look(self) -> None:
        """Write what is waited for, if it is news."""
        says = self._parts.waits.waiting_for() or ""
        async with self._journal.changing:
            run = self._in_hand()
            if run is None and self._is_news(says, next_run(self._journal.runs)):
                # What was read before may have ended by now: its old state, written again, would reopen it.
                run = next_run(await self._journal.catch_up())
            if run is None or not self._is_news(says, run):
                return
            run.waiting_for = says
            self._since_s = 0.0
            await self._journal.write(run)

    def _is_news(self, says: str, run: RunResult | None) -> bool:
        if run is None or run.ended or says == run.waiting_for:
            return False
        return not (says and run.waiting_for and self._since_s < AGAIN_S)
