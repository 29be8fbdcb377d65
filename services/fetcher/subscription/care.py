"""Looks after the subscription: carries the plan out, and has a resync catch up on what was missed."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from pydantic import SecretStr

from services.fetcher.subscription.calls import (
    RefusedStepError,
    create_subscription,
    delete_subscription,
    enable_subscription,
    get_subscription,
    list_subscriptions,
    update_subscription,
)
from services.fetcher.subscription.found import Found, Wanted, same_address
from services.fetcher.subscription.plan import (
    LIMIT_PER_SCOPE,
    Cause,
    Create,
    Delete,
    Enable,
    Plan,
    Step,
    Update,
    Verdict,
    plan_care,
)
from shared.pagerduty.client import PagerDutyClient

logger = logging.getLogger(__name__)

CatchUp = Callable[[str], Awaitable[None]]
"""Asks for a resync; the text says why. It returns when the request cannot be lost any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """How it stands with the subscription.

    Attributes:
        verdict: What is left to do: `nothing` when all went well.
        done: What was done, a line each.
        trouble: What a person has to see to, a line each.
        kept: Ids of the subscriptions that send us events.
        found: All subscriptions of the account as they were before.
        made: Signing secrets of subscriptions that were made just now, by id; they are not shown again.
    """

    verdict: Verdict
    done: tuple[str, ...] = ()
    trouble: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    found: tuple[Found, ...] = ()
    made: Mapping[str, SecretStr] = field(default_factory=dict)


@dataclass(slots=True)
class _Doing:
    """What a look has come to so far."""

    done: list[str] = field(default_factory=list)
    made: dict[str, SecretStr] = field(default_factory=dict)
    verdict: Verdict = Verdict.NOTHING
    trouble: tuple[str, ...] = ()


class SubscriptionCare:
    """Cares for the subscription of one installation; only the active fetcher does.

    Args:
        client: Of the account.
        wanted: The subscription that there should be.
        catch_up: Asks for a resync.
    """

    def __init__(self, client: PagerDutyClient, wanted: Wanted, catch_up: CatchUp) -> None:
        self._client = client
        self._wanted = wanted
        self._catch_up = catch_up
        self._owed = ""

    async def plan(self, *, activate: bool = False) -> tuple[Plan, tuple[Found, ...]]:
        """Return what is to be done, and all subscriptions there are; nothing is changed.

        Raises:
            FatalError: The token is refused, or PagerDuty cannot be reached or does not list subscriptions.
        """
        found = [await self._whole(one) for one in await list_subscriptions(self._client)]
        return plan_care(found, self._wanted, activate=activate), tuple(found)

    async def look(self, *, activate: bool = False, is_logged: bool = True) -> Looked:
        """Find, compare, mend; then ask for a resync where events were not sent.

        One plan is carried out, not a second one after it: a subscription that was made a moment ago may not
        stand in the list yet, and would be made again.

        Args:
            activate: Go on with a subscription that somebody has paused.
            is_logged: Say in the log lines what was done; a command says it as its answer.

        Raises:
            FatalError: As in `plan`; a resync that is owed is asked for at the next look.
        """
        plan, found = await self.plan(activate=activate)
        doing = _Doing(verdict=plan.verdict)
        try:
            for step in plan.steps:
                await self._do(step, doing)
            if plan.steps:
                doing.verdict = Verdict.NOTHING
        except RefusedStepError as error:
            if error.is_limit:
                doing.verdict = Verdict.LIMIT_REACHED
            else:
                doing.trouble = (str(error),)
        finally:
            for line in doing.done if is_logged else ():
                # Made is what it is at every first start; the rest comes of what somebody or PagerDuty did.
                level = logging.INFO if line.startswith("made ") else logging.WARNING
                logger.log(level, "webhook subscription: %s", line)
        await self._pay()
        return Looked(
            verdict=doing.verdict,
            done=tuple(doing.done),
            trouble=(*doing.trouble, *trouble_of(doing.verdict, plan, self._wanted)),
            kept=(*plan.kept, *doing.made),
            found=found,
            made=doing.made,
        )

    async def _whole(self, one: Found) -> Found:
        if one.scope != self._wanted.scope or not same_address(one.url, self._wanted.url):
            return one
        return await get_subscription(self._client, one.subscription_id) or one

    async def _do(self, step: Step, doing: _Doing) -> None:
        """Carry a step out.

        Raises:
            RefusedStepError: PagerDuty does not do it.
        """
        match step:
            case Create():
                made_id, secret = await create_subscription(self._client, self._wanted)
                doing.made[made_id] = SecretStr(secret)
                self._owe("it was made just now")
                doing.done.append(f"made {made_id} for {self._wanted.scope}")
            case Update(subscription_id, events):
                await update_subscription(self._client, subscription_id, events)
                self._owe("it lacked events or was paused")
                doing.done.append(f"updated {subscription_id}: it gets {len(events)} types of events")
            case Enable(subscription_id):
                await enable_subscription(self._client, subscription_id)
                self._owe("PagerDuty had switched it off")
                doing.done.append(
                    f"switched {subscription_id} on, which PagerDuty had disabled after failures"
                )
            case Delete(subscription_id, cause):
                await delete_subscription(self._client, subscription_id)
                unverifiable = "its deliveries cannot be verified"
                why = unverifiable if cause is Cause.UNVERIFIABLE else "there is another one of ours"
                doing.done.append(f"deleted {subscription_id}: {why}")

    def _owe(self, why: str) -> None:
        self._owed = self._owed or f"the webhook subscription did not bring all events: {why}"

    async def _pay(self) -> None:
        """Ask for the resync that is owed; if that fails it is owed still."""
        if self._owed:
            await self._catch_up(self._owed)
            self._owed = ""


def trouble_of(verdict: Verdict, plan: Plan, wanted: Wanted) -> tuple[str, ...]:
    """Return what a person has to see to, a line each."""
    match verdict:
        case Verdict.LIMIT_REACHED:
            return (
                f"PagerDuty takes {LIMIT_PER_SCOPE} webhook subscriptions for {wanted.scope}, and there are "
                "as many: delete one (`pagerport webhook list` shows them), or set OCEAN__WEBHOOK__SCOPE",
            )
        case Verdict.NO_TOKEN:
            return (
                "no webhook subscription can be made whose deliveries could be verified: set "
                "OCEAN__PORT__CLIENT_SECRET or OCEAN__INTEGRATION__CONFIG__WEBHOOK_TOKEN",
            )
        case Verdict.PAUSED:
            return (
                f"the webhook subscription {', '.join(plan.kept)} is paused in PagerDuty, so no live changes "
                "arrive: activate it there, or with `pagerport webhook create`",
            )
        case _:
            return ()
