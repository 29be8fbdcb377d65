"""Waits for Port, and has it accounted."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from shared.http.pause import until_left
from shared.http.waits import WaitLedger
from shared.log.interface import Sleep
from shared.port.call import LeavingError

HOST: Final = "Port"
"""What Port is called where waits are told."""


class Waiting:
    """The waits of one client.

    Args:
        waits: Where they are accounted.
        sleep: Waits for seconds.
    """

    def __init__(self, waits: WaitLedger, sleep: Sleep) -> None:
        self._waits = waits
        self._sleep = sleep

    async def pause(self, cause: str, delay_s: float, leaving: asyncio.Event | None) -> None:
        """Wait for some seconds.

        Raises:
            LeavingError: `leaving` is set.
        """
        await self.until(cause, lambda: self._sleep(delay_s), leaving)

    async def until(
        self, cause: str, wait: Callable[[], Awaitable[object]], leaving: asyncio.Event | None
    ) -> None:
        """Wait until something that is to be awaited ends.

        Args:
            cause: Why, in few different words.
            wait: Begins the wait.
            leaving: Gives it up once set.

        Raises:
            LeavingError: `leaving` is set.
        """
        with self._waits.waiting(HOST, cause):
            stays = await until_left(wait, leaving)
        if not stays:
            raise LeavingError(f"left while waiting for Port ({cause})")
