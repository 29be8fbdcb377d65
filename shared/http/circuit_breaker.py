"""Holds requests to a host that is down, and lets one at a time try whether it answers again."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final

from shared.http.backoff import Backoff

_LOG = logging.getLogger(__name__)

OPENS_AFTER: Final = 5
"""Failures in a row, whichever requests they are of, until a host counts as down."""
FIRST_DELAY_S: Final = 2.0
LONGEST_DELAY_S: Final = 15.0
"""Between two tries, unless the host asks for more."""


class CircuitBreaker:
    """Knows whether one host is down: the outage of one holds nothing of another.

    Closed, requests go. Open, they queue: the first waits a while, longer each time, and tries; if it fails,
    it joins the end of the queue, so that a request that can never succeed keeps no other from its try.
    Whatever the host answers, be it a refusal, closes the circuit, and all go. Used by the tasks of one event
    loop.

    Args:
        host: For the log.
        jitter: Gives a number from 0 to 1.
    """

    def __init__(self, host: str, jitter: Callable[[], float]) -> None:
        self._host = host
        self._backoff = Backoff(base_s=FIRST_DELAY_S, cap_s=LONGEST_DELAY_S, jitter=jitter)
        self._failures = 0
        self._tries = 0
        self._asked_s: float | None = None
        self._queue: deque[object] = deque()
        self._changed = asyncio.Event()
        self.cause = ""
        """Why the last request failed."""

    @property
    def is_open(self) -> bool:
        """Whether requests are held."""
        return self._failures >= OPENS_AFTER

    def answered(self) -> None:
        """Hear that the host has answered a request, whatever it said."""
        was_open, tries = self.is_open, self._tries
        self._failures = self._tries = 0
        if was_open:
            _LOG.info("%s answers again after %d tries: requests go on", self._host, tries)
            self._tell()

    def failed(self, cause: str, asked_s: float | None = None) -> None:
        """Hear that a request failed in a way that tells of an outage, and how long the host asks to wait."""
        was_open = self.is_open
        self._failures += 1
        self.cause, self._asked_s = cause, asked_s
        if self.is_open and not was_open:
            _LOG.warning(
                "%s has failed %d times in a row (%s): requests are held, one at a time tries again",
                self._host,
                self._failures,
                cause,
            )

    @contextmanager
    def queue(self) -> Iterator[Callable[[], bool]]:
        """Queue for a try until the end of the block, which hears whether its turn has come."""
        turn = object()
        self._queue.append(turn)
        try:
            yield lambda: self._queue[0] is turn
        finally:
            self._queue.remove(turn)
            self._tell()

    def next_delay_s(self) -> float:
        """Return how long to wait before the try that follows now."""
        self._tries += 1
        return self._backoff.delay_s(self._tries, self._asked_s)

    def change(self) -> Awaitable[object]:
        """Return what ends once a try is over, or the circuit is closed, from this call on.

        Not a coroutine of its own: that would look for the event only when it is first run, and the one
        which tells of our turn may be gone by then.
        """
        return self._changed.wait()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
