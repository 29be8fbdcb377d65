"""Asks PagerDuty about its webhook subscriptions, and says in words what it refuses.

Source: PagerDuty REST API, Webhook subscriptions.
"""

from typing import Any, Final

from services.fetcher.subscription.found import Found, Wanted, read_found
from shared.errors import FatalError
from shared.kind_model import ROW_CAP
from shared.pagerduty.client import PagerDutyClient
from shared.pagerduty.interface import Answer
from shared.pagerduty.verdicts import Verdict

PATH: Final = "/webhook_subscriptions"
ONE: Final = "/webhook_subscriptions/{id}"
WRAPPER: Final = "webhook_subscription"
PAGE_LIMIT: Final = 100
LIMIT_CODE: Final = 2019
"""Source: PagerDuty REST API, Errors, PagerDuty Error Codes: product limit reached."""


class RefusedStepError(FatalError):
    """PagerDuty does not do what it was asked for.

    Attributes:
        is_limit: There is no room for another subscription.
    """

    def __init__(self, message: str, *, is_limit: bool = False) -> None:
        super().__init__(message)
        self.is_limit = is_limit


async def list_subscriptions(client: PagerDutyClient) -> list[Found]:
    """Return all subscriptions that the token may see; whether one is switched off a list does not say.

    Raises:
        FatalError: PagerDuty does not list them.
    """
    found: dict[str, Found] = {}
    offset = 0
    while True:
        answer = await client.get(PATH, [("limit", str(PAGE_LIMIT)), ("offset", str(offset))])
        if answer.verdict is not Verdict.OK:
            raise FatalError(
                f"PagerDuty does not list webhook subscriptions: {answer.detail}; the token needs the scope "
                "webhook_subscriptions.read"
            )
        rows = answer.body.get(f"{WRAPPER}s")
        if not isinstance(rows, list):
            # Taken for none, it would have one more made at each look.
            raise FatalError("PagerDuty does not list webhook subscriptions: its answer holds something else")
        for row in rows:
            one = read_found(row) if isinstance(row, dict) else None
            if one is not None:
                found[one.subscription_id] = one
        offset += len(rows)
        if not rows or answer.body.get("more") is not True or offset >= ROW_CAP:
            return list(found.values())


async def get_subscription(client: PagerDutyClient, subscription_id: str) -> Found | None:
    """Return one with all there is to know; None: it is gone.

    Raises:
        FatalError: PagerDuty does not show it.
    """
    answer = await client.get(f"{PATH}/{subscription_id}", scope=ONE)
    if answer.verdict is Verdict.NOT_FOUND:
        return None
    if answer.verdict is not Verdict.OK:
        raise FatalError(f"PagerDuty does not show the webhook subscription: {answer.detail}")
    return read_found(wrapped(answer))


async def create_subscription(client: PagerDutyClient, wanted: Wanted) -> tuple[str, str]:
    """Make the wanted one; return its id and its signing secret (empty: it was not told).

    Raises:
        RefusedStepError: PagerDuty does not do it.
    """
    row = wrapped(_done(await client.change("POST", PATH, wanted.document())))
    method = row.get("delivery_method")
    secret = method.get("secret") if isinstance(method, dict) else None
    return str(row.get("id") or ""), secret if isinstance(secret, str) else ""


async def update_subscription(client: PagerDutyClient, subscription_id: str, events: frozenset[str]) -> None:
    """Have it get these events, and be active.

    Raises:
        RefusedStepError: PagerDuty does not do it.
    """
    body = {WRAPPER: {"events": sorted(events), "active": True}}
    _done(await client.change("PUT", f"{PATH}/{subscription_id}", body, scope=ONE))


async def enable_subscription(client: PagerDutyClient, subscription_id: str) -> None:
    """Switch it on again.

    Raises:
        RefusedStepError: PagerDuty does not do it.
    """
    _done(await client.change("POST", f"{PATH}/{subscription_id}/enable", scope=f"{ONE}/enable"))


async def ping_subscription(client: PagerDutyClient, subscription_id: str) -> None:
    """Have PagerDuty send a test event.

    Raises:
        RefusedStepError: PagerDuty does not do it.
    """
    _done(await client.change("POST", f"{PATH}/{subscription_id}/ping", scope=f"{ONE}/ping"))


async def delete_subscription(client: PagerDutyClient, subscription_id: str) -> None:
    """Delete one; it may be gone already.

    Raises:
        RefusedStepError: PagerDuty does not do it.
    """
    answer = await client.change("DELETE", f"{PATH}/{subscription_id}", scope=ONE)
    if answer.verdict is not Verdict.NOT_FOUND:
        _done(answer)


def wrapped(answer: Answer) -> dict[str, Any]:
    """Return the subscription of an answer; empty: there is none in it."""
    row = answer.body.get(WRAPPER)
    return row if isinstance(row, dict) else {}


def _done(answer: Answer) -> Answer:
    if answer.verdict is Verdict.OK:
        return answer
    if answer.code == LIMIT_CODE:
        raise RefusedStepError(answer.detail, is_limit=True)
    hint = ""
    if answer.verdict is Verdict.DENIED:
        hint = (
            "; the token needs the scope webhook_subscriptions.write, and for the whole account an admin's "
            "key; else set OCEAN__WEBHOOK__SCOPE=team/<id>"
        )
    raise RefusedStepError(f"PagerDuty does not change the webhook subscription: {answer.detail}{hint}")
