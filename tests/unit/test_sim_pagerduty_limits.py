"""Requests are counted in windows, per key, and analytics by the day."""

from datetime import datetime, timedelta

import httpx
from hypothesis import given
from hypothesis import strategies as st

from simulators.pagerduty.rate_limit import RateLimit
from tests.unit.sim_pagerduty_client import BEARER_TOKEN, NOW, Clock, client, held, incident, simulator

TOO_MANY = {"error": {"message": "Rate Limit Exceeded", "code": 2020}}


def said(answer: httpx.Response, prefix: str = "") -> tuple[str, str, str]:
    names = (f"{prefix}ratelimit-{name}" for name in ("limit", "remaining", "reset"))
    limit, remaining, reset = (answer.headers[name] for name in names)
    return limit, remaining, reset


async def test_requests_over_the_limit_get_429_until_the_window_ends() -> None:
    clock = Clock()
    async with client(simulator(clock=clock, requests_per_minute=2)) as pagerduty:
        first = await pagerduty.get("/abilities")
        clock.advance(seconds=20.5)
        second = await pagerduty.get("/abilities")
        third = await pagerduty.get("/abilities")
        clock.advance(seconds=39.5)
        fourth = await pagerduty.get("/abilities")

    assert [answer.status_code for answer in (first, second, third, fourth)] == [200, 200, 429, 200]
    assert third.json() == TOO_MANY
    assert [said(answer) for answer in (first, second, third, fourth)] == [
        ("2", "1", "60"),
        ("2", "0", "40"),
        ("2", "0", "40"),
        ("2", "1", "60"),
    ]
    assert "retry-after" not in third.headers


async def test_refused_requests_are_counted_and_say_what_is_left() -> None:
    async with client(simulator(requests_per_minute=5)) as pagerduty:
        answer = await pagerduty.get("/nothing")

    assert (answer.status_code, said(answer)) == (404, ("5", "4", "60"))


async def test_keys_do_not_share_a_limit() -> None:
    app = simulator(requests_per_minute=1)
    async with client(app) as pagerduty:
        first = await pagerduty.get("/abilities")
        second = await pagerduty.get("/abilities")
    async with client(app, Authorization=f"Bearer {BEARER_TOKEN}") as pagerduty:
        other = await pagerduty.get("/abilities")

    assert [answer.status_code for answer in (first, second, other)] == [200, 429, 200]


@given(limit=st.integers(0, 20), steps=st.lists(st.floats(0, 90), max_size=60))
def test_no_window_lets_more_through_than_its_limit(limit: int, steps: list[float]) -> None:
    counter, now = RateLimit(limit), NOW
    allowed_at: list[datetime] = []
    ends_at: datetime | None = None
    for step in steps:
        now += timedelta(seconds=step)
        if ends_at is None or now >= ends_at:
            ends_at, allowed_at = now + timedelta(minutes=1), []
        if counter.spend("key", now):
            allowed_at.append(now)
        assert len(allowed_at) <= limit
        assert int(counter.headers("key", now)["ratelimit-remaining"]) == limit - len(allowed_at)


async def test_analytics_over_the_daily_limit_get_429_and_count_below_zero() -> None:
    clock = Clock()
    app = simulator(clock=clock, analytics_per_day=1, requests_per_minute=100)
    async with client(app) as pagerduty:
        answers = [await pagerduty.post("/analytics/raw/incidents", json={}) for _ in range(3)]
        clock.advance(days=1)
        answers.append(await pagerduty.post("/analytics/raw/incidents", json={}))

    assert [answer.status_code for answer in answers] == [200, 429, 429, 200]
    assert [said(answer, "daily-") for answer in answers] == [
        ("1", "0", "86400"),
        ("1", "-1", "86400"),
        ("1", "-2", "86400"),
        ("1", "0", "86400"),
    ]
    assert said(answers[1]) == ("100", "98", "60")


async def test_service_metrics_name_only_services_with_incidents() -> None:
    service = {"id": "PSERV02", "type": "service_reference", "summary": "ledger"}
    account = held(
        incident(1, "2026-06-20T00:00:00Z", resolved_at="2026-06-20T00:01:00Z"),
        incident(2, "2026-06-20T00:00:00Z", resolved_at="2026-06-20T00:03:00Z"),
        incident(3, "2026-05-01T00:00:00Z", service=service),
    )
    asked = {"filters": {"created_at_start": "2026-06-01T00:00:00Z"}, "aggregate_unit": "month"}
    async with client(simulator(account=account)) as pagerduty:
        answer = await pagerduty.post("/analytics/metrics/incidents/services", json=asked)

    assert answer.json() == {
        "filters": {"created_at_start": "2026-06-01T00:00:00Z"},
        "aggregate_unit": "month",
        "order": "desc",
        "order_by": "total_incident_count",
        "time_zone": "Etc/UTC",
        "data": [
            {
                "service_id": "PSERV01",
                "service_name": "checkout",
                "team_id": None,
                "team_name": None,
                "total_incident_count": 2,
                "total_interruptions": 2,
                "total_escalation_count": 0,
                "mean_assignment_count": 1,
                "mean_seconds_to_resolve": 120,
                "mean_seconds_to_first_ack": None,
                "mean_seconds_to_engage": None,
                "mean_seconds_to_mobilize": None,
                "range_start": "2026-06-20T00:00:00",
                "up_time_pct": 100.0,
            }
        ],
    }


async def test_raw_incidents_are_paged_by_the_last_id() -> None:
    account = held(*(incident(number, f"2026-06-2{number}T00:00:00Z") for number in range(3)))
    ids = []
    async with client(simulator(account=account)) as pagerduty:
        asked = {"limit": 2, "order": "asc", "order_by": "created_at", "starting_after": None}
        first = (await pagerduty.post("/analytics/raw/incidents", json=asked)).json()
        asked["starting_after"] = first["last"]
        second = (await pagerduty.post("/analytics/raw/incidents", json=asked)).json()
        single = (await pagerduty.get(f"/analytics/raw/incidents/{first['first']}")).json()
        ids = [[row["incident_number"] for row in page["data"]] for page in (first, second)]

    assert (ids, first["more"], second["more"]) == ([[0, 1], [2]], True, False)
    assert single == first["data"][0]
