"""The table of event types says what kind of data each carries, and about what kind of object it is.

Source: PagerDuty Webhooks V3, Event Types.
"""

from collections.abc import Mapping

PING = "pagey.ping"
_INCIDENT_DATA: Mapping[str, str] = {
    "incident": (
        "triggered acknowledged unacknowledged resolved reopened escalated delegated reassigned "
        "priority_updated service_updated incident_type.changed"
    ),
    "incident_note": "annotated",
    "incident_status_update": "status_update_published",
    "incident_responder": "responder.added responder.replied",
    "incident_conference_bridge": "conference_bridge.updated",
    "incident_field_values": "custom_field_values.updated",
    "incident_role_assignment": "role.assigned",
    "incident_task": "task.created task.updated task.completed",
    "incident_workflow_instance": "workflow.started workflow.completed",
    "incident_action_invocation": (
        "action_invocation.created action_invocation.updated action_invocation.terminated"
    ),
}
_SERVICE_DATA: Mapping[str, str] = {
    "service": "created updated deleted",
    "service_field_values": "custom_field_values.updated",
}
DATA_TYPES: Mapping[str, str] = {
    **{f"incident.{name}": data for data, names in _INCIDENT_DATA.items() for name in names.split()},
    **{f"service.{name}": data for data, names in _SERVICE_DATA.items() for name in names.split()},
}
"""Every event type that can be subscribed to, with the type of its data."""


def kind_of_event(event_type: str) -> str:
    """Return the kind of the object that an event is about: `incidents` or `services`."""
    return "incidents" if event_type.startswith("incident.") else "services"
