"""Tests which object each documented event asks for, and what becomes of records that ask for none."""

from typing import Any

import orjson
import pytest

from schemas.headers import Origin, RecordHeaders
from schemas.outcome import Reason
from schemas.refresh_request import REFRESH_TYPE, RefreshCause
from schemas.topics import WEBHOOKS
from schemas.webhook_event import EVENT_KINDS, WEBHOOK_TYPE
from services.fetcher.hydration.triggers import Ignored, Read, Trigger, Unreadable, read_trigger
from shared.held_partitions import Newer
from shared.log.interface import Record
from tests.service.pagerduty_listing import NOW

INCIDENT = {"id": "PINC001", "type": "incident_reference", "summary": "A bump", "self": None}
SERVICE = {"id": "PSVC001", "type": "service_reference", "summary": None}
DATA: dict[str, dict[str, Any]] = {
    "incident": {"id": "PINC001", "type": "incident", "number": 7, "title": "A bump"},
    "incident_note": {"id": "PNOTE01", "type": "incident_note", "incident": INCIDENT, "content": "ok"},
    "incident_status_update": {"id": "PUPD001", "type": "incident_status_update", "incident": INCIDENT},
    "incident_responder": {"type": "incident_responder", "incident": INCIDENT, "user": {"id": "PUSER01"}},
    "incident_conference_bridge": {"type": "incident_conference_bridge", "incident": INCIDENT},
    "incident_field_values": {"type": "incident_field_values", "incident": INCIDENT, "custom_fields": []},
    "incident_role_assignment": {
        "type": "incident_role_assignment",
        "incident_role_assignments": [{"id": "af64", "incident": INCIDENT, "role": {"id": "PROLE01"}}],
    },
    "incident_task": {"id": "PTASK01", "type": "incident_task", "incident": INCIDENT, "status": "todo"},
    "incident_workflow_instance": {
        "id": "PFLOW01",
        "type": "incident_workflow_instance",
        "incident": INCIDENT,
        "service": SERVICE,
    },
    "incident_action_invocation": {
        "id": "01INVOKE",
        "type": "incident_action_invocation",
        "incident": INCIDENT,
        "action": {"id": "01ACTION"},
    },
    "service": {"id": "PSVC001", "type": "service", "summary": "Checkout", "teams": []},
    "service_field_values": {"type": "service_field_values", "service": SERVICE, "custom_fields": []},
}
"""The `data` of each documented type, as much of it as tells objects apart.

Source: PagerDuty Webhooks V3, Event Data Types.
"""
WHOLE = "acknowledged delegated escalated incident_type.changed priority_updated reassigned reopened resolved"
TYPES: dict[str, str] = {
    **{f"incident.{name}": "incident" for name in WHOLE.split()},
    "incident.service_updated": "incident",
    "incident.triggered": "incident",
    "incident.unacknowledged": "incident",
    "incident.annotated": "incident_note",
    "incident.status_update_published": "incident_status_update",
    "incident.responder.added": "incident_responder",
    "incident.responder.replied": "incident_responder",
    "incident.conference_bridge.updated": "incident_conference_bridge",
    "incident.custom_field_values.updated": "incident_field_values",
    "incident.role.assigned": "incident_role_assignment",
    "incident.task.created": "incident_task",
    "incident.task.updated": "incident_task",
    "incident.task.completed": "incident_task",
    "incident.workflow.started": "incident_workflow_instance",
    "incident.workflow.completed": "incident_workflow_instance",
    "incident.action_invocation.created": "incident_action_invocation",
    "incident.action_invocation.updated": "incident_action_invocation",
    "incident.action_invocation.terminated": "incident_action_invocation",
    "service.created": "service",
    "service.updated": "service",
    "service.deleted": "service",
    "service.custom_field_values.updated": "service_field_values",
}
"""Event type to the type of its data. Source: PagerDuty Webhooks V3, Event Types."""


def record(value: bytes | None, ce_type: str = WEBHOOK_TYPE, **headers: Any) -> Record:
    made = RecordHeaders(
        id="1", source="pagerport/bench/gateway", type=ce_type, time=NOW, origin=Origin.LIVE, **headers
    )
    return Record(WEBHOOKS.name, 0, 17, 0, b"incidents/PINC001", value, made.encode())


def read_event(event_type: object, data: object, **more: object) -> Read:
    resource = str(event_type).partition(".")[0]
    event = {"event_type": event_type, "resource_type": resource, "data": data, **more}
    return read_trigger(record(orjson.dumps({"event": event})))


def test_table_has_every_documented_event() -> None:
    assert set(TYPES) == set(EVENT_KINDS)


