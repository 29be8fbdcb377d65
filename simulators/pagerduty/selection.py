"""Selection answers which rows of a list a request is about, and in which order."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from simulators.pagerduty.parameters import Value
from simulators.pagerduty.refusals import invalid_input
from simulators.pagerduty.resource import Resource
from simulators.pagerduty.store import Store, moment
from simulators.pagerduty.windows import TIME_FIELDS, Window, resolve_window

Row = Mapping[str, Any]
Test = Callable[[Row, Any], bool]
Order = tuple[tuple[str, bool], ...]
"""Fields to sort by, each with whether it is descending."""

# Parameters of paging, of looks and of time: they do not test single rows.
NOT_TESTS = frozenset(
    {"limit", "offset", "total", "cursor", "after", "before", "include[]", "sort_by"}
    | {"since", "until", "time_zone", "date_range", "earliest", "editable", "overflow", "is_overview"}
    | {"additional_details[]", "additional_fields[]", "include_deprecated", "include_next_oncall_for_user"}
    | {"method_truncated_token"}
)
INCIDENT_SORT_FIELDS = frozenset({"incident_number", "created_at", "resolved_at", "urgency"})
MAX_SORT_FIELDS = 2  # Source: PagerDuty REST API, List incidents
ALWAYS = datetime.min.replace(tzinfo=UTC)
FOR_EVER = datetime.max.replace(tzinfo=UTC)


def select(
    resource: Resource, kind: str, values: Mapping[str, Value], store: Store, now: datetime
) -> tuple[str, ...]:
    """Return the keys of the rows that a request asks for, in order, before paging.

    Args:
        resource: The list.
        kind: The kind that its rows are held under.
        values: The parameters of the request.
        store: What is held.
        now: Time of the request.

    Raises:
        RefusedError: 400, the window or the order is not one that the list takes.
    """
    template = resource.kind
    window = resolve_window(template, values, now)
    order = read_order(template, values.get("sort_by"))
    tests = {name: value for name, value in values.items() if name not in NOT_TESTS}
    if template == "incidents/types":
        tests.setdefault("filter", "enabled")
    earliest = values.get("earliest") is True
    # `filter` compares with the clock, so its outcome is good for this request only.
    key = (kind, window, order, earliest, tuple(sorted(tests.items())), now if "filter" in tests else None)
    known = store.selection(key)
    if known is None:
        rows = store.rows(kind)
        keys = _within(template, kind, window, store)
        for name, value in tests.items():
            test = _test(template, name, now)
            keys = [row_key for row_key in keys if test(rows[row_key], value)]
        if earliest:
            keys = _earliest(keys, rows)
        for field, descending in reversed(order):
            keys = _sorted(keys, rows, field, descending=descending)
        known = tuple(keys)
        store.keep_selection(key, known)
    return known


def read_order(template: str, text: Value | None) -> Order:
    """Read `sort_by`; incidents are listed by creation when it is not sent.

    Raises:
        RefusedError: 400, a field or a direction is unknown, or there are more than two fields.
    """
    if not isinstance(text, str):
        return (("created_at", False), ("incident_number", False)) if template == "incidents" else ()
    order = []
    for part in text.split(","):
        field, colon, direction = part.partition(":")
        if colon and direction not in {"asc", "desc"}:
            raise invalid_input("sort_by has an unknown direction.")
        if template == "incidents" and field not in INCIDENT_SORT_FIELDS:
            raise invalid_input("sort_by has an unknown field.")
        order.append((field, direction == "desc"))
    if len(order) > MAX_SORT_FIELDS:
        raise invalid_input("sort_by takes at most two fields.")
    return tuple(order)


def _within(template: str, kind: str, window: Window, store: Store) -> list[str]:
    since, until = window[0] or ALWAYS, window[1] or FOR_EVER
    if template == "oncalls":
        starts, ends = store.moments(kind, "start"), store.moments(kind, "end")
        return [
            key for key, at in starts.items() if (at or ALWAYS) <= until and (ends[key] or FOR_EVER) >= since
        ]
    field = TIME_FIELDS.get(template)
    if field is None or window == (None, None):
        return list(store.rows(kind))
    moments = store.moments(kind, field)
    return [
        key for key, at in moments.items() if at is not None and since <= at.replace(microsecond=0) <= until
    ]


def _sorted(keys: list[str], rows: Row, field: str, *, descending: bool) -> list[str]:
    """Sort by one field, stable; rows without a value come last when ascending, first when descending."""
    values = {key: rows[key].get(field) for key in keys}
    return sorted(keys, key=lambda key: (values[key] is None, values[key]), reverse=descending)


def _earliest(keys: list[str], rows: Row) -> list[str]:
    """Keep one row for each policy, level and user. Source: PagerDuty REST API, List all of the on-calls."""
    best: dict[tuple[str, int, str], tuple[datetime, str]] = {}
    for key in keys:
        row = rows[key]
        person = (row["escalation_policy"]["id"], row["escalation_level"], row["user"]["id"])
        candidate = (moment(row.get("start")) or ALWAYS, key)
        best[person] = min(best.get(person, candidate), candidate)
    kept = {key for _, key in best.values()}
    return [key for key in keys if key in kept]


def _test(template: str, name: str, now: datetime) -> Test:
    if template == "maintenance_windows" and name == "filter":
        return lambda row, wanted: _window_is(row, wanted, now)
    return TESTS.get((template, name)) or SHARED_TESTS.get(name) or _equals(name)


def _equals(name: str) -> Test:
    """Make the test of a parameter named like a field (`incident_key`) or an object's id (`runner_id`)."""
    field = name.removesuffix("_id")

    def test(row: Row, wanted: object) -> bool:
        held = row.get(name)
        part = row.get(field)
        if held is None and isinstance(part, dict):
            held = part.get("id")
        return bool(held == wanted)

    return test


