"""Analytics answers about incidents from what is held, for the two POST requests and the single GET.

Source: PagerDuty REST API, Analytics: get raw data of incidents, get aggregated metrics of services.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from statistics import fmean
from typing import Any

import orjson

from simulators.pagerduty.refusals import invalid_input
from simulators.pagerduty.store import moment

FILTERS: Mapping[str, type] = {
    "created_at_start": str,
    "created_at_end": str,
    "updated_after": str,
    "urgency": str,
    "major": bool,
    "team_ids": list,
    "service_ids": list,
    "priority_ids": list,
    "priority_names": list,
    "incident_type_ids": list,
}
TIMES = ("created_at_start", "created_at_end", "updated_after")
RAW_KEYS: Mapping[str, type] = {
    "filters": dict,
    "limit": int,
    "order": str,
    "order_by": str,
    "starting_after": str,
    "ending_before": str,
    "time_zone": str,
}
METRIC_KEYS: Mapping[str, type] = {
    "filters": dict,
    "aggregate_unit": str,
    "order": str,
    "order_by": str,
    "time_zone": str,
}
CHOICES: Mapping[str, tuple[str, ...]] = {
    "order": ("asc", "desc"),
    "aggregate_unit": ("day", "week", "month"),
    "urgency": ("high", "low"),
}
CURSORS = frozenset({"starting_after", "ending_before"})
"""A null stands for the first page. Source: port-labs/ocean, integrations/pagerduty, which sends it."""
RAW_ORDERS = ("created_at", "seconds_to_resolve")
MAX_ROWS = 1000
DEFAULT_ROWS = 100
Row = Mapping[str, Any]


def read_body(body: bytes, accepted: Mapping[str, type]) -> dict[str, Any]:
    """Read the body of an analytics request.

    Raises:
        RefusedError: 400, it is not a JSON object, or has a key or a value that the operation does not take.
    """
    try:
        value = orjson.loads(body)
    except ValueError:
        raise invalid_input("The body is not JSON.") from None
    if not isinstance(value, dict):
        raise invalid_input("The body must be an object.")
    for cursor in CURSORS & value.keys():
        if value[cursor] is None:
            del value[cursor]
    _check_keys(value, accepted, "")
    filters = value.setdefault("filters", {})
    _check_keys(filters, FILTERS, "filters.")
    for name in TIMES:
        if name in filters:
            _check_time(name, filters[name])
    if not 1 <= value.get("limit", DEFAULT_ROWS) <= MAX_ROWS:
        raise invalid_input("limit must be between 1 and 1000.")
    if "starting_after" in value and "ending_before" in value:
        raise invalid_input("starting_after and ending_before cannot be used together.")
    return value


def _check_keys(value: Mapping[str, Any], accepted: Mapping[str, type], prefix: str) -> None:
    for name, part in value.items():
        if name not in accepted:
            raise invalid_input(f"{prefix}{name} is not a parameter of this operation.")
        is_flag_for_number = accepted[name] is int and isinstance(part, bool)
        if not isinstance(part, accepted[name]) or is_flag_for_number:
            raise invalid_input(f"{prefix}{name} has the wrong type.")
        if name in CHOICES and part not in CHOICES[name]:
            raise invalid_input(f"{prefix}{name} must be one of: {', '.join(CHOICES[name])}.")


def _check_time(name: str, text: str) -> None:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise invalid_input(f"filters.{name} is invalid.") from None


def raw_incidents(incidents: Iterable[Row], asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return a page of the raw data of incidents.

    Raises:
        RefusedError: 400, an order or a cursor is unknown.
    """
    order_by, order = asked.get("order_by", "created_at"), asked.get("order", "desc")
    if order_by not in RAW_ORDERS:
        raise invalid_input("order_by must be one of: created_at, seconds_to_resolve.")
    rows = [raw_incident(incident) for incident in incidents if _passes(incident, asked["filters"])]
    rows.sort(key=lambda row: (row[order_by] is None, row[order_by] or 0, row["id"]), reverse=order == "desc")
    limit = asked.get("limit", DEFAULT_ROWS)
    start = _place(rows, asked.get("starting_after"), 1) if "starting_after" in asked else 0
    if "ending_before" in asked:
        start = max(0, _place(rows, asked["ending_before"], 0) - limit)
    page = rows[start : start + limit]
    return {
        "first": page[0]["id"] if page else None,
        "last": page[-1]["id"] if page else None,
        "limit": limit,
        "more": start + limit < len(rows),
        "order": order,
        "order_by": order_by,
        "filters": asked["filters"],
        "time_zone": asked.get("time_zone", "Etc/UTC"),
        "data": page,
    }


def _place(rows: list[dict[str, Any]], row_id: str | None, step: int) -> int:
    for place, row in enumerate(rows):
        if row["id"] == row_id:
            return place + step
    raise invalid_input("The cursor is invalid.")


