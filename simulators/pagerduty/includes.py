"""Includes turn references into whole objects, and show fields that are otherwise left out.

Source: PagerDuty REST API, Includes and References.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from simulators.pagerduty.subscription_view import shown as shown_subscription

Find = Callable[[Mapping[str, Any]], dict[str, Any] | None]
Place = tuple[str, ...]
"""Where references are in an object: names of fields, through lists."""
Json: TypeAlias = Any  # foreign JSON stays what it is

INCIDENT_PLACES: Mapping[str, tuple[Place, ...]] = {
    "acknowledgers": (("acknowledgements", "acknowledger"),),
    "agents": (("last_status_change_by",),),
    "assignees": (("assignments", "assignee"),),
    "escalation_policies": (("escalation_policy",),),
    "first_trigger_log_entries": (("first_trigger_log_entry",),),
    "priorities": (("priority",),),
    "services": (("service",),),
    "teams": (("teams",),),
    "users": (("assignments", "assignee"), ("acknowledgements", "acknowledger")),
}
LOG_ENTRY_PLACES: Mapping[str, tuple[Place, ...]] = {
    "incidents": (("incident",),),
    "services": (("service",),),
    "teams": (("teams",),),
}
PLACES: Mapping[str, Mapping[str, tuple[Place, ...]]] = {
    "addons": {"services": (("services",),)},
    "escalation_policies": {
        "services": (("services",),),
        "teams": (("teams",),),
        "targets": (("escalation_rules", "targets"),),
    },
    "extensions": {
        "extension_objects": (("extension_objects",),),
        "extension_schemas": (("extension_schema",),),
    },
    "incidents": INCIDENT_PLACES,
    "incidents/{id}/alerts": {
        "services": (("service",),),
        "first_trigger_log_entries": (("first_trigger_log_entry",),),
        "incidents": (("incident",),),
    },
    "incidents/{id}/log_entries": LOG_ENTRY_PLACES,
    "log_entries": LOG_ENTRY_PLACES,
    "maintenance_windows": {
        "teams": (("teams",),),
        "services": (("services",),),
        "users": (("created_by",),),
    },
    "notifications": {"users": (("user",),)},
    "oncalls": {
        "escalation_policies": (("escalation_policy",),),
        "users": (("user",),),
        "schedules": (("schedule",),),
    },
    "services": {
        "escalation_policies": (("escalation_policy",),),
        "teams": (("teams",),),
        "integrations": (("integrations",),),
    },
    "teams/{id}/members": {"users": (("user",),)},
    "users": {
        "contact_methods": (("contact_methods",),),
        "notification_rules": (("notification_rules",),),
        "teams": (("teams",),),
    },
    "users/{id}/notification_rules": {"contact_methods": (("contact_method",),)},
    "users/{id}/status_update_notification_rules": {"contact_methods": (("contact_method",),)},
}

# Fields that a row has only when asked for; `final_schedule` and `overrides_subschedule` not even then.
# Source: PagerDuty REST API, List schedules; PagerDuty/api-schema, issue 430.
ONLY_INCLUDED: Mapping[str, Mapping[str, str]] = {
    "incident_workflows": {"steps": "steps"},
    "incidents": {
        "conference_bridge": "conference_bridge",
        "body": "body",
        "custom_fields": "custom_fields",
    },
    "schedules": {
        "schedule_layers": "schedule_layers",
        "final_schedule": "",
        "overrides_subschedule": "",
    },
    "services": {"auto_pause_notifications_parameters": "auto_pause_notifications_parameters"},
    "teams": {"privileges": "privileges"},
    "users": {"http_cal_url": "calendar_urls", "web_cal_url": "calendar_urls", "subdomains": "subdomains"},
}


def render(template: str, value: Json, include: tuple[str, ...], find: Find) -> Json:
    """Return an object of a list as it is answered.

    Args:
        template: Kind of the list, with `{id}` where it is nested.
        value: The object as held; not changed.
        include: Values of `include[]`.
        find: Gives the target of a reference. One without a target stays a reference.
    """
    if template == "webhook_subscriptions":
        return shown_subscription(value, is_listed=True)
    if template == "v3/schedules":
        return reference_to(value, "schedule_v3_reference")
    hidden = ONLY_INCLUDED.get(template, {})
    if not isinstance(value, dict) or not (include or hidden):
        return value
    shown = {name: part for name, part in value.items() if name not in hidden or hidden[name] in include}
    places = PLACES.get(template, {})
    for name in include:
        for place in places.get(name, ()):
            shown = _expand(shown, place, find)
    if template == "escalation_policies" and "escalation_rule_assignment_strategies" in include:
        strategy = {"escalation_rule_assignment_strategy": {"type": "assign_to_everyone"}}
        shown["escalation_rules"] = [{**strategy, **rule} for rule in shown.get("escalation_rules", [])]
    return shown


def _expand(value: Json, place: Place, find: Find) -> Json:
    if isinstance(value, list):
        return [_expand(part, place, find) for part in value]
    if not isinstance(value, dict):
        return value
    if not place:
        target = find(value) if str(value.get("type", "")).endswith("_reference") else None
        return value if target is None else target
    if place[0] not in value:
        return value
    return {**value, place[0]: _expand(value[place[0]], place[1:], find)}


def reference_to(value: Mapping[str, Any], type_name: str | None = None) -> dict[str, Any]:
    """Return a reference to an object. Source: PagerDuty REST API, References."""
    return {
        "id": value["id"],
        "type": type_name or f"{value['type']}_reference",
        "summary": value.get("summary", value.get("name")),
        "self": value.get("self"),
        "html_url": value.get("html_url"),
    }
