"""Judges one entity of ours after a run: stays, goes, or must be asked about first; in doubt it stays."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from schemas.run_sweep import KeepReason


class Claim(Enum):
    """What the records of `port.entities` since the run began say of an entity."""

    MADE = "made"
    """An object's last word is that it makes it."""
    PROPOSED = "proposed"
    """Objects that were read in this run have said that they do not make it any more, and none makes it."""
    NONE = "none"
    """No object read says anything of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """An entity in Port that we wrote last.

    Attributes:
        identifier: Its identifier.
        updated_at: Port's time of its last update; None: Port does not tell.
        created_at: Port's time of its creation; None: Port does not tell.
    """

    identifier: str
    updated_at: datetime | None
    created_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the run knows of an entity.

    Attributes:
        claim: What was said of it.
        object_id: Object that proposed its delete; empty: none did.
        is_related: An entity of the run names it as the target of a relation.
    """

    claim: Claim
    object_id: str = ""
    is_related: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What holds for all entities of a blueprint in this run.

    Attributes:
        began_at: When the run began, in Port's time.
        never: Why none of the blueprint may go at all; None: they may.
        absence: Why absence says nothing; None: it does.
        unsettled: Why an object may make an entity though the run does not know of it; None: it cannot.
        is_own_id: Each entity stands for one object, under the object's id.
        can_ask: And PagerDuty can be asked for that object.
        is_listed: The run has read lists, which may have lacked an object that makes an entity, too.
    """

    began_at: datetime
    never: KeepReason | None
    absence: KeepReason | None
    unsettled: KeepReason | None
    is_own_id: bool
    can_ask: bool
    is_listed: bool = False


@dataclass(frozen=True, slots=True)
class Keep:
    """It stays."""

    reason: KeepReason


@dataclass(frozen=True, slots=True)
class Go:
    """It goes, unless Port has updated it since that time."""

    unless_updated_since: datetime


@dataclass(frozen=True, slots=True)
class AskFirst:
    """It goes if PagerDuty says that there is no object of its id."""

    unless_updated_since: datetime


@dataclass(frozen=True, slots=True)
class ProveFirst:
    """It goes if the lists that could name its object are shown to be whole."""

    unless_updated_since: datetime


class NoCandidate(Enum):
    """It is not even looked at twice."""

    MADE = "made"
    """The run, or an event meanwhile, makes it."""
    NOT_SOUGHT = "not_sought"
    """Nothing is said of it, and in this run that says nothing."""


Judgement = Keep | Go | AskFirst | ProveFirst | NoCandidate


def judge(entity: Owned, evidence: Evidence, standing: Standing) -> Judgement:
    """Return what becomes of an entity.

    The order of the questions is that of their weight: what makes an entity, or may make it, comes before all
    that speaks for its delete.
    """
    if evidence.claim is Claim.MADE:
        return NoCandidate.MADE
    is_proposed = evidence.claim is Claim.PROPOSED
    if not is_proposed and (standing.absence or standing.never):
        return NoCandidate.NOT_SOUGHT
    if standing.never is not None:
        return Keep(standing.never)
    if evidence.is_related:
        return Keep(KeepReason.RELATED)
    since = standing.began_at
    # An update since then is somebody's last word. Where Port does not tell, there may be one.
    if entity.updated_at is None or entity.updated_at >= since:
        return Keep(KeepReason.UPDATED)
    if not is_proposed:
        if standing.can_ask:
            return AskFirst(since)
        return ProveFirst(since) if standing.unsettled is None else Keep(standing.unsettled)
    if standing.is_own_id and evidence.object_id == entity.identifier:
        return Go(since)
    if standing.unsettled is not None:
        return Keep(standing.unsettled)
    # Another object may make it, one that a shifted page has hidden.
    return ProveFirst(since) if standing.is_listed else Go(since)


def is_over_threshold(going: int, owned: int, threshold: float) -> bool:
    """Return whether more than a share of the entities that we owned before the run would go.

    Args:
        going: Those that would go, and those about which nobody could be asked.
        owned: Our entities that are older than the run.
        threshold: The share that may go. Source: port-labs/ocean, entities state applier: deletes while
            the share is not above it.
    """
    # Exact where floats are not: 0.7 of 10 is 7.
    return going * 10**9 > round(threshold * 10**9) * owned
