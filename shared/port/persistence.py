"""Decides whether a call that failed in a way that may pass is made again."""

import copy
from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """What follows a failure."""

    AGAIN = "again"
    GIVE_UP = "give up"
    """Port is well, this call is not: its caller deals with it."""
    STALLED = "stalled"
    """Nothing has moved for too long: the run ends."""
    UNREACHABLE = "unreachable"
    """Port has never answered: rather a wrong address than an outage."""


class Weight(Enum):
    """What giving a call up costs."""

    WHOLE = "whole"
    """Its work is lost for this time."""
    PART = "part"
    """It is made again in smaller parts, which tell what is at fault."""
    OPTIONAL = "optional"
    """We can do without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long we persist.

    Attributes:
        request_timeout_s: One request with its answer.
        attempts: Failures that count, until a call is given up. They count only while Port serves others,
            for an outage is nobody's fault.
        cheap_attempts: The same for a call that costs little to give up, or has failed for `alone_s`.
        probe_s: Where no other call tells, a probe may, this long after a failure that counts; it doubles.
        probe_cap_s: The longest such time.
        alone_s: A call whose like has not succeeded since it failed first is not given up before: that Port
            answers a probe does not tell that it serves calls of this kind. A quarter of `stall_s` is enough
            where that is less, so that the run goes on.
        stall_s: Longest time without any success.
        first_contact_s: Longest time without a connection, as long as there never was an answer.
    """

    request_timeout_s: float = 60.0
    attempts: int = 5
    cheap_attempts: int = 2
    probe_s: float = 1.0
    probe_cap_s: float = 15.0
    alone_s: float = 60.0
    stall_s: float = 600.0
    first_contact_s: float = 10.0


class Persistence:
    """The failures of one call. All times are monotonic seconds.

    Args:
        patience: The bounds.
        now_s: When the call began.
        weight: What giving it up costs.
        proven: Port serves calls of its kind: one of them succeeded in the same moment as this one failed.
    """

    def __init__(
        self, patience: Patience, now_s: float, *, weight: Weight = Weight.WHOLE, proven: bool = False
    ) -> None:
        self._patience = patience
        self._weight = weight
        self._alone_s = min(patience.alone_s, patience.stall_s / 4)
        self.began_s = now_s
        self._successes = 0
        self._failed_s: float | None = None
        self._counted = 0
        self._counted_s = 0.0
        self._probed = 0
        self._proven = proven
        self.failures = 0

    def of_part(self, weight: Weight) -> "Persistence":
        """Return that of a call that does a part of what this one could not; what has counted still does."""
        part = copy.copy(self)
        part._weight = weight
        part.failures = 0
        return part

    def wants_probe(self, now_s: float, successes: int) -> bool:
        """Whether only a probe can tell if Port is down or this call is at fault."""
        if self._failed_s is None or successes != self._successes:
            return False
        patience = self._patience
        interval_s: float = min(patience.probe_s * 2 ** min(self._probed, 32), patience.probe_cap_s)
        if now_s - self._failed_s >= self._alone_s:
            interval_s = min(interval_s, patience.probe_s)
        return now_s - self._counted_s >= interval_s

    def failed(
        self,
        now_s: float,
        *,
        successes: int,
        last_success_s: float,
        may_count: bool,
        probed_well: bool = False,
        met: bool = True,
    ) -> Verdict:
        """Take note of a failure and say what follows.

        Args:
            now_s: When it failed.
            successes: How many calls of the kind have succeeded by now.
            last_success_s: When the last one did.
            may_count: False for a rate limit, which says nothing about the call.
            probed_well: Port answered a probe just now.
            met: Port has answered anything yet, or this failure is an answer.
        """
        self.failures += 1
        if may_count and self._counts(now_s, successes, probed_well) and self._is_enough(now_s):
            return Verdict.GIVE_UP
        if not met and now_s - self.began_s >= self._patience.first_contact_s:
            return Verdict.UNREACHABLE
        # Another call's success does not excuse a rate limit that lasts for this one.
        since_s = max(self.began_s, last_success_s) if may_count else self.began_s
        return Verdict.STALLED if now_s - since_s >= self._patience.stall_s else Verdict.AGAIN

    def _counts(self, now_s: float, successes: int, probed_well: bool) -> bool:
        """Count the failure if others were served since the last one; the first never counts."""
        if self._failed_s is None:
            self._failed_s = self._counted_s = now_s
            self._successes = successes
            return False
        if successes != self._successes:
            self._successes = successes
            self._proven = True
            self._probed = 0
        elif probed_well:
            self._probed += 1
        else:
            return False
        self._counted += 1
        self._counted_s = now_s
        return True

    def _is_enough(self, now_s: float) -> bool:
        if self._weight is not Weight.WHOLE or now_s - (self._failed_s or 0.0) >= self._alone_s:
            return self._counted >= self._patience.cheap_attempts
        return self._proven and self._counted >= self._patience.attempts
