"""Subscriptions say where webhooks go: what a request may ask of them, and what is shown of them.

Source: PagerDuty REST API, Webhook subscriptions.
"""

import base64
from collections.abc import Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any
from urllib.parse import urlsplit

import orjson

from simulators.pagerduty.access import Caller, access_denied
from simulators.pagerduty.event_types import DATA_TYPES
from simulators.pagerduty.refusals import RefusedError, invalid_input, not_found, refused
from simulators.pagerduty.store import Store
from simulators.pagerduty.subscription_view import shown

Row = dict[str, Any]
KIND = "webhook_subscriptions"
LIMIT_PER_SCOPE = 10
DISABLED_FOR = timedelta(hours=24)
"""How long three drops in a row switch a subscription off. Source: PagerDuty Webhooks V3, Behavior."""
WRAPPER = "webhook_subscription"
SCOPES: Mapping[str, str] = {
    "account_reference": "",
    "service_reference": "services",
    "team_reference": "teams",
}
MANAGERS = frozenset({"admin", "owner"})
CREATE_KEYS = frozenset(
    {"type", "delivery_method", "description", "events", "filter", "active", "oauth_client_id"}
)
UPDATE_KEYS = CREATE_KEYS - {"delivery_method"}
METHOD_KEYS = frozenset({"type", "url", "custom_headers"})


def create(store: Store, caller: Caller, body: bytes, random: Random) -> Row:
    """Make a subscription; return it with its secret, which is shown this once.

    `active: false` is not heeded. Source: terraform-provider-pagerduty, issue 685.

    Raises:
        RefusedError: The body is wrong, the scope is full, or the caller may not.
    """
    asked = _read(body, CREATE_KEYS)
    for name in ("type", "delivery_method", "events", "filter"):
        if name not in asked:
            raise invalid_input(f"{name} is required.")
    _check_common(store, caller, asked)
    method = _read_method(asked["delivery_method"])
    _check_room(store, asked["filter"], None)
    made_id, method_id = _new_id(store, random), _new_id(store, random)
    row: Row = {
        "delivery_method": {
            "id": method_id,
            "type": method["type"],
            "url": method["url"],
            "secret": base64.b64encode(random.randbytes(48)).decode(),
            "temporarily_disabled": False,
            "custom_headers": method.get("custom_headers", []),
        },
        "description": asked.get("description"),
        # In another order than asked for. Source: terraform-provider-pagerduty, issue 934.
        "events": sorted(asked["events"]),
        "filter": asked["filter"],
        "id": made_id,
        "type": WRAPPER,
        "active": True,
    }
    store.put(KIND, made_id, row)
    secret = row["delivery_method"]["secret"]
    answered = shown(row, is_listed=False)
    return {**answered, "delivery_method": {**answered["delivery_method"], "secret": secret}}


def update(store: Store, caller: Caller, subscription_id: str, body: bytes) -> Row:
    """Change everything but the delivery method; what is left out stays.

    Raises:
        RefusedError: There is no such subscription, the body is wrong, the scope is full, or the caller may
            not.
    """
    row = held(store, subscription_id)
    asked = _read(body, UPDATE_KEYS)
    _check_common(store, caller, {**{name: row[name] for name in ("events", "filter")}, **asked})
    if "filter" in asked and asked["filter"] != row["filter"]:
        _check_room(store, asked["filter"], subscription_id)
    if "events" in asked:
        asked["events"] = sorted(asked["events"])
    changed = {**row, **{name: part for name, part in asked.items() if name != "oauth_client_id"}}
    store.put(KIND, subscription_id, changed)
    return shown(changed, is_listed=False)


def delete(store: Store, caller: Caller, subscription_id: str) -> None:
    """Drop a subscription, with all that waits for it.

    Raises:
        RefusedError: There is no such subscription, or the caller may not.
    """
    _check_caller(store, caller, held(store, subscription_id)["filter"])
    store.delete(KIND, subscription_id)


def held(store: Store, subscription_id: str) -> Row:
    """Return a subscription as it is held, secret included.

    Raises:
        RefusedError: 404, there is none.
    """
    row: Row | None = store.rows(KIND).get(subscription_id)
    if row is None:
        raise not_found(KIND)
    return row


def set_disabled(store: Store, subscription_id: str, at: datetime | None) -> None:
    """Switch a subscription off for a day, or on again."""
    row = held(store, subscription_id)
    method = {**row["delivery_method"], "temporarily_disabled": at is not None}
    method.pop("disabled_at", None)
    if at is not None:
        method["disabled_at"] = at.isoformat()
    store.put(KIND, subscription_id, {**row, "delivery_method": method})


