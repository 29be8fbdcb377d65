"""Holds the blueprints of a PagerDuty catalog, for the demo and for tests.

They have the shape that Port's page on PagerDuty teaches: incidents relate to services, to many of them in
the words of the page although an incident has one; on-calls relate to schedules and escalation policies.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def _text(title: str, **more: object) -> dict[str, object]:
    return {"title": title, "type": "string", **more}


def _url(title: str) -> dict[str, object]:
    return _text(title, format="url")


def _instant(title: str) -> dict[str, object]:
    return _text(title, format="date-time")


def _number(title: str) -> dict[str, object]:
    return {"title": title, "type": "number"}


def _list(title: str, items: Mapping[str, object] | None = None) -> dict[str, object]:
    return {"title": title, "type": "array"} | ({} if items is None else {"items": dict(items)})


def _relation(title: str, target: str, *, many: bool = False) -> dict[str, object]:
    return {"title": title, "target": target, "required": False, "many": many}


def _blueprint(
    identifier: str,
    title: str,
    properties: Mapping[str, object],
    relations: Mapping[str, object] | None = None,
    icon: str = "pagerduty",
) -> Mapping[str, Any]:
    return {
        "identifier": identifier,
        "title": title,
        "icon": icon,
        "schema": {"properties": dict(properties), "required": []},
        "mirrorProperties": {},
        "calculationProperties": {},
        "aggregationProperties": {},
        "relations": dict(relations or {}),
    }


_EMAILS = {"type": "string", "format": "email"}
_USERS = {"type": "string", "format": "user"}

DEMO_BLUEPRINTS: tuple[Mapping[str, Any], ...] = (
    _blueprint("pagerdutyTeam", "PagerDuty Team", {"url": _url("URL"), "description": _text("Description")}),
    _blueprint(
        "pagerdutyUser",
        "PagerDuty User",
        {
            "url": _url("URL"),
            "email": _text("Email", format="user"),
            "role": _text(
                "Role",
                enum=[
                    "admin",
                    "user",
                    "observer",
                    "limited_user",
                    "owner",
                    "read_only_user",
                    "restricted_access",
                    "read_only_limited_user",
                ],
            ),
            "job_title": _text("Job title"),
            "time_zone": _text("Time zone"),
            "description": _text("Description"),
            "teams": _list("Teams"),
            "contact_methods": _list("Contact methods"),
        },
    ),
    _blueprint(
        "pagerdutySchedule",
        "PagerDuty Schedule",
        {
            "url": _url("Schedule URL"),
            "timezone": _text("Timezone"),
            "description": _text("Description"),
            "users": _list("Users"),
        },
    ),
    _blueprint(
        "pagerdutyEscalationPolicy",
        "PagerDuty Escalation Policy",
        {
            "url": _url("URL"),
            "summary": _text("Summary"),
            "primaryOncall": _text("Primary on-call", format="user"),
            "escalationRules": _list("Escalation rules", {"type": "object"}),
        },
    ),
    _blueprint(
        "pagerdutyService",
        "PagerDuty Service",
        {
            "status": _text("Status"),
            "url": _url("URL"),
            "oncall": _list("On call", _EMAILS),
            "escalationLevels": _number("Escalation levels"),
            "meanSecondsToResolve": _number("Mean seconds to resolve"),
            "meanSecondsToFirstAck": _number("Mean seconds to first acknowledge"),
            "meanSecondsToEngage": _number("Mean seconds to engage"),
        },
    ),
    _blueprint(
        "pagerdutyIncident",
        "PagerDuty Incident",
        {
            "status": _text(
                "Incident status",
                enum=[
                    "triggered",
                    "annotated",
                    "acknowledged",
                    "reassigned",
                    "escalated",
                    "reopened",
                    "resolved",
                ],
            ),
            "url": _url("Incident URL"),
            "urgency": _text("Incident urgency", enum=["high", "low"]),
            "priority": _text("Priority"),
            "description": _text("Description"),
            "responder": _text("Assignee"),
            "assignees": _list("Assignees", _USERS),
            "escalation_policy": _text("Escalation policy"),
            "created_at": _instant("Created at"),
            "updated_at": _instant("Updated at"),
        },
        {"pagerdutyService": _relation("PagerDuty Service", "pagerdutyService", many=True)},
    ),
    _blueprint(
        "pagerdutyOncall",
        "PagerDuty On-call",
        {
            "user": _text("User", format="user"),
            "startDate": _instant("Start"),
            "endDate": _instant("End"),
            "url": _url("URL"),
        },
        {
            "pagerdutySchedule": _relation("PagerDuty Schedule", "pagerdutySchedule", many=True),
            "pagerdutyEscalationPolicy": _relation("Escalation policy", "pagerdutyEscalationPolicy"),
        },
    ),
    _blueprint(
        "service",
        "Service",
        {
            "language": _text("Language"),
            "tier": _text("Tier", enum=["1", "2", "3"]),
            "url": _url("URL"),
        },
        {"pagerduty_service": _relation("PagerDuty Service", "pagerdutyService")},
        icon="Microservice",
    ),
)
"""Each relation's target comes first, so that `POST /v1/blueprints` takes them in this order."""
