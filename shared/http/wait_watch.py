"""Says in the log lines for whom a process has waited a while, and when it goes on."""

import asyncio
import logging
import time
from typing import Final

from shared.http.waits import RATE_LIMIT, OngoingWait, WaitLedger
from shared.log.interface import Clock, Sleep
from shared.logs import log_context

logger = logging.getLogger(__name__)

LOOK_S: Final = 1.0
TOLD_AFTER_S: Final = 10.0
"""Shorter waits are everyday life."""
AGAIN_AFTER_S: Final = 60.0
"""Between two warnings, also of a host that comes and goes."""


class WaitWatch:
    """Looks at what is waited for. What a host's rate limit costs is planned, and no warning.

    Args:
        waits: Knows what is waited for.
        name: Of the service.
        clock: Monotonic seconds.
        sleep: Waits for seconds.
    """

    def __init__(
        self, waits: WaitLedger, name: str, *, clock: Clock = time.monotonic, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._waits = waits
        self._name = name
        self._clock = clock
        self._sleep = sleep
        self._told: OngoingWait | None = None
        self._told_s: float | None = None

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await self._sleep(LOOK_S)
            with log_context(service=self._name):
                self.look()

    def look(self) -> None:
        """Say what is news."""
        now_s, wait = self._clock(), self._waits.longest()
        if wait is None or wait.cause == RATE_LIMIT:
            if self._told is not None:
                logger.info("goes on: nothing of %s is waited for any more", self._told.host)
            self._told = None
        elif wait.seconds >= TOLD_AFTER_S and (self._told_s is None or now_s - self._told_s >= AGAIN_AFTER_S):
            self._told, self._told_s = wait, now_s
            logger.warning("waits for %s (%s) for %.0f s", wait.host, wait.cause, wait.seconds)
