"""Holds the steps of one entity that are still to be taken, one after another."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.outcome import Count, Reason
from services.writer.breaker import Breaker
from services.writer.change import RUN_ORIGINS, Change
from services.writer.folding import Step, unfold
from shared.port.persistence import Persistence


@dataclass(frozen=True, slots=True)
class Settled:
    """The end of a change.

    Attributes:
        count: What the run counts.
        reason: Why it is a dead letter; None: it is none.
        detail: For people, redacted.
    """

    count: Count
    reason: Reason | None = None
    detail: str = ""


COUNT_OF_REASON: Mapping[Reason, Count] = {
    Reason.REFUSED: Count.REJECTED,
    Reason.TOO_LARGE: Count.REJECTED,
    Reason.INVALID_IDENTIFIER: Count.REJECTED,
    Reason.RELATION_TARGET_MISSING: Count.UNMET,
    Reason.DELETE_HELD: Count.NOT_DELETED,
}
"""Every other reason counts as failed."""


def failure(reason: Reason, detail: str) -> Settled:
    """Return the end of a change that becomes a dead letter."""
    return Settled(COUNT_OF_REASON.get(reason, Count.FAILED), reason, detail)


@dataclass(slots=True, eq=False)
class Chain:
    """The steps of one entity; only the first is ever in flight.

    Attributes:
        name: Its identity within the blueprint.
        steps: Those not yet settled.
        persistence: Failures of the first step that may pass.
        looked: What Port holds has been looked up for the first step.
        blind: Port did not let us look.
        held: What was found.
        parked: Waits until the rest of the batch is done.
        on_last_try: Was parked: what fails now has failed.
        left: Of a delete that Port refuses for what depends on the entity: what it says, and how many deletes
            the writer had carried out by then.
    """

    name: str
    steps: deque[Step]
    persistence: Persistence | None = None
    looked: bool = False
    blind: bool = False
    held: dict[str, Any] | None = None
    parked: bool = False
    on_last_try: bool = False
    left: tuple[str, int] | None = None

    @property
    def head(self) -> Change:
        """Return what the next write says."""
        return self.steps[0].change

    @property
    def wants_look(self) -> bool:
        """Whether Port may well hold already what the next write says."""
        return (
            not self.looked
            and isinstance(self.head.identifier, str)
            and all(part.origin in RUN_ORIGINS for part in self.steps[0].parts)
        )

    def settle(self, end: Settled) -> list[tuple[Change, Settled]]:
        """Take the first step off and return the ends of its changes.

        A failed step of several changes is taken apart instead, so that each gets what it deserves.
        """
        step = self.steps.popleft()
        self.persistence, self.held, self.left = None, None, None
        self.looked = self.blind = self.parked = self.on_last_try = False
        if end.reason is not None and len(step.parts) > 1:
            self.steps.extendleft(reversed(unfold(step)))
            return []
        folded = Settled(Count.FOLDED)
        return [(part, folded) for part in step.parts[:-1]] + [(step.parts[-1], end)]


@dataclass(slots=True)
class Chains:
    """All chains of a batch and the ends of its changes.

    Attributes:
        ends: By place in the batch; None: not settled.
        breaker: Judges the live deletes of the batch.
        refreshed: Blueprints asked for anew, since Port refused an entity that fits the one we knew.
    """

    ends: list[Settled | None]
    breaker: Breaker
    chains: list[Chain] = field(default_factory=list)
    refreshed: set[str] = field(default_factory=set)

    def settle(self, chain: Chain, end: Settled) -> None:
        """Settle the first step of a chain."""
        for change, its_end in chain.settle(end):
            self.ends[change.index] = its_end

    def ready(self, *, is_whole: bool = True) -> list[Chain]:
        """Return the chains whose next step can be taken; the parked ones when there are no others.

        Args:
            is_whole: No chain will join these: what is parked has waited for all there is.
        """
        unfinished = [chain for chain in self.chains if chain.steps]
        ready = [chain for chain in unfinished if not chain.parked]
        if ready or not is_whole:
            return ready
        for chain in unfinished:
            chain.parked, chain.on_last_try = False, True
        return unfinished
