"""Settles what becomes of a candidate once PagerDuty has answered, and adds up a blueprint's fates."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from schemas.run_sweep import DELETED_LIMIT, KEPT_LIMIT, BlueprintSweep, KeepReason, Kept
from services.fetcher.sweep.interface import Existence
from services.fetcher.sweep.judgement import (
    AskFirst,
    Claim,
    Evidence,
    Go,
    Judgement,
    Keep,
    NoCandidate,
    Owned,
    ProveFirst,
)

UNKNOWN = frozenset({KeepReason.NOT_ASKED, KeepReason.UNCLEAR})
"""Kept for want of an answer: they weigh on the threshold like those that go."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of an entity of ours.

    Attributes:
        goes_unless: It goes, unless updated since then; None: it stays.
        reason: Why it stays; None: it goes, or is no candidate.
        is_confirmed: PagerDuty has said that its object is gone.
    """

    goes_unless: datetime | None = None
    reason: KeepReason | None = None
    is_confirmed: bool = False


NO_CANDIDATE = Fate()


def settle(
    identifier: str, judgement: Judgement, answers: Mapping[str, Existence], *, is_proven: bool
) -> Fate:
    """Return the fate of an entity.

    Args:
        identifier: The entity's, which is the object's id where PagerDuty was asked.
        judgement: Judged by all that is known now, also by what an object that is there has made since.
        answers: What PagerDuty said of objects of this blueprint.
        is_proven: The lists that could name its object were shown to be whole.
    """
    answer = answers.get(identifier)
    match judgement:
        case Keep(reason):
            return Fate(reason=reason)
        case Go(since):
            return Fate(goes_unless=since)
        case ProveFirst(since):
            return Fate(goes_unless=since) if is_proven else Fate(reason=KeepReason.UNPROVEN)
        case NoCandidate():
            is_back = judgement is NoCandidate.MADE and answer is Existence.THERE
            return Fate(reason=KeepReason.STILL_THERE) if is_back else NO_CANDIDATE
        case AskFirst(since):
            match answer:
                case Existence.GONE:
                    return Fate(goes_unless=since, is_confirmed=True)
                case Existence.THERE:
                    return Fate(reason=KeepReason.STILL_THERE)
                case Existence.UNCLEAR | Existence.GIVEN_UP:
                    return Fate(reason=KeepReason.UNCLEAR)
                case None:
                    return Fate(reason=KeepReason.NOT_ASKED)


def add_fate(sweep: BlueprintSweep, entity: Owned, evidence: Evidence, fate: Fate) -> None:
    """Add a fate to a blueprint's account."""
    if fate == NO_CANDIDATE:
        return
    if evidence.claim is Claim.PROPOSED:
        sweep.proposed += 1
    else:
        sweep.absent += 1
    sweep.confirmed += fate.is_confirmed
    if fate.reason is not None:
        _keep(sweep, entity.identifier, fate.reason)
    else:
        sweep.deleted += 1
        if len(sweep.deleted_identifiers) < DELETED_LIMIT:
            sweep.deleted_identifiers.append(entity.identifier)


def add_left(sweep: BlueprintSweep, identifier: str) -> None:
    """Correct a blueprint's account: an entity that was to go is still there."""
    sweep.deleted -= 1
    if identifier in sweep.deleted_identifiers:
        sweep.deleted_identifiers.remove(identifier)
    _keep(sweep, identifier, KeepReason.LEFT)


def _keep(sweep: BlueprintSweep, identifier: str, reason: KeepReason) -> None:
    kept = sweep.kept.setdefault(reason, Kept())
    kept.count += 1
    if len(kept.identifiers) < KEPT_LIMIT:
        kept.identifiers.append(identifier)


def held_back(fate: Fate) -> Fate:
    """Return the fate of an entity of a blueprint of which too much would go."""
    if fate.goes_unless is None:
        return fate
    return Fate(reason=KeepReason.OVER_THRESHOLD, is_confirmed=fate.is_confirmed)