def wake_after_a_day(store: Store, now: datetime) -> None:
    """Switch those on again that have been off for a day."""
    for subscription_id, row in list(store.rows(KIND).items()):
        disabled_at = row["delivery_method"].get("disabled_at")
        if disabled_at and datetime.fromisoformat(disabled_at) + DISABLED_FOR <= now:
            set_disabled(store, subscription_id, None)


def covers(row: Row, event_type: str, service_id: str | None, team_ids: frozenset[str]) -> bool:
    """Tell whether a subscription wants an event of a service (and its teams)."""
    if event_type not in row["events"] or not row.get("active", True):
        return False
    scope = row["filter"]
    match scope["type"]:
        case "service_reference":
            return bool(scope["id"] == service_id)
        case "team_reference":
            return scope["id"] in team_ids
        case _:
            return True


def _read(body: bytes, known: frozenset[str]) -> Row:
    try:
        document = orjson.loads(body)
    except ValueError:
        raise invalid_input("The body is not JSON.") from None
    asked = document.get(WRAPPER) if isinstance(document, dict) else None
    if not isinstance(asked, dict) or len(document) != 1:
        raise invalid_input(f"The body must be an object with the key {WRAPPER} alone.")
    for name in asked:
        if name not in known:
            raise invalid_input(f"{name} cannot be set.")
    return dict(asked)


def _check_common(store: Store, caller: Caller, asked: Row) -> None:
    if asked.get("type", WRAPPER) != WRAPPER:
        raise invalid_input(f"type must be {WRAPPER}.")
    if not isinstance(asked.get("description", ""), str | None):
        raise invalid_input("description must be a text.")
    if not isinstance(asked.get("active", True), bool):
        raise invalid_input("active must be true or false.")
    events = asked["events"]
    if not isinstance(events, list) or not events or len(set(map(str, events))) != len(events):
        raise invalid_input("events must be a list of at least one, each once.")
    for event_type in events:
        if event_type not in DATA_TYPES:
            raise invalid_input(f"{event_type} is not an event that can be subscribed to.")
    _check_filter(store, asked["filter"])
    _check_caller(store, caller, asked["filter"])


def _check_filter(store: Store, scope: object) -> None:
    if not isinstance(scope, dict) or scope.get("type") not in SCOPES or not scope.keys() <= {"type", "id"}:
        raise invalid_input("filter must be of type account_reference, service_reference or team_reference.")
    kind = SCOPES[scope["type"]]
    if not kind:
        if scope.get("id") is not None:
            raise invalid_input("filter has no id for an account.")
    elif scope.get("id") not in store.rows(kind):
        raise invalid_input("filter names an object that there is not.")


def _check_caller(store: Store, caller: Caller, scope: Row) -> None:
    """A subscription for the account takes an admin, the owner, or a key of the account."""
    if caller.user_id is None or scope["type"] != "account_reference":
        return
    if store.rows("users").get(caller.user_id, {}).get("role") not in MANAGERS:
        raise access_denied()


def _check_room(store: Store, scope: Row, own_id: str | None) -> None:
    taken = [key for key, row in store.rows(KIND).items() if row["filter"] == scope and key != own_id]
    if len(taken) >= LIMIT_PER_SCOPE:
        raise limit_exceeded()


def limit_exceeded() -> RefusedError:
    """Ten subscriptions are all that a scope has room for.

    Source: newrelic/terraform-provider-newrelic, issue 2203; the status is not told there.
    """
    return refused(400, 2019, "Subscription Limit Exceeded")


def _read_method(method: object) -> Row:
    if not isinstance(method, dict) or not method.keys() <= METHOD_KEYS:
        raise invalid_input("delivery_method may have type, url and custom_headers.")
    if method.get("type") != "http_delivery_method":
        raise invalid_input("delivery_method must be of type http_delivery_method.")
    url = method.get("url")
    parts = urlsplit(url) if isinstance(url, str) else None
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise invalid_input("delivery_method must have an http or https url.")
    headers = method.get("custom_headers", [])
    if not isinstance(headers, list) or not all(
        isinstance(header, dict)
        and header.keys() == {"name", "value"}
        and all(isinstance(part, str) and part for part in header.values())
        for header in headers
    ):
        raise invalid_input("custom_headers must be a list of objects with name and value.")
    names = [header["name"].lower() for header in headers]
    if len(set(names)) != len(names):
        raise invalid_input("custom_headers must have each name once.")
    return dict(method)


def _new_id(store: Store, random: Random) -> str:
    while True:
        made = "P" + "".join(random.choices("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=6))
        if made not in store.rows(KIND):
            return made
