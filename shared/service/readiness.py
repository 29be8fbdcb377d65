"""Judges whether a service is ready: what it stands on answers, and nothing holds it."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from shared.http.waits import RATE_LIMIT, WaitLedger
from shared.log.interface import Clock
from shared.membership import Membership

AWAY_GRACE_S: Final = 90.0
"""A rebalance, a broker that restarts or a batch that waits must not turn a service red; this is longer."""
SILENCE_GRACE_S: Final = 90.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing a service stands on.

    Attributes:
        name: What it is, e.g. `assignment`.
        is_ok: Whether it holds.
        detail: What is wrong and the next step, or what was seen.
    """

    name: str
    is_ok: bool
    detail: str = ""


def membership_checks(member: Membership, at_s: float) -> list[Check]:
    """Return the checks of a consumer.

    Args:
        member: As it stands.
        at_s: Now, on the same clock.
    """
    away_s = 0.0 if member.is_joined else at_s - member.left_at_s
    places = f"{member.owned} partitions" if member.owned else "stands by"
    checks = [
        Check(
            "assignment", away_s <= AWAY_GRACE_S, places if member.is_joined else f"away for {away_s:.0f} s"
        )
    ]
    if member.is_joined and member.owned and not member.is_handling:
        silent_s = at_s - max(member.left_at_s, member.polled_at_s or 0.0)
        is_ok = silent_s <= SILENCE_GRACE_S
        checks.append(Check("poll", is_ok, f"the log answered {silent_s:.0f} s ago"))
    checks.append(Check("held", not member.held, member.held))
    return checks


class RemoteWatch:
    """Knows when a third party last served a call, from what its client counts.

    Args:
        host: `PagerDuty` or `Port`, as the ledger calls it.
        successes: Calls served so far.
        waits: What is waited for.
        clock: Monotonic seconds.
    """

    def __init__(
        self, host: str, successes: Callable[[], int], waits: WaitLedger, clock: Clock = time.monotonic
    ) -> None:
        self._host = host
        self._successes = successes
        self._waits = waits
        self._clock = clock
        self._seen = 0
        self._seen_at_s: float | None = None

    def check(self) -> Check:
        """Return the check of the third party: red once it fails for longer than a blip.

        One that nobody had to ask, or that only asks us to slow down, is no failure.
        """
        now_s = self._clock()
        if self._successes() != self._seen:
            self._seen, self._seen_at_s = self._successes(), now_s
        failing = [one for one in self._waits.ongoing(self._host) if one[0] != RATE_LIMIT]
        cause, failing_s = max(failing, key=lambda one: one[1], default=("", 0.0))
        if failing_s > SILENCE_GRACE_S and now_s - (self._seen_at_s or 0.0) > SILENCE_GRACE_S:
            return Check(self._host, is_ok=False, detail=f"fails for {failing_s:.0f} s: {cause}")
        seen = (
            "not asked yet"
            if self._seen_at_s is None
            else f"answered within the last {now_s - self._seen_at_s:.0f} s"
        )
        # When the last answer came within the time between two looks is not known: the wait says more.
        detail = f"waited for ({cause}) for {failing_s:.0f} s" if failing else seen
        return Check(self._host, is_ok=True, detail=detail)


def is_ready(checks: Iterable[Check]) -> bool:
    """Return whether all checks hold."""
    return all(check.is_ok for check in checks)
