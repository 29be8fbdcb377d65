"""Payloads are the bodies of webhooks, made for any event type from the object that it is about.

`data` is not the object as the REST API has it: fields have other names, and many are missing.
Source: PagerDuty Webhooks V3, Event Data Types; Event Types.
"""

import hashlib
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from simulators.pagerduty.event_types import DATA_TYPES, PING
from simulators.pagerduty.includes import reference_to

Json = dict[str, Any]
API = "https://api.pagerduty.com"
SITE = "https://acme.pagerduty.com"
REFERENCE_KEYS = ("html_url", "id", "self", "summary", "type")


def build_event(
    event_type: str,
    subject: Mapping[str, Any],
    *,
    event_id: str,
    occurred_at: datetime,
    agent: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
) -> Json:
    """Return the whole body of a webhook, as JSON values: `{"event": {…}}`.

    Args:
        event_type: Any documented one, `incident.annotated` for one.
        subject: The incident or service as the REST API has it after the event (before, when it is deleted).
        event_id: Unique; notes, tasks and the like get ids made from it.
        occurred_at: Aware UTC.
        agent: Reference to who did it; None: nobody, as of an automation.
        data: Keys of `data` that take the place of those made.

    Raises:
        KeyError: There is no such event type.
    """
    made = BUILDERS[DATA_TYPES[event_type]](subject, event_type, event_id)
    resource_type = event_type.partition(".")[0]
    return _envelope(event_type, resource_type, event_id, occurred_at, agent, {**made, **(data or {})})


def build_ping(event_id: str, occurred_at: datetime) -> Json:
    """Return the body of the webhook that a ping sends. Source: PagerDuty Webhooks V3, Event Types."""
    data = {"message": "Hello from your friend Pagey!", "type": "ping"}
    return _envelope(PING, "pagey", event_id, occurred_at, None, data)


def _envelope(
    event_type: str,
    resource_type: str,
    event_id: str,
    occurred_at: datetime,
    agent: Mapping[str, Any] | None,
    data: Json,
) -> Json:
    at = occurred_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "event": {
            "id": event_id,
            "event_type": event_type,
            "resource_type": resource_type,
            "occurred_at": at,
            "agent": None if agent is None else dict(agent),
            "client": None,
            "data": data,
        }
    }


def _incident(incident: Mapping[str, Any], _event_type: str, _event_id: str) -> Json:
    return {
        "id": incident["id"],
        "type": "incident",
        "self": incident.get("self"),
        "html_url": incident.get("html_url"),
        "number": incident.get("incident_number"),
        "status": incident.get("status"),
        "incident_key": incident.get("incident_key"),
        "created_at": incident.get("created_at"),
        "title": incident.get("title"),
        "incident_type": incident.get("incident_type"),
        "service": _reference(incident.get("service")),
        "assignees": [_reference(row.get("assignee")) for row in incident.get("assignments") or ()],
        "escalation_policy": _reference(incident.get("escalation_policy")),
        "teams": [_reference(team) for team in incident.get("teams") or ()],
        "priority": _reference(incident.get("priority")),
        "urgency": incident.get("urgency"),
        "conference_bridge": incident.get("conference_bridge"),
        "resolve_reason": incident.get("resolve_reason"),
    }


def _note(incident: Mapping[str, Any], _event_type: str, event_id: str) -> Json:
    return {
        "incident": reference_to(incident),
        "id": _made_id(event_id, "note"),
        "content": "I sure am glad somebody looks at this.",
        "trimmed": False,
        "type": "incident_note",
    }


def _status_update(incident: Mapping[str, Any], _event_type: str, event_id: str) -> Json:
    return {
        "incident": reference_to(incident),
        "id": _made_id(event_id, "status update"),
        "message": "A fix for this incident is being made",
        "trimmed": False,
        "type": "incident_status_update",
    }


def _responder(incident: Mapping[str, Any], event_type: str, event_id: str) -> Json:
    """Has no id of its own. Source: PagerDuty Webhooks V3, Event Data Types."""
    is_reply = event_type == "incident.responder.replied"
    user_id = _made_id(event_id, "user")
    return {
        "incident": reference_to(incident),
        "user": _made_reference("user", "users", user_id, "Maeve"),
        "escalation_policy": None if is_reply else _reference(incident.get("escalation_policy")),
        "message": "Please help with this incident",
        "state": "accepted" if is_reply else "pending",
        "type": "incident_responder",
    }


def _conference_bridge(incident: Mapping[str, Any], _event_type: str, _event_id: str) -> Json:
    bridge = incident.get("conference_bridge") or {}
    number = bridge.get("conference_number")
    return {
        "incident": reference_to(incident),
        "conference_numbers": [] if number is None else [{"label": "", "number": number}],
        "conference_url": bridge.get("conference_url"),
        "type": "incident_conference_bridge",
    }