def raw_incident(incident: Row) -> dict[str, Any]:
    """Return the analytics of one incident; `created_at` has no zone there, as in the real service."""
    created_at, resolved_at = moment(incident["created_at"]), moment(incident.get("resolved_at"))
    acknowledged = [moment(part["at"]) for part in incident.get("acknowledgements") or ()]
    first_ack_at = min((at for at in acknowledged if at is not None), default=None)
    priority, service, policy = (
        incident.get("priority"),
        incident["service"],
        incident.get("escalation_policy"),
    )
    teams = incident.get("teams") or []
    assignees = [part["assignee"] for part in incident.get("assignments") or ()]
    return {
        "id": incident["id"],
        "incident_number": incident["incident_number"],
        "description": incident["title"],
        "created_at": _plain(incident["created_at"]),
        "updated_at": _plain(incident.get("updated_at")),
        "resolved_at": _plain(incident.get("resolved_at")),
        "status": incident["status"],
        "urgency": incident["urgency"],
        "major": False,
        "auto_resolved": False,
        "priority_id": priority["id"] if priority else None,
        "priority_name": priority["summary"] if priority else None,
        "priority_order": priority.get("order") if priority else None,
        "service_id": service["id"],
        "service_name": service.get("summary"),
        "team_id": teams[0]["id"] if teams else None,
        "team_name": teams[0].get("summary") if teams else None,
        "escalation_policy_id": policy["id"] if policy else None,
        "escalation_policy_name": policy.get("summary") if policy else None,
        "seconds_to_first_ack": _seconds(created_at, first_ack_at),
        "seconds_to_engage": _seconds(created_at, first_ack_at),
        "seconds_to_mobilize": _seconds(created_at, first_ack_at),
        "seconds_to_resolve": _seconds(created_at, resolved_at),
        "snoozed_seconds": 0,
        "engaged_seconds": _seconds(first_ack_at, resolved_at) or 0,
        "engaged_user_count": len(acknowledged),
        "total_interruptions": 1 if incident["urgency"] == "high" else 0,
        "business_hour_interruptions": 0,
        "off_hour_interruptions": 0,
        "sleep_hour_interruptions": 0,
        "acknowledgement_count": len(acknowledged),
        "assignment_count": max(1, len(assignees)),
        "reassignment_count": 0,
        "escalation_count": 0,
        "assigned_user_ids": [user["id"] for user in assignees],
        "assigned_user_names": [user.get("summary") for user in assignees],
    }


def service_metrics(incidents: Iterable[Row], asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return metrics per service; a service without data is simply not there."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for incident in incidents:
        if _passes(incident, asked["filters"]):
            row = raw_incident(incident)
            groups.setdefault(row["service_id"], []).append(row)
    data = [_metrics(service_id, rows) for service_id, rows in groups.items()]
    order_by = asked.get("order_by", "total_incident_count")
    if data and order_by not in data[0]:
        raise invalid_input("order_by is not a metric.")
    data.sort(
        key=lambda row: (row[order_by] or 0, row["service_id"]), reverse=asked.get("order", "desc") == "desc"
    )
    return {
        "filters": asked["filters"],
        "aggregate_unit": asked.get("aggregate_unit"),
        "order": asked.get("order", "desc"),
        "order_by": order_by,
        "time_zone": asked.get("time_zone", "Etc/UTC"),
        "data": data,
    }


def _metrics(service_id: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    def mean(name: str) -> int | None:
        values = [row[name] for row in rows if row[name] is not None]
        return round(fmean(values)) if values else None

    return {
        "service_id": service_id,
        "service_name": rows[0]["service_name"],
        "team_id": rows[0]["team_id"],
        "team_name": rows[0]["team_name"],
        "total_incident_count": len(rows),
        "total_interruptions": sum(row["total_interruptions"] for row in rows),
        "total_escalation_count": 0,
        "mean_assignment_count": mean("assignment_count"),
        "mean_seconds_to_resolve": mean("seconds_to_resolve"),
        "mean_seconds_to_first_ack": mean("seconds_to_first_ack"),
        "mean_seconds_to_engage": mean("seconds_to_engage"),
        "mean_seconds_to_mobilize": mean("seconds_to_mobilize"),
        "range_start": min(row["created_at"] for row in rows),
        "up_time_pct": 100.0,
    }


def _passes(incident: Row, filters: Mapping[str, Any]) -> bool:
    created_at = _at(incident["created_at"])
    updated_at = _at(incident.get("updated_at") or incident["created_at"])
    priority = incident.get("priority") or {}
    checks: Mapping[str, Callable[[Any], bool]] = {
        "created_at_start": lambda wanted: created_at >= _at(wanted),
        "created_at_end": lambda wanted: created_at < _at(wanted),
        "updated_after": lambda wanted: updated_at > _at(wanted),
        "urgency": lambda wanted: incident["urgency"] == wanted,
        "major": lambda wanted: wanted is False,
        "team_ids": lambda wanted: any(team["id"] in wanted for team in incident.get("teams") or ()),
        "service_ids": lambda wanted: incident["service"]["id"] in wanted,
        "priority_ids": lambda wanted: priority.get("id") in wanted,
        "priority_names": lambda wanted: priority.get("summary") in wanted,
        "incident_type_ids": lambda wanted: (incident.get("incident_type") or {}).get("name") in wanted,
    }
    return all(checks[name](wanted) for name, wanted in filters.items())


def _at(text: str) -> datetime:
    read = datetime.fromisoformat(text)
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _seconds(start: datetime | None, end: datetime | None) -> int | None:
    return None if start is None or end is None else (end - start) // timedelta(seconds=1)


def _plain(text: str | None) -> str | None:
    return None if text is None else text.removesuffix("Z")
