"""Decides how long to wait before a request is sent again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from shared.http.numbers import finite_number

MAX_WAIT_S = 300.0
"""No answer of a host makes us wait longer than this before asking again."""
EPOCH_FROM = 10_000
"""A reset above this is a point in time, below it a number of seconds: Port's pages name both forms.

Source: Port API, rate limits; port-labs/ocean reads `x-ratelimit-reset` the same way.
"""
_EPOCH_MS_FROM = 100_000_000_000
_RESET_HEADERS = ("x-ratelimit-reset", "ratelimit-reset")


def parse_wait_s(headers: Mapping[str, str], now_s: float, *, resets: bool = True) -> float | None:
    """Return the seconds a host asks us to wait, from 0 to `MAX_WAIT_S`; None: it does not say.

    Args:
        headers: Headers of the answer, names in lower case or case-insensitive.
        now_s: Seconds since the epoch.
        resets: Also read the end of the rate-limit window. Wrong for a failed gateway (5xx): those answers
            may carry the headers of a window that is far from used up.
    """
    names = ("retry-after", *_RESET_HEADERS) if resets else ("retry-after",)
    for name in names:
        text = headers.get(name)
        if text is None:
            continue
        wait_s = _seconds(text.strip(), now_s)
        if wait_s is not None:
            return min(max(wait_s, 0.0), MAX_WAIT_S)
    return None


def _seconds(text: str, now_s: float) -> float | None:
    number = finite_number(text)
    if number is None:
        at_s = _instant_s(text)
        return None if at_s is None else at_s - now_s
    if number > _EPOCH_MS_FROM:
        return number / 1000 - now_s
    if number > EPOCH_FROM:
        return number - now_s
    return number


def _instant_s(text: str) -> float | None:
    """Read an HTTP date or an ISO 8601 one. Source: RFC 9110, Retry-After."""
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            at = read(text)
            return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Waits that double, with jitter so that clients do not come back in step.

    Attributes:
        base_s: Wait before the first repetition.
        cap_s: Longest wait that we choose ourselves.
        jitter: Gives a number from 0 to 1, e.g. `random.random`.
    """

    base_s: float = 0.5
    cap_s: float = 30.0
    jitter: Callable[[], float]

    def delay_s(self, attempt: int, asked_s: float | None = None) -> float:
        """Return the wait before a repetition.

        Args:
            attempt: Failures so far, from 1.
            asked_s: What the host asks for; obeyed, with up to `base_s` on top. Asking for no wait at all
                is no leave to ask again in a tight loop: then the own wait counts.
        """
        own_s: float = min(self.cap_s, self.base_s * 2 ** min(max(attempt - 1, 0), 32))
        if asked_s:
            return asked_s + self.base_s * self.jitter()
        return own_s * (0.5 + 0.5 * self.jitter())
