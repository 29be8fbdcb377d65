"""Decides what is to be done so that there is one subscription that sends us everything."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from services.fetcher.subscription.found import Found, Wanted, same_address

LIMIT_PER_SCOPE: Final = 10
"""Of the account, and of each service and team. Source: PagerDuty knowledge base, Webhooks."""


class Verdict(StrEnum):
    """What a plan comes to, the gravest part of it."""

    NOTHING = "nothing"
    CREATE = "create"
    UPDATE = "update"
    ENABLE = "enable"
    REPLACE = "replace"
    TIDY = "tidy"
    """There is one more than needed."""
    PAUSED = "paused"
    """Somebody has paused it in PagerDuty; it is left so."""
    LIMIT_REACHED = "limit_reached"
    NO_TOKEN = "no_token"  # noqa: S105 - a verdict
    """One could be made, but its deliveries could not be verified."""


class Cause(StrEnum):
    """Why a subscription is deleted."""

    UNVERIFIABLE = "unverifiable"
    """The gateway refuses all that it delivers."""
    DUPLICATE = "duplicate"
    """There is another one of ours for the same events."""


@dataclass(frozen=True, slots=True)
class Create:
    """Make the wanted one."""


@dataclass(frozen=True, slots=True)
class Update:
    """Have it get these events, and be active."""

    subscription_id: str
    events: frozenset[str]


@dataclass(frozen=True, slots=True)
class Enable:
    """Switch it on again."""

    subscription_id: str


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete it."""

    subscription_id: str
    cause: Cause


Step = Create | Update | Enable | Delete


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Steps in the order in which they are safe: wherever they end, the next plan goes on from there.

    Attributes:
        verdict: What it comes to.
        steps: What is to be done.
        kept: Subscriptions that send us events, once the steps are done; empty: the one that is made.
    """

    verdict: Verdict
    steps: tuple[Step, ...] = ()
    kept: tuple[str, ...] = ()


def plan_care(found: Sequence[Found], wanted: Wanted, *, activate: bool = False) -> Plan:
    """Plan what is to be done.

    A subscription is ours to care for when it delivers to our address in the wanted scope. All others are
    left alone, and so is one that was paused: whoever did that had a reason.

    Args:
        found: All subscriptions of the account.
        wanted: The one that there should be.
        activate: Go on with a paused one: the user asks for it.
    """
    here = sorted(
        (one for one in found if one.scope == wanted.scope and same_address(one.url, wanted.url)),
        key=lambda one: _merit(one, wanted),
    )
    ours = [one for one in here if one.headers & wanted.token_headers]
    others = [one for one in here if one not in ours]
    kept = [*ours[:1], *(others if wanted.has_secret else ())]
    tidied = [Delete(one.subscription_id, Cause.DUPLICATE) for one in ours[1:]]
    if not wanted.has_secret:
        tidied += [Delete(one.subscription_id, Cause.UNVERIFIABLE) for one in others]
    if not kept:
        in_scope = sum(one.scope == wanted.scope for one in found)
        return _plan_creation(tidied, wanted, is_full=in_scope >= LIMIT_PER_SCOPE)
    kept_ids = tuple(one.subscription_id for one in kept)
    if not activate and not any(one.is_active for one in kept):
        return Plan(verdict=Verdict.PAUSED, kept=kept_ids)
    steps = [*(step for one in kept for step in _mend(one, wanted, activate=activate)), *tidied]
    return Plan(verdict=_verdict(steps), steps=tuple(steps), kept=kept_ids)


def _merit(one: Found, wanted: Wanted) -> tuple[bool, bool, int, str]:
    """Order by what makes a subscription worth keeping; the best is the least."""
    return not one.is_active, one.is_disabled, len(wanted.events - one.events), one.subscription_id


def _plan_creation(useless: list[Delete], wanted: Wanted, *, is_full: bool) -> Plan:
    """Plan a new one, and the end of those that deliver what the gateway refuses."""
    if not wanted.tokens:
        return Plan(verdict=Verdict.NO_TOKEN)
    if not useless:
        return (
            Plan(verdict=Verdict.LIMIT_REACHED)
            if is_full
            else Plan(verdict=Verdict.CREATE, steps=(Create(),))
        )
    if is_full:
        # Nothing is lost by deleting first: all that it delivers is refused.
        return Plan(verdict=Verdict.REPLACE, steps=(useless[0], Create(), *useless[1:]))
    return Plan(verdict=Verdict.REPLACE, steps=(Create(), *useless))


def _mend(one: Found, wanted: Wanted, *, activate: bool) -> Iterable[Step]:
    if not one.is_active and not activate:
        return
    if wanted.events - one.events or not one.is_active:
        yield Update(one.subscription_id, wanted.events | one.events)
    if one.is_disabled:
        yield Enable(one.subscription_id)


def _verdict(steps: Sequence[Step]) -> Verdict:
    for kind, verdict in (
        (Enable, Verdict.ENABLE),
        (Update, Verdict.UPDATE),
        (Delete, Verdict.TIDY),
    ):
        if any(isinstance(step, kind) for step in steps):
            return verdict
    return Verdict.NOTHING
