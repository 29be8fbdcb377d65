"""Derived rows are nested lists that follow from other objects held: a team's members, a user's contacts.

A nested list that is held itself (`teams/PABC123/members`) goes before what would be derived.
"""

from collections.abc import Callable, Mapping
from typing import Any

from simulators.pagerduty.includes import reference_to
from simulators.pagerduty.store import Store

Rows = dict[str, Any]
Derive = Callable[[Store, str], Rows]

# Lists of custom fields whose values an object has. Source: PagerDuty REST API, Custom fields.
SERVICE_FIELDS = "services/custom_fields"
INCIDENT_FIELDS = "incidents/types/incident_default/custom_fields"


def derive(template: str, parent_id: str, store: Store) -> Rows:
    """Return the rows of a nested list of one parent by key; none where nothing is known to follow."""
    maker = MAKERS.get(template)
    return {} if maker is None else maker(store, parent_id)


def _targets_of(kind: str, field: str) -> Derive:
    """Make a list of the objects that one field of the parent refers to."""

    def rows(store: Store, parent_id: str) -> Rows:
        references = store.rows(kind)[parent_id].get(field) or []
        return {reference["id"]: store.find(reference) or reference for reference in references}

    return rows


def _naming_parent(kind: str, field: str) -> Derive:
    """Make a list of the objects of a kind that refer to the parent."""

    def rows(store: Store, parent_id: str) -> Rows:
        found = {}
        for key, row in store.rows(kind).items():
            part = row.get(field)
            parts = part if isinstance(part, list) else [part]
            if any(reference is not None and reference["id"] == parent_id for reference in parts):
                found[key] = row
        return found

    return rows


def _members(store: Store, team_id: str) -> Rows:
    """Rows have no id. Source: PagerDuty REST API, List members of a team: `{user, role}`."""
    members = _naming_parent("users", "teams")(store, team_id)
    return {key: {"user": reference_to(user), "role": "responder"} for key, user in members.items()}


def _unset_values(fields_kind: str) -> Derive:
    def rows(store: Store, _: str) -> Rows:
        return {key: field_value(field, None) for key, field in store.rows(fields_kind).items()}

    return rows


def field_value(field: Mapping[str, Any], value: object) -> dict[str, Any]:
    """Return the value of a custom field on one object. Source: PagerDuty REST API, Custom fields."""
    names = ("id", "name", "display_name", "description", "data_type", "field_type")
    return {**{name: field.get(name) for name in names}, "type": "field_value", "value": value}


MAKERS: Mapping[str, Derive] = {
    "incidents/{id}/custom_fields/values": _unset_values(INCIDENT_FIELDS),
    "incidents/{id}/log_entries": _naming_parent("log_entries", "incident"),
    "schedules/{id}/users": _targets_of("schedules", "users"),
    "services/{id}/change_events": _naming_parent("change_events", "services"),
    "services/{id}/custom_fields/values": _unset_values(SERVICE_FIELDS),
    "services/{id}/integrations": _targets_of("services", "integrations"),
    "teams/{id}/members": _members,
    "users/{id}/contact_methods": _targets_of("users", "contact_methods"),
    "users/{id}/notification_rules": _targets_of("users", "notification_rules"),
}
