"""Defines what travels in `pagerduty.webhooks` for one event: its key, and the request around the body."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, Field

WEBHOOK_TYPE: Final = "pagerport.webhook"
"""The `type` in the headers of such a record; a refresh request's is `pagerport.refresh`."""
UNREADABLE: Final = "unreadable"
"""First part of the key of an authentic body that names no object: its reader makes it a dead letter."""
PING: Final = "pagey.ping"
"""Sent on request, about nothing. Source: PagerDuty Webhooks V3, Event Types."""
ID_LIMIT_CHARS: Final = 200
HEADER_PREFIX: Final = "http_header_"
QUERY_HEADER: Final = "http_query"

_INCIDENT: Final = (
    "acknowledged",
    "action_invocation.created",
    "action_invocation.terminated",
    "action_invocation.updated",
    "annotated",
    "conference_bridge.updated",
    "custom_field_values.updated",
    "delegated",
    "escalated",
    "incident_type.changed",
    "priority_updated",
    "reassigned",
    "reopened",
    "resolved",
    "responder.added",
    "responder.replied",
    "role.assigned",
    "service_updated",
    "status_update_published",
    "task.completed",
    "task.created",
    "task.updated",
    "triggered",
    "unacknowledged",
    "workflow.completed",
    "workflow.started",
)
_SERVICE: Final = ("created", "custom_field_values.updated", "deleted", "updated")
EVENT_KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **{f"incident.{name}": "incidents" for name in _INCIDENT},
        **{f"service.{name}": "services" for name in _SERVICE},
    }
)
"""Every event that can be subscribed to, with the kind of the object that it is about.

Source: PagerDuty Webhooks V3, Event Types.
"""


def event_of(document: object) -> Mapping[str, Any] | None:
    """Return the event of a request body that was read as JSON; None: there is none."""
    event = document.get("event") if isinstance(document, dict) else None
    return event if isinstance(event, dict) else None


def object_id_of(event: Mapping[str, Any], kind: str) -> str | None:
    """Return the id of the incident or service that an event is about; None: it does not say.

    Only where `data` is the object itself is its id the one asked for: a note, a task or a workflow has an id
    of its own, and a responder has none.
    Source: PagerDuty Webhooks V3, Event Data Types.

    Args:
        event: What stands under `event`.
        kind: `incidents` or `services`.
    """
    data = event.get("data")
    if not isinstance(data, dict):
        return None
    name = kind.removesuffix("s")
    its_type = data.get("type")
    if isinstance(its_type, str) and its_type in {name, f"{name}_reference"}:
        return _id(data)
    if (found := _id(data.get(name))) is not None:
        return found
    assignments = data.get("incident_role_assignments")
    if kind == "incidents" and isinstance(assignments, list):
        for one in assignments:
            if isinstance(one, dict) and (found := _id(one.get(name))) is not None:
                return found
    return None


def _id(value: object) -> str | None:
    found = value.get("id") if isinstance(value, dict) else None
    if (
        isinstance(found, str)
        and 0 < len(found) <= ID_LIMIT_CHARS
        and found.isascii()
        and found.isprintable()
    ):
        return found
    return None


class WebhookRequest(BaseModel):
    """The HTTP request that brought an event, as mappings in the webhook format see it.

    In the record's headers each header of the request is one `http_header_<name>`, and the query string is
    `http_query` as it stood in the address. What proves the sender is left out: signature, authorization,
    cookies, pagerport's token.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    headers: Annotated[
        dict[str, str],
        Field(description="Names in lower case; a repeated one has its values joined by `, `."),
    ] = {}
    query: Annotated[
        dict[str, str | list[str]], Field(description="A name that is repeated has all its values.")
    ] = {}

    @classmethod
    def decode(cls, pairs: Iterable[tuple[str, bytes | None]]) -> "WebhookRequest":
        """Read it from the headers of a record; never fails, bytes above ASCII are taken as Latin-1.

        Args:
            pairs: Header pairs of the record in their order.
        """
        headers: dict[str, str] = {}
        query: dict[str, str | list[str]] = {}
        for name, value in pairs:
            text = (value or b"").decode("latin-1")
            if name.startswith(HEADER_PREFIX):
                its_name = name.removeprefix(HEADER_PREFIX)
                headers[its_name] = f"{headers[its_name]}, {text}" if its_name in headers else text
            elif name == QUERY_HEADER:
                for key, part in parse_qsl(text, keep_blank_values=True):
                    known = query.get(key)
                    if known is None:
                        query[key] = part
                    else:
                        query[key] = [*known, part] if isinstance(known, list) else [known, part]
        return cls(headers=headers, query=query)
