"""Tests that filters judged on the object give what PagerDuty's own would have given."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.local_filters import LOCAL_PARAMETERS, local_filter, passes
from simulators.pagerduty import resources
from simulators.pagerduty.parameters import read_query
from simulators.pagerduty.selection import select
from simulators.pagerduty.store import Store

NOW = datetime(2026, 6, 1, 12, 0, 0, tzinfo=UTC)


def reference(object_id: str) -> dict[str, Any]:
    return {"id": object_id, "type": "thing_reference", "summary": object_id}


INCIDENT: dict[str, Any] = {
    "id": "PI1",
    "status": "acknowledged",
    "urgency": "high",
    "service": reference("PS1"),
    "teams": [reference("PT1"), reference("PT2")],
    "assignments": [{"at": "…", "assignee": reference("PU1")}],
    "incident_key": "key-1",
    "created_at": "2026-05-01T10:00:00Z",
}


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, True),
        ({"statuses": ["acknowledged", "triggered"]}, True),
        ({"statuses": "acknowledged"}, True),
        ({"statuses": ["resolved"]}, False),
        ({"statuses": []}, True),
        ({"statuses": None}, True),
        ({"urgencies": ["low"]}, False),
        ({"service_ids": ["PS1"]}, True),
        ({"service_ids": ["PS2"]}, False),
        ({"team_ids": ["PT2", "PT9"]}, True),
        ({"team_ids": ["PT9"]}, False),
        ({"user_ids": ["PU1"]}, True),
        ({"user_ids": ["PU2"]}, False),
        ({"incident_key": "key-1"}, True),
        ({"incident_key": "key-2"}, False),
        ({"since": "2026-05-01T10:00:00Z"}, True),
        ({"since": "2026-05-01T12:00:01+02:00"}, False),
        ({"until": "2026-05-01T10:00:00Z"}, True),
        ({"until": "2026-05-01"}, False),
        ({"since": "2026-05-02", "date_range": "all"}, True),
        ({"date_range": "all"}, True),
        ({"include": ["teams"], "sort_by": "created_at", "time_zone": "UTC"}, True),
        ({"statuses": ["acknowledged"], "urgencies": ["low"]}, False),
        ({"statuses": ["acknowledged"], "urgencies": ["high"], "service_ids": ["PS1"]}, True),
    ],
)
def test_incident_is_judged_by_what_it_holds(params: Mapping[str, Any], expected: bool) -> None:
    assert passes("incidents", params, INCIDENT) is expected


@pytest.mark.parametrize(
    ("kind", "params", "held", "expected"),
    [
        ("services", {"team_ids": ["PT1"]}, {"teams": [reference("PT1")]}, True),
        ("services", {"team_ids": ["PT1"]}, {"teams": None}, False),
        ("users", {"team_ids": ["PT1"]}, {"teams": []}, False),
        ("escalation_policies", {"team_ids": ["PT1"]}, {"teams": [reference("PT1")]}, True),
        ("schedules", {"team_ids": ["PT1"]}, {"teams": [reference("PT2")]}, False),
        ("oncalls", {"user_ids": ["PU"]}, {"user": reference("PU")}, True),
        ("oncalls", {"schedule_ids": ["PS"]}, {"schedule": reference("PS")}, True),
        ("oncalls", {"schedule_ids": ["PS"]}, {"schedule": None}, False),
        ("oncalls", {"schedule_ids": ["PS", None]}, {"schedule": None}, True),
        ("oncalls", {"escalation_policy_ids": ["PP"]}, {"escalation_policy": reference("PX")}, False),
        ("oncalls", {"earliest": True}, {}, True),
        ("teams", {"query": "x"}, {}, True),
        ("incidents", {"user_ids": ["PU"]}, {"status": "resolved", "assignments": None}, False),
        ("incidents", {"service_ids": ["PS"]}, {"service": None}, False),
    ],
)
def test_other_kinds_and_missing_parts(kind: str, params: Any, held: Any, expected: bool) -> None:
    assert passes(kind, params, held) is expected


def test_entry_without_filters_needs_no_judge() -> None:
    assert local_filter("incidents", {"include": ["teams"], "statuses": []}) is None
    assert local_filter("vendors", {"query": "x"}) is None


@pytest.mark.parametrize("params", [{"statuses": {"a": 1}}, {"since": "yesterday"}, {"incident_key": ["a"]}])
def test_value_of_another_form_is_refused(params: Any) -> None:
    with pytest.raises(ValueError, match="must be"):
        local_filter("incidents", params)


def refs(*ids: str) -> st.SearchStrategy[dict[str, Any] | None]:
    return st.one_of(st.none(), st.sampled_from(ids).map(reference))


def many(*ids: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.lists(st.sampled_from(ids), unique=True, max_size=2).map(
        lambda found: [reference(i) for i in found]
    )


MOMENTS = st.integers(0, 40).map(lambda hours: (NOW - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ"))
TEAMS = many("PT1", "PT2", "PT3")
OBJECTS: Mapping[str, st.SearchStrategy[dict[str, Any]]] = {
    "incidents": st.fixed_dictionaries(
        {
            "status": st.sampled_from(["triggered", "acknowledged", "resolved"]),
            "urgency": st.sampled_from(["high", "low"]),
            "service": st.sampled_from(["PS1", "PS2"]).map(reference),
            "teams": TEAMS,
            "assignments": many("PU1", "PU2").map(
                lambda users: [{"at": "…", "assignee": user} for user in users]
            ),
            "incident_key": st.one_of(st.none(), st.sampled_from(["key-1", "key-2"])),
            "created_at": MOMENTS,
        }
    ),
    "services": st.fixed_dictionaries({"teams": TEAMS}),
    "users": st.fixed_dictionaries({"teams": TEAMS}),
    "escalation_policies": st.fixed_dictionaries({"teams": TEAMS}),
    "schedules": st.fixed_dictionaries({"teams": TEAMS}),
    "oncalls": st.fixed_dictionaries(
        {
            "user": st.sampled_from(["PU1", "PU2"]).map(reference),
            "schedule": refs("PD1", "PD2"),
            "escalation_policy": st.sampled_from(["PE1", "PE2"]).map(reference),
            "escalation_level": st.just(1),
            "start": st.none(),
            "end": st.none(),
        }
    ),
}


def some(*values: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), unique=True, min_size=1, max_size=2)


FILTERS: Mapping[str, st.SearchStrategy[Any]] = {
    "statuses": some("triggered", "acknowledged", "resolved"),
    "urgencies": some("high", "low"),
    "service_ids": some("PS1", "PS2", "PS3"),
    "team_ids": some("PT1", "PT2", "PT3"),
    "user_ids": some("PU1", "PU2", "PU3"),
    "incident_key": st.sampled_from(["key-1", "key-2", "key-3"]),
    "schedule_ids": some("PD1", "PD2", "null"),
    "escalation_policy_ids": some("PE1", "PE3"),
    "since": MOMENTS,
    "until": MOMENTS,
}


@pytest.mark.parametrize("kind", sorted(LOCAL_PARAMETERS))
@given(data=st.data())
def test_judge_selects_what_the_server_selects(kind: str, data: st.DataObject) -> None:
    rows = data.draw(st.lists(OBJECTS[kind], min_size=1, max_size=5))
    names = data.draw(st.sets(st.sampled_from(sorted(LOCAL_PARAMETERS[kind]))))
    params = {name: data.draw(FILTERS[name]) for name in sorted(names)}
    if kind == "incidents":
        first, last = sorted(
            (params.get("since", "2026-05-01T00:00:00Z"), params.get("until", "2026-06-01T12:00:00Z"))
        )
        params |= {"since": first, "until": last}
    held = {f"P{number}": {"id": f"P{number}", **row} for number, row in enumerate(rows)}
    resource = next(one for one in resources.TOP_LEVEL if one.kind == kind)
    pairs = [
        (f"{name}[]", one) if isinstance(value, list) else (name, one)
        for name, value in params.items()
        for one in (value if isinstance(value, list) else [value])
    ]
    listed = select(resource, kind, read_query(pairs, resource.accepted), Store({kind: dict(held)}), NOW)
    assert sorted(listed) == sorted(key for key, row in held.items() if passes(kind, params, row))
