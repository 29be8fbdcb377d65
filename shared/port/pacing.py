"""Decides when the next request of a family may be sent, from the rate limits Port announces.

Port limits families of routes apart (bulk upserts, searches, blueprints …), so that each has its own window.
Source: Port API, rate limits.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.http.backoff import parse_wait_s
from shared.http.numbers import finite_number


@dataclass(slots=True)
class _Window:
    remaining: int | None = None
    reset_at_s: float = 0.0
    blocked_until_s: float = 0.0
    in_flight: int = 0


class Pacer:
    """Follows the windows of all families. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._windows: dict[str, _Window] = {}

    def delay_s(self, family: str, now_s: float) -> float:
        """Return how long a request of the family has to wait; 0: send it if there is room."""
        window = self._window(family)
        until_s = window.blocked_until_s
        if window.remaining is not None and window.remaining <= 0:
            until_s = max(until_s, window.reset_at_s)
        return max(until_s - now_s, 0.0)

    def has_room(self, family: str, now_s: float) -> bool:
        """Whether the requests under way leave something of what remains of the window."""
        window = self._window(family)
        return window.remaining is None or now_s >= window.reset_at_s or window.in_flight < window.remaining

    def sent(self, family: str) -> None:
        """A request is on its way."""
        self._window(family).in_flight += 1

    def ended(self, family: str) -> None:
        """A request came to an end, whichever."""
        self._window(family).in_flight -= 1

    def observe(self, family: str, headers: Mapping[str, str], now_s: float, wall_s: float) -> None:
        """Read the limits that an answer announces.

        Args:
            family: Of the request that was answered.
            headers: Of the answer.
            now_s: Monotonic seconds.
            wall_s: Seconds since the epoch, for resets given as a point in time.
        """
        remaining = finite_number(headers.get("x-ratelimit-remaining"))
        if remaining is None or remaining < 0:
            return
        resets = {name: headers[name] for name in ("x-ratelimit-reset",) if name in headers}
        reset_s = parse_wait_s(resets, wall_s)
        if reset_s is None:
            return
        window = self._window(family)
        window.remaining = int(remaining)
        window.reset_at_s = now_s + reset_s

    def block(self, family: str, until_s: float) -> None:
        """Hold the whole family back: Port refused one of its requests for the rate limit."""
        window = self._window(family)
        window.blocked_until_s = max(window.blocked_until_s, until_s)

    def _window(self, family: str) -> _Window:
        return self._windows.setdefault(family, _Window())