@pytest.mark.parametrize("event_type", TYPES)
def test_event_asks_for_the_incident_or_service_it_is_about(event_type: str) -> None:
    data = DATA[TYPES[event_type]]
    kind, object_id, reference = (
        ("services", "PSVC001", SERVICE)
        if event_type.startswith("service.")
        else ("incidents", "PINC001", INCIDENT)
    )
    body: dict[str, Any]
    if TYPES[event_type] in {"incident", "service"}:
        body = data
    elif TYPES[event_type] == "incident_role_assignment":
        body = {"id": object_id}
    else:
        body = reference
    assert read_event(event_type, data) == Trigger(
        kind=kind,
        object_id=object_id,
        body=body,
        is_new=event_type in {"incident.triggered", "service.created"},
        is_deleted=event_type == "service.deleted",
    )


def test_event_newer_than_this_release_about_a_known_resource_asks_for_it() -> None:
    data = {"id": "PNEW001", "type": "incident_merge", "incident": INCIDENT}
    assert read_event("incident.merged", data) == Trigger(
        kind="incidents", object_id="PINC001", body=INCIDENT
    )


@pytest.mark.parametrize("event_type", ["user.updated", "pagey.ping"])
def test_event_about_another_resource_is_ignored(event_type: str) -> None:
    read = read_event(event_type, {"id": "PUSER01", "type": "user"})
    assert isinstance(read, Ignored)
    assert read == Ignored(event_type)
    assert read.is_ping is (event_type == "pagey.ping")


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {"type": "incident"},
        {"type": "incident", "id": 7},
        {"type": "incident_note", "id": "PNOTE01"},
    ],
)
def test_event_that_does_not_say_which_object_is_a_dead_letter(data: object) -> None:
    assert read_event("incident.annotated", data) == Unreadable(
        Reason.NO_ID,
        "the event 'incident.annotated' does not say which of the incidents it is about",
        "incidents",
    )


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (None, "no value"),
        (b"", "no JSON object with an event"),
        (b"\xff\xfe", "no JSON object with an event"),
        (b"[1]", "no JSON object with an event"),
        (b'{"event": []}', "no JSON object with an event"),
        (b'{"event": {"data": {}}}', "no event_type"),
        (b'{"event": {"event_type": 7}}', "no event_type"),
    ],
)
def test_body_that_is_no_event_is_a_dead_letter(value: bytes | None, says: str) -> None:
    read = read_trigger(record(value))
    assert isinstance(read, Unreadable)
    assert (read.reason, read.kind) == (Reason.UNREADABLE, "")
    assert says in read.detail


def test_headers_that_cannot_be_read_are_a_dead_letter() -> None:
    broken = Record(WEBHOOKS.name, 0, 1, 0, b"k", b"{}", (("ce_type", b"\xff"),))
    read = read_trigger(broken)
    assert isinstance(read, Unreadable)
    assert read.detail.startswith("headers cannot be read")


def test_record_of_another_type_is_a_dead_letter() -> None:
    read = read_trigger(record(b"{}", "pagerport.entity"))
    assert read == Unreadable(Reason.UNREADABLE, "a record of type 'pagerport.entity' is nothing to hydrate")


def test_newer_schema_version_is_told_from_what_is_broken() -> None:
    newer = record(b"not for us", schemaversion=9)
    assert read_trigger(newer) == Newer(9)
    request = {"schema_version": 9, "kind": ["no", "text"]}
    assert read_trigger(record(orjson.dumps(request), REFRESH_TYPE)) == Newer(9)


def test_refresh_request_asks_for_its_object_and_names_the_letters() -> None:
    value = {"kind": "users", "object_id": "PUSER01", "cause": "heal", "letters": ["dlq.port.entities/0/3"]}
    assert read_trigger(record(orjson.dumps(value), REFRESH_TYPE)) == Trigger(
        kind="users",
        object_id="PUSER01",
        body={"id": "PUSER01"},
        cause=RefreshCause.HEAL,
        letters=("dlq.port.entities/0/3",),
    )


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (b"nonsense", "no JSON"),
        (b'{"kind": "users"}', "object_id: Field required"),
        (b"[]", "the value"),
        (b'{"kind": "unicorns", "object_id": "P1"}', "'unicorns' is not a kind"),
    ],
)
def test_refresh_request_with_a_mistake_is_a_dead_letter(value: bytes, says: str) -> None:
    read = read_trigger(record(value, REFRESH_TYPE))
    assert isinstance(read, Unreadable)
    assert (read.reason, says in read.detail) == (Reason.UNREADABLE, True)
