"""Counts requests per family in windows of five minutes and says what is left of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

PERIOD_S = 300
# Source: Port API, Rate limits: requests in five minutes. The bursts of that page are not simulated.
DEFAULT_LIMITS: Mapping[str, int] = {
    "unauthenticated": 100,
    "entities": 35_000,
    "blueprints": 15_000,
    "entities_search": 35_000,
    "single_upsert": 10_000,
    "bulk_upsert": 35_000,
    "other": 15_000,
}
# The sources disagree on what `x-ratelimit-reset` is: seconds to wait, or the UTC epoch second of the reset.
ResetForm = Literal["seconds", "epoch"]
_SECOND_MS = 1000


@dataclass(slots=True)
class _Window:
    ends_at_ms: int = 0
    used: int = 0


class RateLimits:
    """The windows of all families.

    Args:
        limits: Requests in five minutes per family, instead of Port's own.
        reset_form: What `x-ratelimit-reset` holds.
    """

    def __init__(self, limits: Mapping[str, int] | None = None, reset_form: ResetForm = "seconds") -> None:
        self._limits = {**DEFAULT_LIMITS, **(limits or {})}
        self._reset_form = reset_form
        self._windows = {family: _Window() for family in self._limits}

    def take(self, family: str, now_ms: int) -> tuple[bool, dict[str, str]]:
        """Counts one request.

        Returns:
            Whether it is within the limit, and the headers of its response.
        """
        window = self._windows[family]
        if now_ms >= window.ends_at_ms:
            window.ends_at_ms = now_ms + PERIOD_S * _SECOND_MS
            window.used = 0
        limit = self._limits[family]
        is_within = window.used < limit
        if is_within:
            window.used += 1
        return is_within, {
            "x-ratelimit-limit": str(limit),
            "x-ratelimit-remaining": str(limit - window.used),
            "x-ratelimit-period": str(PERIOD_S),
            "x-ratelimit-reset": reset_value(self._reset_form, window.ends_at_ms, now_ms),
        }


def reset_value(form: ResetForm, ends_at_ms: int, now_ms: int) -> str:
    """Writes when a limit ends, as whole seconds rounded up."""
    from_ms = 0 if form == "epoch" else now_ms
    return str(-((from_ms - ends_at_ms) // _SECOND_MS))