def _field_values(subject: Mapping[str, Any], event_type: str, event_id: str) -> Json:
    """The reference has no summary. Source: PagerDuty Webhooks V3, Event Data Types."""
    name = event_type.partition(".")[0]
    value = {
        "data_type": "string",
        "field_type": "single_value",
        "id": _made_id(event_id, "field"),
        "name": "environment",
        **({"namespace": "incidents"} if name == "incident" else {}),
        "type": "field_value",
    }
    return {
        name: {**reference_to(subject), "summary": None},
        "custom_fields": [{**value, "value": "production"}],
        "changed_custom_fields": [{**value, "value": "staging"}],
        "type": f"{name}_field_values",
    }


def _role_assignment(incident: Mapping[str, Any], _event_type: str, event_id: str) -> Json:
    """Neither `data` nor anything at its top names the incident: each assignment does."""
    assignment = {
        "assignee": _made_reference("user", "users", _made_id(event_id, "user"), "Maeve"),
        "id": str(uuid.UUID(hashlib.sha256(event_id.encode()).hexdigest()[:32])),
        "incident": {**reference_to(incident), "summary": None},
        "old_assignee": None,
        "role": {
            "id": _made_id(event_id, "role"),
            "summary": "Incident commander",
            "type": "role_reference",
        },
        "status": "active",
        "type": "role_assignment_reference",
    }
    return {"type": "incident_role_assignment", "incident_role_assignments": [assignment]}


def _task(incident: Mapping[str, Any], event_type: str, event_id: str) -> Json:
    return {
        "name": "Tell the customers",
        "description": "A line on the status page will do.",
        "id": _made_id(event_id, "task"),
        "summary": "Tell the customers",
        "type": "incident_task",
        "status": "completed" if event_type == "incident.task.completed" else "todo",
        "assignees": [],
        "incident": {**reference_to(incident), "summary": None},
    }


def _workflow_instance(incident: Mapping[str, Any], _event_type: str, event_id: str) -> Json:
    workflow_id = _made_id(event_id, "workflow")
    return {
        "id": _made_id(event_id, "workflow instance"),
        "type": "incident_workflow_instance",
        "summary": "Major incident",
        "incident_workflow": _made_reference(
            "incident_workflow", "incident_workflows", workflow_id, "Major incident"
        ),
        "workflow_trigger": None,
        "incident": reference_to(incident),
        "service": _reference(incident.get("service")),
    }


def _action_invocation(incident: Mapping[str, Any], event_type: str, event_id: str) -> Json:
    """Its id is that of the invocation, 26 characters. Source: PagerDuty Webhooks V3, Event Data Types."""
    invocation_id = _made_id(event_id, "invocation", length=26)
    action_id = _made_id(event_id, "action", length=26)
    return {
        "id": invocation_id,
        "self": f"{API}/automation/invocations/{invocation_id}",
        "html_url": f"{SITE}/rundeck-actions/actions/{action_id}/invocations/{invocation_id}/report",
        "incident": reference_to(incident),
        "action": _made_reference("action", "automation/actions", action_id, "Restart it"),
        "state": event_type.rpartition(".")[2],
        "type": "incident_action_invocation",
    }


def _service(service: Mapping[str, Any], _event_type: str, _event_id: str) -> Json:
    """Source: PagerDuty Webhooks V3, Event Data Types: no name, no status, no escalation policy."""
    return {
        "html_url": service.get("html_url"),
        "id": service["id"],
        "self": service.get("self"),
        "summary": service.get("summary"),
        "alert_creation": service.get("alert_creation"),
        "teams": [_reference(team) for team in service.get("teams") or ()],
        "type": "service",
    }


def _reference(value: Mapping[str, Any] | None) -> Json | None:
    """Return the reference to what is held as an object or as a reference already."""
    if value is None:
        return None
    if str(value.get("type", "")).endswith("_reference"):
        return {key: value.get(key) for key in REFERENCE_KEYS}
    return reference_to(value)


def _made_reference(name: str, path: str, object_id: str, summary: str) -> Json:
    return {
        "html_url": f"{SITE}/{path}/{object_id}",
        "id": object_id,
        "self": f"{API}/{path}/{object_id}",
        "summary": summary,
        "type": f"{name}_reference",
    }


def _made_id(event_id: str, what: str, length: int = 7) -> str:
    digest = hashlib.sha256(f"{what} of {event_id}".encode()).hexdigest().upper()
    return ("P" + digest)[:length]


Builder = Callable[[Mapping[str, Any], str, str], Json]
BUILDERS: Mapping[str, Builder] = {
    "incident": _incident,
    "incident_note": _note,
    "incident_status_update": _status_update,
    "incident_responder": _responder,
    "incident_conference_bridge": _conference_bridge,
    "incident_field_values": _field_values,
    "incident_role_assignment": _role_assignment,
    "incident_task": _task,
    "incident_workflow_instance": _workflow_instance,
    "incident_action_invocation": _action_invocation,
    "service": _service,
    "service_field_values": _field_values,
}
