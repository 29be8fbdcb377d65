"""Reads a record of `pagerduty.webhooks`: which object to ask for, or why none."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from pydantic import ValidationError

from schemas.headers import PREFIX, RecordHeaders
from schemas.outcome import Reason
from schemas.refresh_request import REFRESH_TYPE, RefreshCause, RefreshRequest
from schemas.versions import SCHEMA_VERSION, newer_version
from schemas.webhook_event import EVENT_KINDS, PING, WEBHOOK_TYPE, event_of, object_id_of
from shared.held_partitions import Newer
from shared.kinds import KINDS
from shared.log.interface import Record
from shared.pagerduty.replies import read_object

SERVICE_DELETED: Final = "service.deleted"
MAKING: Final = frozenset({"incident.triggered", "service.created"})
"""Events that tell of an object which has just been made."""
_KIND_OF_RESOURCE: Final[Mapping[str, str]] = {"incident": "incidents", "service": "services"}
"""Of events that are newer than this release. Source: PagerDuty Webhooks V3, Webhook Payload."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """One object that is to be asked for.

    Attributes:
        kind: PagerDuty kind.
        object_id: Key of the object.
        body: Best that is known of the object; at least its id.
        is_new: PagerDuty says that it has just been made.
        is_deleted: PagerDuty says that it is gone.
        cause: Why we ask ourselves; None: PagerDuty sent an event.
        letters: Addresses of the dead letters to close once the object is published.
        traceparent: Of the event, as in `RecordHeaders`.
    """

    kind: str
    object_id: str
    body: Mapping[str, Any] = field(default_factory=dict)
    is_new: bool = False
    is_deleted: bool = False
    cause: RefreshCause | None = None
    letters: tuple[str, ...] = ()
    traceparent: str = ""

    @property
    def is_plain(self) -> bool:
        """Return whether it says no more than that the object has changed."""
        return self.cause is None and not self.is_deleted


@dataclass(frozen=True, slots=True)
class Ignored:
    """A record that asks for nothing: a ping, or an event about a resource unknown to this release."""

    event_type: str

    @property
    def is_ping(self) -> bool:
        """Return whether it is a test of the subscription."""
        return self.event_type == PING


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record for the dead-letter topic."""

    reason: Reason
    detail: str
    kind: str = ""


Read = Trigger | Ignored | Unreadable | Newer


def read_trigger(record: Record) -> Read:
    """Return what a record asks for. Nothing of it is trusted."""
    newer = newer_version(_header(record, "schemaversion"))
    if newer is not None:
        return Newer(newer)
    try:
        headers = RecordHeaders.decode(record.headers)
    except ValueError as error:
        return Unreadable(Reason.UNREADABLE, f"headers cannot be read: {' '.join(str(error).split())}")
    if headers.schemaversion > SCHEMA_VERSION:
        return Newer(headers.schemaversion)
    if not record.key:
        return Unreadable(Reason.UNREADABLE, "the record has no key")
    if record.value is None:
        return Unreadable(Reason.UNREADABLE, "the record has no value")
    if headers.type == REFRESH_TYPE:
        return _read_request(record.value)
    if headers.type == WEBHOOK_TYPE:
        return _read_event(record.value, headers.traceparent)
    return Unreadable(Reason.UNREADABLE, f"a record of type {headers.type[:100]!r} is nothing to hydrate")


def _read_event(value: bytes, traceparent: str) -> Read:
    event = event_of(read_object(value))
    if event is None:
        return Unreadable(Reason.UNREADABLE, "the body is no JSON object with an event")
    event_type, resource = event.get("event_type"), event.get("resource_type")
    if not isinstance(event_type, str) or not event_type:
        return Unreadable(Reason.UNREADABLE, "the event has no event_type")
    kind = EVENT_KINDS.get(event_type)
    if kind is None and isinstance(resource, str):
        kind = _KIND_OF_RESOURCE.get(resource)
    if kind is None:
        return Ignored(event_type)
    object_id = object_id_of(event, kind)
    if object_id is None:
        says = f"the event {event_type!r} does not say which of the {kind} it is about"
        return Unreadable(Reason.NO_ID, says, kind)
    return Trigger(
        kind=kind,
        object_id=object_id,
        body=_body_of(event, kind, object_id),
        is_new=event_type in MAKING,
        is_deleted=event_type == SERVICE_DELETED,
        traceparent=traceparent,
    )


def _body_of(event: Mapping[str, Any], kind: str, object_id: str) -> Mapping[str, Any]:
    """Return what an event says of the object itself: its `data`, or the reference in it."""
    data = event["data"]
    reference = data.get(kind.removesuffix("s"))
    for held in (data, reference):
        if isinstance(held, dict) and held.get("id") == object_id:
            return held
    return {"id": object_id}


def _read_request(value: bytes) -> Read:
    try:
        document = orjson.loads(value)
        version = document.get("schema_version") if isinstance(document, dict) else None
        if isinstance(version, int) and version > SCHEMA_VERSION:
            return Newer(version)
        request = RefreshRequest.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the value"
        return Unreadable(Reason.UNREADABLE, f"a refresh request with a mistake: {where}: {first['msg']}")
    except ValueError:
        return Unreadable(Reason.UNREADABLE, "a refresh request that is no JSON")
    if request.kind not in KINDS:
        return Unreadable(Reason.UNREADABLE, f"{request.kind[:100]!r} is not a kind PagerDuty lists")
    return Trigger(
        kind=request.kind,
        object_id=request.object_id,
        body={"id": request.object_id},
        cause=request.cause,
        letters=request.letters,
    )


def _header(record: Record, name: str) -> str:
    """Return one of our headers of a record that may be broken, empty where it is missing."""
    for key, value in reversed(record.headers):
        if key == PREFIX + name:
            return (value or b"").decode("utf-8", "replace")
    return ""
