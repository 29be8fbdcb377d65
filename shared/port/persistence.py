"""Decides whether a call that failed in a way that may pass is made again."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long we persist.

    Attributes:
        attempts: Failures of one call that count, until it is given up. They count only while Port serves
            others, for an outage is nobody's fault.
        alone_s: Where there are no other calls to tell, a failure counts at most this often, and only if Port
            answers a probe.
        stall_s: Longest time without any success.
        first_contact_s: Longest time without a connection, as long as there never was an answer.
    """

    attempts: int = 5
    alone_s: float = 30.0
    stall_s: float = 600.0
    first_contact_s: float = 10.0


class Persistence:
    """The failures of one call. All times are monotonic seconds.

    Args:
        patience: The bounds.
        now_s: When the call began.
        successes: How many calls of its family had succeeded by then.
    """

    def __init__(self, patience: Patience, now_s: float, successes: int) -> None:
        self._patience = patience
        self._began_s = now_s
        self._successes = successes
        self._counted_s = now_s
        self._counted = 0
        self.failures = 0

    def wants_probe(self, now_s: float, successes: int) -> bool:
        """Whether only a probe can tell if Port is down or this call is at fault."""
        return successes == self._successes and now_s - self._counted_s >= self._patience.alone_s

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
            successes: How many calls of the family have succeeded by now.
            last_success_s: When the last one did.
            may_count: False for a rate limit, which says nothing about the call.
            probed_well: Port answered a probe just now.
            met: Port has answered anything yet, or this failure is an answer.
        """
        self.failures += 1
        if successes != self._successes or probed_well:
            self._successes = successes
            self._counted_s = now_s
            if may_count:
                self._counted += 1
        if self._counted >= self._patience.attempts:
            return Verdict.GIVE_UP
        if not met and now_s - self._began_s >= self._patience.first_contact_s:
            return Verdict.UNREACHABLE
        # Another call's success does not excuse a rate limit that lasts for this one.
        since_s = max(self._began_s, last_success_s) if may_count else self._began_s
        return Verdict.STALLED if now_s - since_s >= self._patience.stall_s else Verdict.AGAIN
