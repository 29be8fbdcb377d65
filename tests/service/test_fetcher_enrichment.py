"""Tests what listings add to PagerDuty's objects, how many requests that takes, and what failures cost."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest

from schemas.mapping import MappingFile
from schemas.run import KindState
from services.fetcher.enrichment.run_enrichment import RunEnrichment
from services.fetcher.refresh import refresh_object
from shared.log.interface import NewRecord
from shared.sources import plan_sources
from tests.service.pagerduty_listing import GONE, NOW, Listed, SimulatorBench, account, by_id, incident

Json = Any
ONCALLS, USERS = "/oncalls", "/users"
METRICS, RAW = "/analytics/metrics/incidents/services", "/analytics/raw/incidents"
SERVICE_VALUES = "/services/{id}/custom_fields/values"
INCIDENT_VALUES = "/incidents/{id}/custom_fields/values"


def entry(
    kind: str, *expressions: str, selector: Mapping[str, Json] | None = None, **params: Json
) -> dict[str, Json]:
    properties = {f"p{number}": expression for number, expression in enumerate(expressions)}
    entity = {"identifier": ".id", "blueprint": '"thing"', "properties": properties}
    return {
        "kind": kind,
        "selector": {**(selector or {}), "apiQueryParams": params},
        "port": {"entity": {"mappings": entity}},
    }


SERVICES = entry("services", ".__oncall_user")
POLICIES = entry("escalation_policies", ".__oncall_users")
SCHEDULES = entry("schedules", ".users[].__email")
METRICS_OF_SERVICES = entry("services", ".__analytics")
RAW_OF_INCIDENTS = entry("incidents", ".__analytics", selector={"incidentAnalytics": True})
FIELDS_OF_SERVICES = entry("services", ".__custom_fields", selector={"includeCustomFields": True})


class Run:
    """Lists all sources of a mapping side by side, as a run does."""

    def __init__(self, held: dict[str, dict[str, Json]]) -> None:
        self.bench = SimulatorBench(held)
        self.held = held

    async def all(self, *entries: dict[str, Json]) -> dict[str, Listed]:
        """Return what was listed, by raw topic less its prefix."""
        sources = plan_sources(MappingFile.model_validate({"resources": entries}), now=NOW)
        with RunEnrichment(
            sources, client=self.bench.client, started_at=NOW, now=self.bench.time.now
        ) as enrichment:
            listed = await asyncio.gather(
                *(self.bench.list_source(source, enricher=enrichment.of(source)) for source in sources)
            )
        topics = [source.topic.removeprefix("pagerduty.raw.") for source in sources]
        return dict(zip(topics, listed, strict=True))

    async def one(self, *entries: dict[str, Json]) -> Listed:
        (listed,) = (await self.all(*entries)).values()
        return listed

    def count(self, route: str) -> int:
        return self.bench.simulator.log.count(route=route)

    def oncalls_of(self, policy_id: str) -> list[Json]:
        """Return the rows of a policy as PagerDuty gives them, lowest level first."""
        rows = [
            {**row, "user": self.held["users"][row["user"]["id"]]}
            for row in self.held["oncalls"].values()
            if row["escalation_policy"]["id"] == policy_id and _is_now(row)
        ]
        return sorted(rows, key=lambda row: row["escalation_level"])


def _is_now(row: Json) -> bool:
    return row["start"] is None or datetime.fromisoformat(row["start"]) <= NOW


def omitted(listed: Listed) -> dict[str, tuple[str, ...]]:
    """Return the objects that lack keys."""
    return {headers.subject: headers.omitted for headers in listed.headers if headers.omitted}


def key_of(listed: Listed, key: str) -> dict[str, Json]:
    """Return the key of those objects that have it."""
    return {object_id: row[key] for object_id, row in listed.rows.items() if key in row}


def add_incidents(held: dict[str, dict[str, Json]], count: int, **more: Json) -> None:
    made = [
        incident(number, NOW - timedelta(days=170) + timedelta(minutes=number), **more)
        for number in range(count)
    ]
    held["incidents"] = by_id(made)


async def test_services_and_policies_get_their_oncalls_from_one_reading() -> None:
    run = Run(account(services=230, policies=120, users=40, oncalls=250))
    listed = await run.all(SERVICES, POLICIES)
    assert run.count(ONCALLS) == 3
    for row in listed["services"].rows.values():
        want = run.oncalls_of(row["escalation_policy"]["id"])
        assert [_who(one) for one in row["__oncall_user"]] == [_who(one) for one in want]
    policies = listed["escalation-policies"].rows
    assert len(policies) == 120
    for policy, row in policies.items():
        assert [_who(one) for one in row["__oncall_users"]] == [_who(one) for one in run.oncalls_of(policy)]
    assert [one.result.state for one in listed.values()] == [KindState.COMPLETE] * 2
    assert sum(one.result.requests for one in listed.values()) == 3 + 2 + 3
    assert omitted(listed["services"]) == {}


def _who(row: Json) -> tuple[int, str]:
    return row["escalation_level"], row["user"]["email"]


async def test_oncalls_of_one_level_come_in_an_order_of_their_own() -> None:
    held = account(services=1, policies=1, users=3)
    policy = next(iter(held["escalation_policies"].values()))
    users = list(held["users"].values())
    rows = [
        {
            "escalation_policy": {"id": policy["id"], "type": "escalation_policy_reference"},
            "escalation_level": level,
            "schedule": None,
            "user": {"id": user["id"], "type": "user_reference"},
            "start": None,
            "end": None,
        }
        for level, user in ((10, users[0]), (2, users[2]), (2, users[1]), (2, users[0]))
    ]
    held["oncalls"] = {str(number): row for number, row in enumerate(rows)}
    listed = await Run(held).one(POLICIES)
    found = [
        (row["escalation_level"], row["user"]["id"]) for row in listed.rows[policy["id"]]["__oncall_users"]
    ]
    assert found == [*((2, one) for one in sorted(user["id"] for user in users)), (10, users[0]["id"])]


async def test_service_without_a_policy_and_policy_without_oncalls_have_an_empty_list() -> None:
    held = account(services=2, policies=2)
    without, beside = held["services"].values()
    without["escalation_policy"] = None
    held["oncalls"] = {}
    listed = await Run(held).one(SERVICES)
    assert key_of(listed, "__oncall_user") == {without["id"]: [], beside["id"]: []}
    assert omitted(listed) == {}


async def test_filtered_services_ask_for_the_oncalls_of_their_policies_only() -> None:
    held = account(services=240, policies=240, teams=2, users=5, oncalls=400)
    team = next(iter(held["teams"]))
    run = Run(held)
    filtered = entry("services", ".__oncall_user", team_ids=[team])
    listed = await run.one(filtered)
    wanted = {row["escalation_policy"]["id"] for row in listed.rows.values()}
    assert 50 < len(wanted) < 100
    asked = [
        [value for name, value in query if name == "escalation_policy_ids[]"]
        for query in run.bench.queries(ONCALLS)
    ]
    named = {one for query in asked for one in query}
    assert named == wanted
    assert max(map(len, asked)) == 50
    for row in listed.rows.values():
        assert [_who(one) for one in row["__oncall_user"]] == [
            _who(one) for one in run.oncalls_of(row["escalation_policy"]["id"])
        ]


async def test_more_oncalls_than_pagerduty_pages_through_are_asked_for_by_policy() -> None:
    held = account(services=3, policies=3, users=4, oncalls=6)
    some = list(held["oncalls"].values())
    held["oncalls"].update(
        {
            f"x{number}": {
                **some[0],
                "escalation_policy": {"id": f"PX{number}", "type": "escalation_policy_reference"},
            }
            for number in range(10_050)
        }
    )
    run = Run(held)
    listed = await run.one(SERVICES)
    for row in listed.rows.values():
        assert [_who(one) for one in row["__oncall_user"]] == [
            _who(one) for one in run.oncalls_of(row["escalation_policy"]["id"])
        ]
    assert run.bench.queries(ONCALLS)[-1].count(("include[]", "users")) == 1
    assert (listed.result.state, omitted(listed)) == (KindState.COMPLETE, {})


async def test_emails_of_five_hundred_schedules_take_one_reading_of_the_users() -> None:
    held = account(schedules=500, users=450)
    run = Run(held)
    listed = await run.one(SCHEDULES)
    assert run.count(USERS) == 5
    emails = {user["id"]: user["email"] for user in held["users"].values()}
    assert len(listed.rows) == 500
    for row in listed.rows.values():
        have = {user["id"]: user["__email"] for user in row["users"] if "__email" in user}
        assert have == {user["id"]: emails[user["id"]] for user in row["users"] if user["id"] in emails}
    assert listed.result.requests == 5 + 5


async def test_deleted_user_of_a_schedule_has_no_email_and_the_others_have() -> None:
    held = account(schedules=1, users=2)
    (schedule,) = held["schedules"].values()
    known = next(iter(held["users"].values()))
    gone = {"id": "PGONE", "type": "user_reference", "deleted_at": "2026-01-01T00:00:00Z"}
    schedule["users"] = [gone, {"id": known["id"], "type": "user_reference"}]
    listed = await Run(held).one(SCHEDULES)
    users = listed.rows[schedule["id"]]["users"]
    assert [user.get("__email") for user in users] == [None, known["email"]]
    assert "__email" not in users[0]
    assert omitted(listed) == {}


async def test_users_that_cannot_be_read_cost_the_emails_not_the_schedules() -> None:
    run = Run(account(schedules=150, users=3))
    run.bench.script({"match": {"path": USERS}, "action": {"status": 403}})
    listed = await run.one(SCHEDULES)
    assert omitted(listed) == dict.fromkeys(listed.rows, ("__email",))
    assert (listed.result.state, listed.result.fetched, run.count(USERS)) == (KindState.COMPLETE, 150, 1)
    (warning,) = listed.result.warnings
    assert warning.startswith("__email could not be had for 150 schedules; what is made of it stays as it is")
    assert "HTTP 403" in warning


async def test_metrics_of_services_take_a_request_for_each_page_and_are_null_without_incidents() -> None:
    held = account(services=150, policies=2)
    with_data, old = list(held["services"])[:2]

    def at(days: int, service: str, number: int) -> dict[str, Json]:
        reference = {"id": service, "type": "service_reference", "summary": "S"}
        return incident(number, NOW - timedelta(days=days), service=reference)

    held["incidents"] = by_id(
        [at(1, with_data, 1), at(89, with_data, 2), at(91, with_data, 3), at(120, old, 4)]
    )
    run = Run(held)
    listed = await run.one(METRICS_OF_SERVICES)
    found = key_of(listed, "__analytics")
    assert set(found) == set(held["services"])
    assert {service: one["total_incident_count"] for service, one in found.items() if one} == {with_data: 2}
    assert (run.count(METRICS), listed.result.requests) == (2, 2 + 2)

    longer = entry("services", ".__analytics", selector={"analyticsMonthsPeriod": 6})
    both = await Run(held).all(METRICS_OF_SERVICES, longer)
    counts = [
        {service: one["total_incident_count"] for service, one in key_of(one, "__analytics").items() if one}
        for one in both.values()
    ]
    assert counts == [{with_data: 2}, {with_data: 3, old: 1}]


async def test_analytics_of_incidents_are_read_a_thousand_at_a_time() -> None:
    held = account(services=1)
    add_incidents(held, 1250)
    run = Run(held)
    listed = await run.one(RAW_OF_INCIDENTS)
    found = key_of(listed, "__analytics")
    assert {one: analytics["id"] for one, analytics in found.items()} == {
        one: one for one in held["incidents"]
    }
    assert found["PINC000007"]["incident_number"] == 7
    assert run.count(RAW) == 2
    assert run.count(f"{RAW}/{{id}}") == 0
    assert listed.result.fetched == 1250


async def test_open_incidents_older_than_the_window_are_asked_for_alone() -> None:
    held = account(services=1)
    add_incidents(held, 120)
    old = incident(900_000, NOW - timedelta(days=800), status="triggered")
    held["incidents"][old["id"]] = old
    run = Run(held)
    listed = await run.one(RAW_OF_INCIDENTS)
    assert {one["id"] for one in key_of(listed, "__analytics").values()} == set(held["incidents"])
    assert (run.count(RAW), run.count(f"{RAW}/{{id}}")) == (1, 1)


async def test_few_open_incidents_do_not_read_the_analytics_of_all() -> None:
    held = account(services=1)
    add_incidents(held, 2500)
    for number in (3, 1200, 2400):
        held["incidents"][f"PINC{number:06}"]["status"] = "acknowledged"
    run = Run(held)
    entries = entry(
        "incidents",
        ".__analytics.id",
        selector={"incidentAnalytics": True},
        statuses=["triggered", "acknowledged"],
    )
    listed = await run.one(entries)
    assert len(listed.rows) == 3
    assert {one["id"] for one in key_of(listed, "__analytics").values()} == set(listed.rows)
    assert (run.count(RAW), run.count(f"{RAW}/{{id}}")) == (0, 3)


async def test_all_of_history_is_read_in_windows_of_a_year() -> None:
    held = account(services=1)
    held["incidents"] = by_id([incident(n, NOW - timedelta(days=100 * n)) for n in range(12)])
    run = Run(held)
    entries = entry("incidents", ".__analytics", selector={"incidentAnalytics": True}, date_range="all")
    listed = await run.one(entries)
    assert {one["id"] for one in key_of(listed, "__analytics").values()} == set(held["incidents"])
    assert (run.count(RAW), run.count(f"{RAW}/{{id}}")) == (4, 0)


async def test_incident_whose_analytics_are_not_there_yet_has_null() -> None:
    held = account(services=1)
    add_incidents(held, 5)
    run = Run(held)
    empty: Json = {"first": None, "last": None, "more": False, "data": []}
    run.bench.script({"match": {"path": RAW}, "action": {"status": 200, "body": empty}})
    listed = await run.one(RAW_OF_INCIDENTS)
    assert key_of(listed, "__analytics") == dict.fromkeys(held["incidents"])
    assert omitted(listed) == {}

    alone = Run(held)
    for row in held["incidents"].values():
        row["status"] = "triggered"
    alone.bench.script({"match": {"path": f"{RAW}/.*"}, "action": GONE})
    listed = await alone.one(
        entry("incidents", ".__analytics", selector={"incidentAnalytics": True}, statuses=["triggered"])
    )
    assert key_of(listed, "__analytics") == dict.fromkeys(held["incidents"])


@pytest.mark.parametrize(
    "body",
    [
        {"more": True, "last": None, "data": []},
        {"more": True, "last": "PINC000001", "data": [{"created_at": "2026-01-01T00:00:00"}]},
        {"more": True, "data": [{"id": "PINC000001", "created_at": None}]},
        {"more": False, "data": [{"id": None, "created_at": "2026-01-01T00:00:00"}]},
        {"more": False, "data": [{"id": {"id": "PINC000001"}, "created_at": "2026-01-01T00:00:00"}]},
        {"rows": []},
        {"data": None},
    ],
    ids=["nothing-more", "no-id", "no-time", "null-id", "odd-id", "other-key", "null"],
)
async def test_analytics_of_another_shape_are_unknown_not_null(body: Json) -> None:
    held = account(services=1)
    add_incidents(held, 5)
    run = Run(held)
    run.bench.script({"match": {"path": RAW}, "action": {"status": 200, "body": body}})
    listed = await run.one(RAW_OF_INCIDENTS)
    assert key_of(listed, "__analytics") == {}
    assert omitted(listed) == dict.fromkeys(held["incidents"], ("__analytics",))
    assert "is not a page of incidents" in listed.result.warnings[0]


async def test_quota_of_the_day_ends_the_analytics_of_the_run_and_is_not_asked_again() -> None:
    held = account(services=1)
    add_incidents(held, 2500)
    run = Run(held)
    run.bench.simulator.service.analytics_per_day.limit = 1
    listed = await run.one(RAW_OF_INCIDENTS)
    have = key_of(listed, "__analytics")
    # The last of the thousand waits for what may follow in its second.
    assert len(have) == 999
    assert omitted(listed) == {one: ("__analytics",) for one in held["incidents"] if one not in have}
    assert all(have.values())
    assert run.count(RAW) == 2
    assert run.count(f"{RAW}/{{id}}") == 0
    assert (listed.result.state, listed.result.fetched) == (KindState.COMPLETE, 2500)
    assert run.bench.time.slept == []
    (warning,) = listed.result.warnings
    assert warning.startswith(f"__analytics could not be had for {2500 - len(have)} incidents; ")
    assert "HTTP 429: Rate Limit Exceeded (code 2020)" in warning


async def test_quota_spent_on_one_kind_is_not_asked_for_by_the_other() -> None:
    held = account(services=350, policies=2)
    add_incidents(held, 50)
    run = Run(held)
    run.bench.simulator.service.analytics_per_day.limit = 0
    first = (await run.all(METRICS_OF_SERVICES, RAW_OF_INCIDENTS)).values()
    assert all(omitted(one) == dict.fromkeys(one.rows, ("__analytics",)) for one in first)
    assert [one.result.fetched for one in first] == [350, 50]
    # Pages in hand side by side may have asked before the first refusal; none asks after it.
    assert run.bench.simulator.log.count(status=429) <= 4


@pytest.mark.parametrize(
    ("path", "wanted", "key"),
    [
        (METRICS, METRICS_OF_SERVICES, "__analytics"),
        (ONCALLS, SERVICES, "__oncall_user"),
        (ONCALLS, POLICIES, "__oncall_users"),
        (f"{RAW}", RAW_OF_INCIDENTS, "__analytics"),
    ],
)
@pytest.mark.parametrize("status", [402, 403, 404])
async def test_enrichment_the_token_may_not_see_costs_the_key_only(
    path: str, wanted: dict[str, Json], key: str, status: int
) -> None:
    held = account(services=120, policies=110)
    add_incidents(held, 110)
    run = Run(held)
    run.bench.script({"match": {"path": path}, "action": {**GONE, "status": status}})
    listed = await run.one(wanted)
    assert omitted(listed) == dict.fromkeys(listed.rows, (key,))
    assert key_of(listed, key) == {}
    assert (listed.result.state, listed.result.reason) == (KindState.COMPLETE, "")
    assert listed.result.fetched == len(listed.rows) >= 110
    assert f"HTTP {status}" in listed.result.warnings[0]
    assert run.count(path) <= 2


@pytest.mark.parametrize(
    ("path", "wanted", "key"),
    [
        (METRICS, METRICS_OF_SERVICES, "__analytics"),
        (ONCALLS, SERVICES, "__oncall_user"),
        (USERS, SCHEDULES, "__email"),
        ("/services/.*/custom_fields/values", FIELDS_OF_SERVICES, "__custom_fields"),
    ],
)
async def test_enrichment_that_fails_for_long_is_given_up_although_nothing_else_is_asked(
    path: str, wanted: dict[str, Json], key: str
) -> None:
    run = Run(account(services=3, policies=2, schedules=3, users=2))
    run.bench.script({"match": {"path": path}, "action": {"status": 503}})
    listed = await run.one(wanted)
    assert omitted(listed) == dict.fromkeys(listed.rows, (key,))
    assert (listed.result.state, listed.result.fetched) == (KindState.COMPLETE, 3)
    assert "failed 9 times, at last HTTP 503" in listed.result.warnings[0]
    assert run.bench.time.seconds < 300


async def test_enrichment_waits_while_nothing_of_pagerduty_answers() -> None:
    held = account(services=3, policies=2)
    run = Run(held)
    # More failures than it is tried for; the cheapest list fails as well until the outage is over.
    run.bench.script(
        {"match": {"path": METRICS}, "times": 11, "action": {"status": 503}},
        {"match": {"path": "/abilities"}, "times": 4, "action": {"status": 503}},
    )
    listed = await run.one(METRICS_OF_SERVICES)
    assert omitted(listed) == {}
    assert key_of(listed, "__analytics") == dict.fromkeys(held["services"])
    assert listed.result.warnings == []


async def test_custom_fields_of_each_service_are_its_own() -> None:
    held = account(services=130)
    held["services/custom_fields"] = {}
    for number, service in enumerate(held["services"]):
        held[f"services/{service}/custom_fields/values"] = {
            "F1": {"id": "F1", "name": "tier", "type": "field_value", "value": number}
        }
    run = Run(held)
    listed = await run.one(FIELDS_OF_SERVICES)
    assert {
        one: [field["value"] for field in row["__custom_fields"]] for one, row in listed.rows.items()
    } == {service: [number] for number, service in enumerate(held["services"])}
    assert run.count(SERVICE_VALUES) == 130
    assert run.bench.simulator.log.in_flight_peak <= 10
    assert listed.result.requests == 130 + 2


async def test_object_whose_custom_fields_fail_lacks_the_key_and_the_others_have_it() -> None:
    held = account(services=1)
    add_incidents(held, 30)
    bad = "PINC000011"
    run = Run(held)
    run.bench.script({"match": {"path": f"/incidents/{bad}/custom_fields/values"}, "action": {"status": 500}})
    listed = await run.one(entry("incidents", ".__custom_fields", selector={"includeCustomFields": True}))
    assert omitted(listed) == {bad: ("__custom_fields",)}
    assert key_of(listed, "__custom_fields") == {one: [] for one in held["incidents"] if one != bad}
    assert listed.result.state is KindState.COMPLETE
    (warning,) = listed.result.warnings
    assert warning.startswith("__custom_fields could not be had for 1 incidents; ")


async def test_custom_fields_that_no_object_gets_are_not_asked_for_to_the_end() -> None:
    held = account(services=1)
    add_incidents(held, 400)
    run = Run(held)
    run.bench.script({"match": {"path": "/incidents/.*/custom_fields/values"}, "action": {"status": 403}})
    listed = await run.one(entry("incidents", ".__custom_fields", selector={"includeCustomFields": True}))
    assert omitted(listed) == dict.fromkeys(held["incidents"], ("__custom_fields",))
    assert run.bench.simulator.log.count(status=403) < 30
    assert listed.result.fetched == 400


async def test_object_can_lack_one_key_and_have_another() -> None:
    run = Run(account(services=2, policies=2, oncalls=2))
    run.bench.script({"match": {"path": METRICS}, "action": {"status": 403}})
    listed = await run.one(entry("services", ".__oncall_user", ".__analytics"))
    assert omitted(listed) == dict.fromkeys(listed.rows, ("__analytics",))
    assert set(key_of(listed, "__oncall_user")) == set(listed.rows)


async def test_nothing_is_asked_for_that_no_expression_reads() -> None:
    held = account(services=10, policies=10, schedules=10)
    add_incidents(held, 10)
    run = Run(held)
    listed = await run.all(
        entry("services", ".name", selector={"serviceAnalytics": True, "includeCustomFields": True}),
        entry("escalation_policies", ".name", selector={"attachOncallUsers": True}),
        entry("schedules", ".users[].summary"),
        entry("incidents", ".title", selector={"incidentAnalytics": True, "includeCustomFields": True}),
    )
    paths = {request.path for request in run.bench.simulator.log.requests}
    assert paths == {"/services", "/escalation_policies", "/schedules", "/incidents"}
    assert all(
        not any(key.startswith("__") for key in row) for one in listed.values() for row in one.rows.values()
    )


async def test_policies_whose_oncalls_are_switched_off_ask_for_none() -> None:
    run = Run(account(policies=3, oncalls=3))
    listed = await run.one(
        entry("escalation_policies", ".__oncall_users", selector={"attachOncallUsers": False})
    )
    assert key_of(listed, "__oncall_users") == {}
    assert (run.count(ONCALLS), omitted(listed)) == (0, {})


async def test_page_that_grew_old_while_it_was_enriched_is_read_again() -> None:
    held = account(services=3)
    run = Run(held)
    first = next(iter(held["services"]))
    run.bench.script(
        {"match": {"path": "/services"}, "times": 1, "action": {"delay_ms": 1000}},
        {"match": {"path": f"/services/{first}/.*"}, "times": 1, "action": {"delay_ms": 600_000}},
    )

    def rename() -> None:
        if run.bench.time.seconds > 600:
            renamed = {**held["services"][first], "name": "renamed meanwhile"}
            run.bench.simulator.store.put("services", first, renamed)

    run.bench.time.on_sleep = rename
    listed = await run.one(FIELDS_OF_SERVICES)
    assert listed.rows[first]["name"] == "renamed meanwhile"
    assert run.count("/services") == 2
    assert {headers.observedat for headers in listed.headers} == {run.bench.time.now()}
    assert listed.result.fetched == 3


async def test_row_that_its_page_repeats_is_enriched_too() -> None:
    held = account(services=3, policies=2, oncalls=2)
    rows = [*held["services"].values()]
    run = Run(held)
    body = {"services": [rows[0], *rows], "more": False, "total": 3}
    run.bench.script({"match": {"path": "/services"}, "action": {"status": 200, "body": body}})
    listed = await run.one(SERVICES)
    assert set(key_of(listed, "__oncall_user")) == set(held["services"])


async def test_object_asked_for_alone_is_enriched_like_the_listed_ones() -> None:
    held = account(services=3, policies=2, oncalls=2)
    bench = SimulatorBench(held)
    (source,) = plan_sources(
        MappingFile.model_validate({"resources": [entry("services", ".__oncall_user", ".__analytics")]}),
        now=NOW,
    )
    records: list[NewRecord] = []

    async def publish(batch: Any) -> None:
        records.extend(batch)

    bench.script({"match": {"path": METRICS}, "action": {"status": 403}})
    with RunEnrichment((source,), client=bench.client, started_at=NOW, now=bench.time.now) as enrichment:
        listed = await bench.list_source(source, enricher=enrichment.of(source))
        before = bench.client.requests
        service = next(iter(held["services"]))
        assert await refresh_object(
            source,
            service,
            client=bench.client,
            publish=publish,
            identifier="bench",
            now=bench.time.now,
            enricher=enrichment.of(source),
        )
    assert bench.client.requests - before == 1
    (record,) = records
    assert orjson.loads(record.value or b"")["__oncall_user"] == listed.rows[service]["__oncall_user"]
    assert dict(record.headers)["ce_omitted"] == b"__analytics"
