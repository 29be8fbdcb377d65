"""Lets the leader wait between two runs, and be woken."""

import asyncio
from collections.abc import Callable
from typing import Final

from shared.log.interface import Sleep

LOOK_S: Final = 0.2
"""How often it is seen whether this process still leads."""


class Nap:
    """A wait that a request for a run cuts short, and the end of our leadership.

    Args:
        leads: Whether this process leads.
        sleep: Waits for seconds.
    """

    def __init__(self, leads: Callable[[], bool], sleep: Sleep) -> None:
        self._leads = leads
        self._sleep = sleep
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """End the wait, if there is one."""
        self._woken.set()

    async def wait(self, delay_s: float) -> None:
        """Wait for so long at most. What woke before does not count: it was seen to."""
        self._woken.clear()
        sleeping = asyncio.ensure_future(self._sleep_while_leading(delay_s))
        waking = asyncio.ensure_future(self._woken.wait())
        try:
            await asyncio.wait({sleeping, waking}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sleeping, waking):
                task.cancel()
            await asyncio.gather(sleeping, waking, return_exceptions=True)

    async def _sleep_while_leading(self, delay_s: float) -> None:
        left_s = delay_s
        while left_s > 0 and self._leads():
            await self._sleep(min(left_s, LOOK_S))
            left_s -= LOOK_S
