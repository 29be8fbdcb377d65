"""Reads what PagerDuty says of its webhook subscriptions, and says which one we want.

Source: PagerDuty REST API, Webhook subscriptions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from schemas.webhook_event import EVENT_KINDS
from shared.settings import Settings
from shared.webhook_address import webhook_url
from shared.webhook_token import WebhookToken, installation_tokens

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Scope:
    """What events a subscription gets: those of the account, of a service, or of a team.

    Attributes:
        name: `account`, `service` or `team`.
        object_id: Of the service or team; empty for the account.
    """

    name: str
    object_id: str = ""

    def __str__(self) -> str:
        return f"{self.name}/{self.object_id}" if self.object_id else self.name

    @classmethod
    def parse(cls, text: str) -> "Scope":
        """Read it as the setting has it: `account`, `service/<id>`, `team/<id>`."""
        name, _, object_id = text.partition("/")
        return cls(name, object_id)

    def document(self) -> dict[str, str]:
        """Return it as PagerDuty takes it."""
        found = {"type": f"{self.name}_reference"}
        return {**found, "id": self.object_id} if self.object_id else found


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A subscription that there is.

    Attributes:
        subscription_id: Its id.
        url: Where it delivers to, as PagerDuty shows it; may hold a password.
        scope: What events it gets; None: in a form that this release does not know.
        events: Event types it gets.
        is_active: False: somebody has paused it.
        is_disabled: PagerDuty has switched it off for a day.
        headers: Names of its custom headers in lower case; their values are not shown.
        description: Text that people gave it.
    """

    subscription_id: str
    url: str
    scope: Scope | None
    events: frozenset[str]
    is_active: bool = True
    is_disabled: bool = False
    headers: frozenset[str] = frozenset()
    description: str = ""

    @property
    def shown_url(self) -> str:
        """Return the address without user and password."""
        return shown_url(self.url)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The subscription that there should be.

    Attributes:
        url: Where it delivers to.
        scope: What events it gets.
        events: Event types it gets.
        tokens: Tokens that the gateway takes, the one to make subscriptions with first.
        has_secret: The gateway knows signing secrets. Of which subscriptions nobody can tell, so one without
            a token is taken for one of those.
        description: Text for people.
    """

    url: str
    scope: Scope
    events: frozenset[str]
    tokens: tuple[WebhookToken, ...]
    has_secret: bool
    description: str

    @property
    def token_headers(self) -> frozenset[str]:
        """Return the names, in lower case, of the headers that the gateway takes for a proof."""
        return frozenset(token.header.lower() for token in self.tokens)

    def document(self) -> dict[str, Any]:
        """Return the request that makes it; it has a token."""
        token = self.tokens[0]
        return {
            "webhook_subscription": {
                "type": "webhook_subscription",
                "delivery_method": {
                    "type": "http_delivery_method",
                    "url": self.url,
                    "custom_headers": [{"name": token.header, "value": token.value}],
                },
                "description": self.description,
                "events": sorted(self.events),
                "filter": self.scope.document(),
            }
        }


def wanted_subscription(settings: Settings, *, url: str = "", scope: str = "") -> Wanted | None:
    """Return what the settings ask for; None: no public address is set, so there is nothing to care for.

    Args:
        settings: Address, scope, secrets.
        url: Instead of the address of the settings.
        scope: Instead of the scope of the settings.
    """
    address = url or webhook_url(settings)
    if not address:
        return None
    identifier = settings.integration.identifier
    return Wanted(
        url=address,
        scope=Scope.parse(scope or settings.webhook.scope),
        events=frozenset(EVENT_KINDS),
        tokens=installation_tokens(settings),
        has_secret=bool(settings.integration.config.webhook_secrets),
        description=f"Keeps the Port catalog of {identifier} up to date (made by pagerport)",
    )


def read_found(row: Mapping[str, Any]) -> Found | None:
    """Return a subscription as a list or a GET shows it; None: it has no id or no address."""
    method = row.get("delivery_method")
    subscription_id = row.get("id")
    if not isinstance(method, dict) or not isinstance(subscription_id, str):
        return None
    url = method.get("url")
    if not isinstance(url, str):
        return None
    headers = method.get("custom_headers")
    events = row.get("events")
    return Found(
        subscription_id=subscription_id,
        url=url,
        scope=_read_scope(row.get("filter")),
        events=frozenset(name for name in events if isinstance(name, str))
        if isinstance(events, list)
        else frozenset(),
        is_active=row.get("active") is not False,
        is_disabled=method.get("temporarily_disabled") is True,
        headers=frozenset(
            str(header.get("name", "")).lower() for header in headers if isinstance(header, dict)
        )
        if isinstance(headers, list)
        else frozenset(),
        description=str(row.get("description") or ""),
    )


def _read_scope(value: object) -> Scope | None:
    if not isinstance(value, dict):
        return None
    name = str(value.get("type", "")).removesuffix("_reference")
    object_id = value.get("id")
    if name == "account":
        return Scope(name)
    return Scope(name, object_id) if name in {"service", "team"} and isinstance(object_id, str) else None


def same_address(one: str, other: str) -> bool:
    """Return whether two addresses are the same place; who may go there is no part of it."""
    return _place(one) == _place(other)


def shown_url(url: str) -> str:
    """Return an address without user and password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(an address that cannot be read)"
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _place(url: str) -> tuple[object, ...]:
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return (url,)
    return parts.scheme, (parts.hostname or "").rstrip("."), port, parts.path.rstrip("/"), parts.query
