"""Keeps account of the time spent waiting for third parties."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from schemas.run import Wait

RATE_LIMIT = "rate limit"
"""Cause of a wait that the host asked for: it is well."""
SLOW_S = 3.0
"""A request that has no answer for this long is something that is waited for."""
_NO_ANSWER = "no answer yet"


@dataclass(slots=True)
class _Entry:
    seconds: float = 0.0
    times: int = 0
    waiting: int = 0
    since_s: float = 0.0


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
        """Know of the request that the body of the `with` is; not a wait of the sums, for it is work.

        Args:
            host: `PagerDuty` or `Port`.
        """
        request = object()
        self._in_flight[request] = (self._clock(), host)
        try:
            yield
        finally:
            del self._in_flight[request]

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
        return sorted(found, key=lambda wait: (-wait.seconds, wait.host, wait.cause))

    def waiting_for(self) -> str | None:
        """Return what is waited for now, e.g. `Port (HTTP 502) for 12 s`; None: nothing."""
        now_s = self._clock()
        going_on = [
            (entry.since_s, host, cause) for (host, cause), entry in self._entries.items() if entry.waiting
        ]
        going_on += [
            (since_s, host, _NO_ANSWER)
            for since_s, host in self._in_flight.values()
            if now_s - since_s >= SLOW_S
        ]
        if not going_on:
            return None
        since_s, host, cause = min(going_on)
        return f"{host} ({cause}) for {now_s - since_s:.0f} s"

    def ongoing(self, host: str) -> list[tuple[str, float]]:
        """Return what a host is waited for now: each cause, and for how many seconds."""
        now_s = self._clock()
        return [
            (cause, now_s - entry.since_s)
            for (of, cause), entry in self._entries.items()
            if of == host and entry.waiting
        ]

    def _entry(self, host: str, cause: str) -> _Entry:
        return self._entries.setdefault((host, cause), _Entry())
