"""Keeps account of the time spent waiting for third parties."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from schemas.run import Wait
from shared.http.slow_answers import SlowAnswers

RATE_LIMIT = "rate limit"
"""Cause of a wait that the host asked for: it is well."""
SLOW_S = 3.0
"""A request that has no answer for this long is something that is waited for."""
_NO_ANSWER = "no answer yet"
SLOW_ANSWER = "slow answer"
"""Cause of the sums of requests that had no answer for so long; one that never had any fails beside that."""


@dataclass(slots=True)
class _Entry:
    seconds: float = 0.0
    times: int = 0
    waiting: int = 0
    since_s: float = 0.0


@dataclass(frozen=True, slots=True)
class OngoingWait:
    """What is waited for now: host, cause, and for how many seconds."""

    host: str
    cause: str
    seconds: float


class WaitLedger:
    """Sums waits by host and cause, and knows what is waited for now.

    Requests that wait side by side for the same cause count their common time once. Used by the tasks of one
    event loop.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._entries: dict[tuple[str, str], _Entry] = {}
        self._in_flight: dict[object, tuple[float, str]] = {}
        self._slow: dict[str, SlowAnswers] = {}

    def add(self, host: str, cause: str, seconds: float) -> None:
        """Add a wait that is over."""
        entry = self._entry(host, cause)
        entry.seconds += max(seconds, 0.0)
        entry.times += 1

    @contextmanager
    def waiting(self, host: str, cause: str) -> Iterator[None]:
        """Measure the wait that the body of the `with` is.

        Args:
            host: `PagerDuty` or `Port`.
            cause: `rate limit`, `HTTP 502`, `no connection` …: few different texts.
        """
        entry = self._entry(host, cause)
        if entry.waiting == 0:
            entry.since_s = self._clock()
        entry.waiting += 1
        entry.times += 1
        try:
            yield
        finally:
            entry.waiting -= 1
            if entry.waiting == 0:
                entry.seconds += self._clock() - entry.since_s

    @contextmanager
    def in_flight(self, host: str) -> Iterator[None]:
        """Know of the request that the body of the `with` is; one that takes long is a wait of the sums.

        Args:
            host: `PagerDuty` or `Port`.
        """
        request, since_s = object(), self._clock()
        self._in_flight[request] = (since_s, host)
        try:
            yield
        finally:
            del self._in_flight[request]
            if (now_s := self._clock()) - since_s >= SLOW_S:
                open_s = [sent_s for sent_s, of in self._in_flight.values() if of == host]
                oldest_s = min(open_s, default=math.inf)
                self._slow.setdefault(host, SlowAnswers()).add(since_s, now_s, oldest_s)

    def waits(self) -> list[Wait]:
        """Return all waits so far, the longest first; a wait that goes on counts up to now."""
        now_s = self._clock()
        found = [
            Wait(
                host=host,
                cause=cause,
                seconds=round(entry.seconds + (now_s - entry.since_s if entry.waiting else 0.0), 3),
                times=entry.times,
            )
            for (host, cause), entry in self._entries.items()
        ]
        found += [
            Wait(host=host, cause=SLOW_ANSWER, seconds=round(slow.seconds, 3), times=slow.times)
            for host, slow in self._slow.items()
        ]
        return sorted(found, key=lambda wait: (-wait.seconds, wait.host, wait.cause))

    def waiting_for(self) -> str | None:
        """Return what is waited for now, e.g. `Port (HTTP 502) for 12 s`; None: nothing."""
        wait = self.longest()
        return f"{wait.host} ({wait.cause}) for {wait.seconds:.0f} s" if wait else None

    def longest(self) -> OngoingWait | None:
        """Return what has been waited for longest of all that is waited for now; None: nothing."""
        return max(self._ongoing(), key=lambda wait: (wait.seconds, wait.host, wait.cause), default=None)

    def ongoing(self, host: str) -> list[tuple[str, float]]:
        """Return what a host is waited for now: each cause, and for how many seconds."""
        return [(wait.cause, wait.seconds) for wait in self._ongoing() if wait.host == host]

    def _ongoing(self) -> Iterator[OngoingWait]:
        now_s = self._clock()
        for (host, cause), entry in self._entries.items():
            if entry.waiting:
                yield OngoingWait(host, cause, now_s - entry.since_s)
        for since_s, host in self._in_flight.values():
            if now_s - since_s >= SLOW_S:
                yield OngoingWait(host, _NO_ANSWER, now_s - since_s)

    def _entry(self, host: str, cause: str) -> _Entry:
        return self._entries.setdefault((host, cause), _Entry())
