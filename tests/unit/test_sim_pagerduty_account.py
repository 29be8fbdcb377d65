"""A made account has the sizes asked for, is always the same, and hangs together."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.pagerduty.account import DEMO, SMALL, Sizes, generate_account
from simulators.pagerduty.store import Store, kind_of_reference
from tests.unit.sim_pagerduty_client import NOW, client, simulator


def references_in(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if str(value.get("type", "")).endswith("_reference"):
            yield value
        for part in value.values():
            yield from references_in(part)
    elif isinstance(value, list):
        for part in value:
            yield from references_in(part)


def test_same_seed_makes_the_same_account_and_another_seed_another() -> None:
    first, second = generate_account(3, SMALL, NOW), generate_account(3, SMALL, NOW)

    assert first == second
    assert generate_account(4, SMALL, NOW)["users"].keys() != first["users"].keys()


def test_demo_account_has_its_sizes() -> None:
    account = generate_account(1, DEMO, NOW)

    counts = {
        kind: len(account[kind])
        for kind in (
            "services",
            "incidents",
            "users",
            "teams",
            "schedules",
            "v3/schedules",
            "escalation_policies",
        )
    }
    assert counts == {
        "services": 40,
        "incidents": 600,
        "users": 35,
        "teams": 6,
        "schedules": 12,
        "v3/schedules": 3,
        "escalation_policies": 14,
    }
    assert next(iter(account["services"].values()))["name"] == "payments-api"


def test_objects_of_the_demo_have_the_sizes_of_real_ones() -> None:
    account = generate_account(1, DEMO, NOW)
    sizes = {
        kind: [len(orjson.dumps(row)) for row in account[kind].values()] for kind in ("services", "incidents")
    }

    assert min(sizes["incidents"]) >= 1_500
    assert max(sizes["incidents"]) <= 4_000
    assert 1_200 <= sum(sizes["services"]) / len(sizes["services"]) <= 2_200


def test_old_open_incidents_are_older_than_180_days_and_the_rest_younger_than_171() -> None:
    account = generate_account(1, DEMO, NOW)
    ages = [
        (NOW - datetime.fromisoformat(row["created_at"]), row["status"])
        for row in account["incidents"].values()
    ]

    old, young = ages[: DEMO.old_open_incidents], ages[DEMO.old_open_incidents :]
    assert all(age > timedelta(days=180) and status != "resolved" for age, status in old)
    assert all(timedelta(0) <= age < timedelta(days=171) for age, _ in young)
    assert {status for _, status in young} == {"triggered", "acknowledged", "resolved"}


def test_resolved_incidents_have_no_assignee_and_open_ones_have() -> None:
    account = generate_account(1, DEMO, NOW)

    assert all(
        bool(row["assignments"]) == (row["status"] != "resolved") for row in account["incidents"].values()
    )


def test_every_reference_leads_to_an_object_but_those_to_deleted_users() -> None:
    account = generate_account(1, DEMO, NOW)
    store = Store(account)
    dangling = [
        reference
        for rows in account.values()
        for row in rows.values()
        for reference in references_in(row)
        if kind_of_reference(reference["type"]) is None or store.find(reference) is None
    ]

    assert {(reference["summary"], "deleted_at" in reference) for reference in dangling} == {
        ("Former Colleague", True)
    }


@given(
    services=st.integers(0, 60),
    incidents=st.integers(0, 40),
    users=st.integers(1, 30),
    teams=st.integers(0, 9),
    schedules=st.integers(0, 15),
    policies=st.integers(1, 20),
    oncalls=st.integers(0, 120),
)
@settings(max_examples=25, deadline=None)
async def test_account_of_any_size_has_as_many_objects_and_is_served(
    services: int, incidents: int, users: int, teams: int, schedules: int, policies: int, oncalls: int
) -> None:
    sizes = Sizes(
        services=services,
        incidents=incidents,
        users=users,
        teams=teams,
        schedules=schedules,
        v3_schedules=1,
        policies=policies,
        oncalls=oncalls,
    )
    totals = {}
    async with client(simulator(sizes)) as pagerduty:
        for path in ("services", "users", "teams", "schedules", "escalation_policies", "oncalls"):
            totals[path] = (await pagerduty.get(f"/{path}?total=true")).json()["total"]
        page = (await pagerduty.get("/incidents?date_range=all&total=true")).json()

    assert totals == {
        "services": services,
        "users": users,
        "teams": teams,
        "schedules": schedules,
        "escalation_policies": policies,
        "oncalls": oncalls,
    }
    assert page["total"] == (incidents if services else 0)
