"""Rate limits count requests in windows, and describe what is left in headers.

Source: PagerDuty REST API, Rate Limits: `ratelimit-limit`, `ratelimit-remaining`, `ratelimit-reset` (seconds
until the window ends).
"""

import math
from datetime import datetime, timedelta

DEFAULT_PER_MINUTE = 960  # Source: PagerDuty REST API, Rate Limits
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


class RateLimit:
    """Requests allowed in a window; one begins with the first request after another ended."""

    def __init__(self, limit: int, window: timedelta = MINUTE) -> None:
        self.limit = limit
        self._window = window
        self._used: dict[str, tuple[datetime, int]] = {}

    def spend(self, caller: str, now: datetime) -> bool:
        """Count a request of a caller, also one over the limit; tell whether it is allowed."""
        ends_at, used = self._used.get(caller, (now, 0))
        if now >= ends_at:
            ends_at, used = now + self._window, 0
        self._used[caller] = (ends_at, used + 1)
        return used < self.limit

    def headers(
        self, caller: str, now: datetime, prefix: str = "", *, floor: int | None = 0
    ) -> dict[str, str]:
        """Return the three headers for a caller.

        Args:
            caller: Whose window it is.
            now: Time of the request.
            prefix: Comes before each name (`daily-`).
            floor: What is left is not said to be less than this; None lets it go below zero.
        """
        ends_at, used = self._used.get(caller, (now + self._window, 0))
        left = self.limit - used if floor is None else max(floor, self.limit - used)
        reset_s = max(0, math.ceil((ends_at - now).total_seconds()))
        return {
            f"{prefix}ratelimit-limit": str(self.limit),
            f"{prefix}ratelimit-remaining": str(left),
            f"{prefix}ratelimit-reset": str(reset_s),
        }
