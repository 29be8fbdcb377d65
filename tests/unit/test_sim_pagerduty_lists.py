"""Filters, windows, orders and includes decide which rows a list has and how they look."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.pagerduty.windows import add_months
from tests.unit.sim_pagerduty_client import (
    BEARER_TOKEN,
    USER_TOKEN,
    client,
    held,
    incident,
    numbers,
    simulator,
)


def user(user_id: str, **changes: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "id": user_id,
        "type": "user",
        "summary": user_id,
        "self": f"https://api.pagerduty.com/users/{user_id}",
        "html_url": None,
        "name": user_id,
        "email": f"{user_id.lower()}@acme.example",
        "teams": [],
        "contact_methods": [],
        "notification_rules": [],
    }
    return {**whole, **changes}


def reference(object_id: str, kind: str = "user") -> dict[str, Any]:
    return {"id": object_id, "type": f"{kind}_reference", "summary": object_id}


def by_id(*rows: dict[str, Any]) -> dict[str, Any]:
    return {row["id"]: row for row in rows}


WINDOWED = held(
    incident(1, "2025-12-01T00:00:00Z", status="triggered", urgency="low"),
    incident(2, "2026-05-31T23:59:59Z"),
    incident(3, "2026-06-01T12:30:00Z", teams=[reference("PTEAM01", "team")]),
    incident(4, "2026-06-20T00:00:00Z", status="acknowledged", incident_key="key-4"),
    incident(5, "2026-06-30T10:00:00Z", service=reference("PSERV02", "service")),
)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [3, 4, 5]),
        ("date_range=all", [1, 2, 3, 4, 5]),
        ("date_range=all&since=2026-06-20T00:00:00Z&until=2026-06-21T00:00:00Z", [1, 2, 3, 4, 5]),
        ("since=2025-12-01T00:00:00Z", [1]),
        ("until=2026-06-20T00:00:00Z", [2, 3, 4]),
        ("since=2026-01-01T00:00:00Z&until=2026-07-01T00:00:00Z", [2, 3, 4, 5]),
        ("since=2026-05-31T23:59:59Z&until=2026-06-01T12:30:00Z", [2, 3]),
        ("since=2026-05-31T23:59:59.900Z&until=2026-06-01T12:30:00Z", [2, 3]),
        ("since=2026-06-20T00:00:00&until=2026-06-20T00:00:00", [4]),
        ("since=2026-06-20T02:00:00&until=2026-06-20T02:00:00&time_zone=Europe/Berlin", [4]),
        ("since=2026-06-20T02:00:00%2B02:00&until=2026-06-20T02:00:00%2B02:00", [4]),
        ("date_range=all&statuses[]=triggered&statuses[]=acknowledged", [1, 4]),
        ("date_range=all&urgencies[]=low", [1]),
        ("date_range=all&service_ids[]=PSERV02", [5]),
        ("date_range=all&team_ids[]=PTEAM01&team_ids[]=PTEAM02", [3]),
        ("date_range=all&incident_key=key-4", [4]),
        ("date_range=all&sort_by=incident_number:desc", [5, 4, 3, 2, 1]),
        ("date_range=all&sort_by=urgency:desc,created_at:desc", [1, 5, 4, 3, 2]),
    ],
)
async def test_incidents_of_a_request_are_those_of_its_window_and_filters(
    query: str, expected: list[int]
) -> None:
    async with client(simulator(account=WINDOWED)) as pagerduty:
        answer = await pagerduty.get(f"/incidents?{query}")

    assert numbers(answer) == expected


async def test_window_of_exactly_6_months_is_served() -> None:
    async with client(simulator(account=WINDOWED)) as pagerduty:
        answer = await pagerduty.get("/incidents?since=2025-12-31T00:00:00Z&until=2026-06-30T00:00:00Z")

    assert numbers(answer) == [2, 3, 4]


@given(moment=st.datetimes(), months=st.integers(-12, 12))
def test_adding_months_lands_in_the_month_counted(moment: Any, months: int) -> None:
    if not 2 <= moment.year <= 9997:
        return
    moved = add_months(moment, months)

    assert (moved.year * 12 + moved.month) - (moment.year * 12 + moment.month) == months
    assert moved.day <= moment.day
    assert moved.time() == moment.time()


async def test_user_ids_find_open_incidents_only() -> None:
    assigned = [{"at": "2026-06-20T00:00:00Z", "assignee": reference("PUSER01")}]
    account = held(
        incident(1, "2026-06-20T00:00:00Z", status="resolved", assignments=assigned),
        incident(2, "2026-06-20T00:00:00Z", status="triggered", assignments=assigned),
        incident(3, "2026-06-20T00:00:00Z", status="triggered"),
    )
    async with client(simulator(account=account)) as pagerduty:
        answer = await pagerduty.get("/incidents?user_ids[]=PUSER01")

    assert numbers(answer) == [2]


async def test_include_turns_a_reference_into_the_whole_object_and_leaves_others() -> None:
    ada = user("PUSER01")
    gone = {"at": "2026-06-20T00:00:01Z", "assignee": reference("PGONE01")}
    open_incident = incident(
        1,
        "2026-06-20T00:00:00Z",
        status="triggered",
        assignments=[{"at": "2026-06-20T00:00:00Z", "assignee": reference("PUSER01")}, gone],
        last_status_change_by=reference("PUSER01"),
    )
    account = held(open_incident, users=by_id(ada))
    async with client(simulator(account=account)) as pagerduty:
        plain = (await pagerduty.get("/incidents")).json()["incidents"]
        listed = (await pagerduty.get("/incidents?include[]=assignees")).json()["incidents"]
        single = (await pagerduty.get("/incidents/Q0000000000001?include[]=assignees")).json()["incident"]

    whole: dict[str, Any] = {
        **open_incident,
        "assignments": [{"at": "2026-06-20T00:00:00Z", "assignee": ada}, gone],
    }
    assert (plain, listed, single) == ([open_incident], [whole], whole)


async def test_conference_bridge_is_there_only_when_included() -> None:
    bridge = {"conference_number": None, "conference_url": "https://meet.example/1"}
    account = held(incident(1, "2026-06-20T00:00:00Z", conference_bridge=bridge))
    async with client(simulator(account=account)) as pagerduty:
        plain = (await pagerduty.get("/incidents/Q0000000000001")).json()["incident"]
        included = (await pagerduty.get("/incidents/Q0000000000001?include[]=conference_bridge")).json()[
            "incident"
        ]

    assert ("conference_bridge" in plain, included["conference_bridge"]) == (False, bridge)


async def test_custom_fields_come_with_the_single_incident_unset_unless_held() -> None:
    app = simulator()
    incident_id = next(iter(app.store.rows("incidents")))
    [definition] = app.store.rows("incidents/types/incident_default/custom_fields").values()
    async with client(app) as pagerduty:
        single = (await pagerduty.get(f"/incidents/{incident_id}?include[]=custom_fields")).json()["incident"]
        values = (await pagerduty.get(f"/incidents/{incident_id}/custom_fields/values")).json()

    unset = {
        "id": definition["id"],
        "name": "impact",
        "display_name": "Impact",
        "description": None,
        "data_type": "string",
        "field_type": "single_value",
        "type": "field_value",
        "value": None,
    }
    assert (single["custom_fields"], values) == ([unset], {"custom_fields": [unset]})


async def test_layers_of_a_schedule_are_listed_only_when_included() -> None:
    app = simulator()
    async with client(app) as pagerduty:
        plain = (await pagerduty.get("/schedules?limit=1")).json()["schedules"][0]
        included = (await pagerduty.get("/schedules?limit=1&include[]=schedule_layers")).json()["schedules"][
            0
        ]

    held_schedule = next(iter(app.store.rows("schedules").values()))
    assert plain == {name: part for name, part in held_schedule.items() if name != "schedule_layers"}
    assert included == held_schedule


async def test_schedule_is_rendered_over_two_weeks_when_one_bound_is_given() -> None:
    app = simulator()
    schedule_id, schedule = next(iter(app.store.rows("schedules").items()))
    schedule["schedule_layers"][0].update(
        rotation_virtual_start="2026-06-01T00:00:00Z",
        users=[{"user": reference("PUSER01")}, {"user": reference("PUSER02")}],
    )
    async with client(app) as pagerduty:
        unbounded = (await pagerduty.get(f"/schedules/{schedule_id}")).json()["schedule"]
        bounded = (await pagerduty.get(f"/schedules/{schedule_id}?since=2026-06-04T00:00:00Z")).json()[
            "schedule"
        ]
        empty_span = f"/schedules/{schedule_id}?since=2026-06-04T00:00:00.1Z&until=2026-06-04T00:00:00.9Z"
        nothing = (await pagerduty.get(empty_span)).json()["schedule"]

    assert unbounded["final_schedule"]["rendered_schedule_entries"] == []
    assert nothing["final_schedule"]["rendered_schedule_entries"] == []
    assert bounded["final_schedule"]["rendered_schedule_entries"] == [
        {"start": "2026-06-04T00:00:00Z", "end": "2026-06-08T00:00:00Z", "user": reference("PUSER01")},
        {"start": "2026-06-08T00:00:00Z", "end": "2026-06-15T00:00:00Z", "user": reference("PUSER02")},
        {"start": "2026-06-15T00:00:00Z", "end": "2026-06-18T00:00:00Z", "user": reference("PUSER01")},
    ]


def oncall(
    level: int, user_id: str, start: str | None, end: str | None, schedule: str | None
) -> dict[str, Any]:
    return {
        "escalation_policy": reference("PPOLI01", "escalation_policy"),
        "escalation_level": level,
        "schedule": None if schedule is None else reference(schedule, "schedule"),
        "user": reference(user_id),
        "start": start,
        "end": end,
    }


NOW_ON = oncall(1, "PUSER01", "2026-06-29T00:00:00Z", "2026-07-06T00:00:00Z", "PSCHE01")
NEXT_ON = oncall(1, "PUSER01", "2026-07-06T00:00:00Z", "2026-07-13T00:00:00Z", "PSCHE01")
ALWAYS_ON = oncall(2, "PUSER02", None, None, None)
BEFORE_ON = oncall(1, "PUSER02", "2026-06-22T00:00:00Z", "2026-06-28T00:00:00Z", "PSCHE01")
ON_CALLS = {"before": BEFORE_ON, "now": NOW_ON, "next": NEXT_ON, "always": ALWAYS_ON}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [NOW_ON, ALWAYS_ON]),
        ("since=2026-07-01T00:00:00Z&until=2026-07-10T00:00:00Z", [NOW_ON, NEXT_ON, ALWAYS_ON]),
        ("since=2026-07-01T00:00:00Z&until=2026-07-10T00:00:00Z&earliest=true", [NOW_ON, ALWAYS_ON]),
        ("since=2026-06-25T00:00:00Z", [BEFORE_ON, NOW_ON, ALWAYS_ON]),
        ("schedule_ids[]=null", [ALWAYS_ON]),
        ("schedule_ids[]=PSCHE01", [NOW_ON]),
        ("user_ids[]=PUSER02", [ALWAYS_ON]),
        ("escalation_policy_ids[]=PPOLI02", []),
    ],
)
async def test_on_calls_are_the_current_ones_unless_a_range_is_given(
    query: str, expected: list[dict[str, Any]]
) -> None:
    async with client(simulator(account={"oncalls": ON_CALLS})) as pagerduty:
        page = (await pagerduty.get(f"/oncalls?{query}")).json()

    assert page["oncalls"] == expected


async def test_on_calls_include_users_and_leave_the_rest_references() -> None:
    ada = user("PUSER01")
    account = {"oncalls": {"now": NOW_ON}, "users": by_id(ada)}
    async with client(simulator(account=account)) as pagerduty:
        page = (await pagerduty.get("/oncalls?include[]=users&include[]=schedules")).json()

    assert page["oncalls"] == [{**NOW_ON, "user": ada}]


USERS = by_id(
    user("PUSER01", name="Ada Lovelace", teams=[reference("PTEAM01", "team")]),
    user("PUSER02", name="Grace Hopper", email="grace@navy.example"),
)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/users", ["PUSER01", "PUSER02"]),
        ("/users?query=LOVE", ["PUSER01"]),
        ("/users?query=navy", ["PUSER02"]),
        ("/users?team_ids[]=PTEAM01", ["PUSER01"]),
    ],
)
async def test_users_are_found_by_name_address_or_team(path: str, expected: list[str]) -> None:
    async with client(simulator(account={"users": USERS})) as pagerduty:
        page = (await pagerduty.get(path)).json()

    assert [row["id"] for row in page["users"]] == expected


async def test_members_of_a_team_are_users_with_a_role_and_no_id() -> None:
    team = {"id": "PTEAM01", "type": "team", "summary": "Payments", "name": "Payments"}
    async with client(simulator(account={"users": USERS, "teams": by_id(team)})) as pagerduty:
        page = (await pagerduty.get("/teams/PTEAM01/members")).json()

    ada = {
        "id": "PUSER01",
        "type": "user_reference",
        "summary": "PUSER01",
        "self": "https://api.pagerduty.com/users/PUSER01",
        "html_url": None,
    }
    assert page == {
        "members": [{"user": ada, "role": "responder"}],
        "limit": 25,
        "offset": 0,
        "more": False,
        "total": None,
    }


async def test_services_are_found_by_exact_name_or_part_of_it_and_sorted() -> None:
    rows: list[dict[str, Any]] = [
        {"id": f"P{name}", "type": "service", "name": name, "teams": []} for name in ("b", "a", "ab")
    ]
    async with client(simulator(account={"services": by_id(*rows)})) as pagerduty:
        by_name = (await pagerduty.get("/services?name=a")).json()["services"]
        by_part = (await pagerduty.get("/services?query=A&sort_by=name:desc")).json()["services"]

    assert ([row["id"] for row in by_name], [row["id"] for row in by_part]) == (["Pa"], ["Pab", "Pa"])


async def test_current_user_is_that_of_the_key() -> None:
    app = simulator()
    first = next(iter(app.store.rows("users").values()))
    async with client(app, Authorization=f"Token token={USER_TOKEN}") as pagerduty:
        by_key = (await pagerduty.get("/users/me")).json()["user"]
    async with client(app, Authorization=f"Bearer {BEARER_TOKEN}") as pagerduty:
        by_oauth = (await pagerduty.get("/users/me")).json()["user"]

    assert (by_key, by_oauth) == (first, first)


async def test_maintenance_windows_are_told_apart_by_the_clock() -> None:
    rows = by_id(
        {"id": "PPAST", "start_time": "2026-06-01T00:00:00Z", "end_time": "2026-06-02T00:00:00Z"},
        {"id": "PNOW", "start_time": "2026-07-01T12:00:00Z", "end_time": "2026-07-01T13:00:00Z"},
        {"id": "PNEXT", "start_time": "2026-08-01T00:00:00+02:00", "end_time": "2026-08-02T00:00:00+02:00"},
    )
    found = {}
    async with client(simulator(account={"maintenance_windows": rows})) as pagerduty:
        for name in ("past", "ongoing", "future", "open", "all"):
            page = (await pagerduty.get(f"/maintenance_windows?filter={name}")).json()
            found[name] = [row["id"] for row in page["maintenance_windows"]]

    assert found == {
        "past": ["PPAST"],
        "ongoing": ["PNOW"],
        "future": ["PNEXT"],
        "open": ["PNOW", "PNEXT"],
        "all": ["PPAST", "PNOW", "PNEXT"],
    }
