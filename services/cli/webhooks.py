"""Asks PagerDuty about webhook subscriptions for the commands that show and mend them."""

from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from services.fetcher.opening import open_pagerduty
from services.fetcher.subscription.calls import (
    delete_subscription,
    get_subscription,
    list_subscriptions,
    ping_subscription,
)
from services.fetcher.subscription.care import Looked, SubscriptionCare, trouble_of
from services.fetcher.subscription.found import (
    Found,
    Wanted,
    same_address,
    shown_url,
    wanted_subscription,
)
from services.fetcher.subscription.plan import Create, Delete, Enable, Step, Update, Verdict
from shared.errors import ConfigurationError
from shared.http.waits import WaitLedger
from shared.settings import Settings
from shared.settings.values import Url, WebhookScope
from shared.webhook_address import webhook_url
from shared.webhook_token import installation_tokens


def wanted_or_refuse(settings: Settings, url: str, scope: str) -> Wanted:
    """Return the subscription that there should be.

    Raises:
        ConfigurationError: An option is wrong, or no address is known.
    """
    try:
        url = TypeAdapter(Url).validate_python(url)
        scope = scope and TypeAdapter(WebhookScope).validate_python(scope)
    except ValidationError as error:
        message = str(error.errors()[0]["ctx"]["error"])
        raise ConfigurationError(f"--url or --scope: {message}") from None
    wanted = wanted_subscription(settings, url=_with_path(settings, url), scope=scope)
    if wanted is None:
        raise ConfigurationError(
            "OCEAN__BASE_URL: is missing; set it to the public URL of the webhook gateway, or give --url"
        )
    return wanted


def _with_path(settings: Settings, url: str) -> str:
    """Return an address with the gateway's path where it has none, as OCEAN__BASE_URL has none."""
    path = urlsplit(url).path.rstrip("/")
    return webhook_url(settings, base=url) if url and path in {"", settings.path_prefix} else url


async def all_subscriptions(settings: Settings) -> list[Found]:
    """Return all subscriptions, each with its state.

    Raises:
        FatalError: PagerDuty does not show them.
    """
    async with open_pagerduty(settings, WaitLedger()) as client:
        listed = await list_subscriptions(client)
        return [await get_subscription(client, one.subscription_id) or one for one in listed]


async def mend(settings: Settings, wanted: Wanted) -> Looked:
    """Do what it takes to have the wanted one.

    Raises:
        FatalError: PagerDuty does not show the subscriptions.
    """

    async def no_catch_up(_: str) -> None:
        """A resync is up to the user of the command line."""

    async with open_pagerduty(settings, WaitLedger()) as client:
        return await SubscriptionCare(client, wanted, no_catch_up).look(activate=True, is_logged=False)


async def check(settings: Settings, wanted: Wanted) -> tuple[list[str], tuple[str, ...], tuple[str, ...]]:
    """Return how it stands, what is wrong, and the ids of those that send us events.

    Raises:
        FatalError: PagerDuty does not show the subscriptions.
    """

    async def no_catch_up(_: str) -> None:
        """Nothing is changed."""

    async with open_pagerduty(settings, WaitLedger()) as client:
        plan, found = await SubscriptionCare(client, wanted, no_catch_up).plan()
    lines = [
        f"{one.subscription_id} delivers {len(one.events)} types of events of {one.scope} to {one.shown_url}"
        for one in found
        if one.subscription_id in plan.kept
    ]
    trouble = [
        f"{_would(step, wanted)}: `pagerport webhook create` "
        + ("makes one" if isinstance(step, Create) else "does it")
        for step in plan.steps
    ]
    if plan.verdict is Verdict.NOTHING and not trouble:
        lines.append("it is as it should be")
    return lines, (*trouble, *trouble_of(plan.verdict, plan, wanted)), plan.kept


async def send_pings(settings: Settings, ids: Iterable[str]) -> None:
    """Have PagerDuty send a test event by each subscription.

    Raises:
        FatalError: PagerDuty does not do it.
    """
    async with open_pagerduty(settings, WaitLedger()) as client:
        for subscription_id in ids:
            await ping_subscription(client, subscription_id)


async def choose_doomed(settings: Settings, subscription_id: str) -> list[Found]:
    """Return the subscription of an id; without one those that this installation made.

    Raises:
        ConfigurationError: There is none of this id.
        FatalError: PagerDuty does not show the subscriptions.
    """
    async with open_pagerduty(settings, WaitLedger()) as client:
        found = await list_subscriptions(client)
    if not subscription_id:
        return [one for one in found if is_ours(settings, one)]
    chosen = [one for one in found if one.subscription_id == subscription_id]
    if not chosen:
        raise ConfigurationError(
            f"there is no webhook subscription {subscription_id!r}; `pagerport webhook list` shows all"
        )
    return chosen


async def delete(settings: Settings, doomed: Sequence[Found]) -> None:
    """Delete subscriptions.

    Raises:
        FatalError: PagerDuty does not do it.
    """
    async with open_pagerduty(settings, WaitLedger()) as client:
        for one in doomed:
            await delete_subscription(client, one.subscription_id)


def is_ours(settings: Settings, one: Found) -> bool:
    """Return whether this installation made it: it carries one of its tokens."""
    return any(token.header.lower() in one.headers for token in installation_tokens(settings))


def whose(settings: Settings, one: Found) -> str:
    """Return in words whose a subscription is."""
    if is_ours(settings, one):
        return "pagerport"
    url = webhook_url(settings)
    return "made by hand for pagerport" if url and same_address(url, one.url) else "another's"


def describe(settings: Settings, one: Found) -> dict[str, object]:
    """Return a subscription as a JSON document."""
    return {
        "id": one.subscription_id,
        "url": one.shown_url,
        "scope": str(one.scope) if one.scope else None,
        "events": sorted(one.events),
        "active": one.is_active,
        "temporarily_disabled": one.is_disabled,
        "description": one.description,
        "whose": whose(settings, one),
    }


def _would(step: Step, wanted: Wanted) -> str:
    match step:
        case Create():
            where = f"{shown_url(wanted.url)} ({wanted.scope})"
            return f"there is no subscription for {where} whose deliveries could be verified"
        case Update(subscription_id):
            return f"{subscription_id} does not get all events"
        case Enable(subscription_id):
            return f"{subscription_id} was switched off by PagerDuty after failures"
        case Delete(subscription_id, cause):
            return f"{subscription_id} is {cause}"