def _id_in(*fields: str) -> Test:
    """Make a test: one of the objects in these fields (each one object or a list) has one of the ids."""

    def test(row: Row, wanted: tuple[str, ...]) -> bool:
        return any(part.get("id") in wanted for field in fields for part in _objects(row.get(field)))

    return test


def _objects(value: object) -> list[Row]:
    if isinstance(value, list):
        return [part for part in value if isinstance(part, dict)]
    return [value] if isinstance(value, dict) else []


def _query(row: Row, wanted: str) -> bool:
    texts = (row.get(field) for field in ("name", "summary", "email", "label"))
    return any(wanted.lower() in text.lower() for text in texts if isinstance(text, str))


def _assigned_to(row: Row, wanted: tuple[str, ...]) -> bool:
    """Only open incidents have assignees. Source: PagerDuty REST API, List incidents, `user_ids[]`."""
    assignees = [part["assignee"]["id"] for part in row.get("assignments") or ()]
    return row.get("status") != "resolved" and any(user in wanted for user in assignees)


def _policy_names_user(row: Row, wanted: tuple[str, ...]) -> bool:
    return any(target.get("id") in wanted for rule in row["escalation_rules"] for target in rule["targets"])


def _scheduled_on(row: Row, wanted: tuple[str, ...]) -> bool:
    """Permanent on-calls are named by `null`. Source: PagerDuty REST API, List all of the on-calls."""
    schedule = row.get("schedule")
    return ("null" if schedule is None else schedule.get("id")) in wanted


def _window_is(row: Row, wanted: str, now: datetime) -> bool:
    start, end = moment(row.get("start_time")) or ALWAYS, moment(row.get("end_time")) or FOR_EVER
    return {
        "past": end < now,
        "future": start > now,
        "ongoing": start <= now <= end,
        "open": end >= now,
        "all": True,
    }[wanted]


def _root_resource_in(row: Row, wanted: tuple[str, ...]) -> bool:
    """Names are plural (`users`, `escalation_policies`). Source: PagerDuty REST API, Audit Records API."""
    singular = str(row["root_resource"]["type"]).removesuffix("_reference")
    return f"{singular}s" in wanted or f"{singular.removesuffix('y')}ies" in wanted


SHARED_TESTS: Mapping[str, Test] = {
    "query": _query,
    "keyword": _query,
    "workflow_name_contains": _query,
    "team_ids[]": _id_in("teams", "team"),
    "service_ids[]": _id_in("services", "service"),
    "user_ids[]": _id_in("users", "user"),
    "escalation_policy_ids[]": _id_in("escalation_policies", "escalation_policy"),
    "integration_ids[]": _id_in("integration"),
    "statuses[]": lambda row, wanted: row.get("status") in wanted,
    "urgencies[]": lambda row, wanted: row.get("urgency") in wanted,
    "actions[]": lambda row, wanted: row.get("action") in wanted,
    "ids[]": lambda row, wanted: row.get("id") in wanted,
    "root_resource_types[]": _root_resource_in,
}
TESTS: Mapping[tuple[str, str], Test] = {
    ("addons", "filter"): lambda row, wanted: str(row.get("type", "")).startswith(wanted),
    ("escalation_policies", "user_ids[]"): _policy_names_user,
    ("incidents", "user_ids[]"): _assigned_to,
    ("incidents/types", "filter"): lambda row, wanted: (
        wanted == "all" or row.get("enabled") == (wanted == "enabled")
    ),
    ("notifications", "filter"): lambda row, wanted: row.get("type") == wanted,
    ("oncalls", "schedule_ids[]"): _scheduled_on,
    ("webhook_subscriptions", "filter_type"): lambda row, wanted: (
        row["filter"]["type"] == f"{wanted}_reference"
    ),
    ("webhook_subscriptions", "filter_id"): lambda row, wanted: row["filter"].get("id") == wanted,
}
