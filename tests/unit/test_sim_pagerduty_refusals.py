"""Every request that PagerDuty refuses is refused by the simulator, with the documented status and body."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.unit.sim_pagerduty_client import BEARER_TOKEN, client, simulator

CAP = (
    "Offset+limit exceeds maximum allowed value of 10000. Please try to refine your search to reduce the "
    "returned set of records below this number, like adding a date range."
)
AUTH = {"error": {"message": "Authentication failed", "code": 2006}}
SERVICES = "/services"
RAW = "/analytics/raw/incidents"
METRICS = "/analytics/metrics/incidents/services"


def invalid(*errors: str) -> dict[str, Any]:
    return {"error": {"message": "Invalid Input Provided", "code": 2001, "errors": list(errors)}}


def arguments(*errors: str) -> dict[str, Any]:
    return {"error": {"message": "Arguments Caused Error", "code": 2002, "errors": list(errors)}}


def missing(*errors: str) -> dict[str, Any]:
    return {"error": {"message": "Missing Arguments", "code": 2003, "errors": list(errors)}}


def bad_time(*errors: str) -> dict[str, Any]:
    message = "Invalid time values in 'since' and/or 'until' parameters"
    return {"error": {"message": message, "code": 2004, "errors": list(errors)}}


def bad_range(*errors: str) -> dict[str, Any]:
    return {"error": {"message": "Invalid Query Date Range", "code": 2005, "errors": list(errors)}}


def plain(code: int, message: str) -> dict[str, Any]:
    return {"error": {"message": message, "code": code}}


@dataclass(frozen=True)
class Refused:
    source: str
    url: str
    status: int
    body: Any
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    content: str | None = None


AUTHENTICATION = "PagerDuty REST API, Authentication"
VERSIONING = "PagerDuty REST API, Versioning"
PAGINATION = "PagerDuty REST API, Pagination"
FILTERING = "PagerDuty REST API, Filtering"
TYPES = "PagerDuty REST API, Types"
INCLUDES = "PagerDuty REST API, Includes"
SORTING = "PagerDuty REST API, Sorting"
INCIDENTS = "PagerDuty REST API, List incidents"
ONCALLS = "PagerDuty REST API, List all of the on-calls"
ERRORS = "PagerDuty REST API, Errors"
ANALYTICS = "PagerDuty REST API, Analytics"
ACCEPT = invalid("Accept must be application/vnd.pagerduty+json;version=2.")
SINCE = "2026-01-01T00:00:00Z"

REFUSED = {
    "no key": Refused(AUTHENTICATION, SERVICES, 401, AUTH, headers={"Authorization": ""}),
    "unknown key": Refused(AUTHENTICATION, SERVICES, 401, AUTH, headers={"Authorization": "Token token=x"}),
    "key without its form": Refused(
        AUTHENTICATION, SERVICES, 401, AUTH, headers={"Authorization": "account-key"}
    ),
    "account key as bearer": Refused(
        AUTHENTICATION, SERVICES, 401, AUTH, headers={"Authorization": "Bearer account-key"}
    ),
    "bearer as account key": Refused(
        AUTHENTICATION, SERVICES, 401, AUTH, headers={"Authorization": f"Token token={BEARER_TOKEN}"}
    ),
    "unknown key at an unknown path": Refused(
        AUTHENTICATION, "/nothing", 401, AUTH, headers={"Authorization": "Token token=x"}
    ),
    "account key at users/me": Refused(
        "PagerDuty REST API, Get the current user",
        "/users/me",
        400,
        {"error": "This endpoint cannot be used with an account-level access token."},
    ),
    "accept of version 1": Refused(
        VERSIONING, SERVICES, 400, ACCEPT, headers={"Accept": "application/vnd.pagerduty+json;version=1"}
    ),
    "accept without a version": Refused(
        VERSIONING, SERVICES, 400, ACCEPT, headers={"Accept": "application/json"}
    ),
    "accept of anything": Refused(VERSIONING, SERVICES, 400, ACCEPT, headers={"Accept": "*/*"}),
    "content type of a form": Refused(
        VERSIONING,
        SERVICES,
        400,
        invalid("Content-Type must be application/json."),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    ),
    "limit that is no number": Refused(
        PAGINATION, f"{SERVICES}?limit=many", 400, invalid("Limit is invalid.")
    ),
    "limit of nothing": Refused(PAGINATION, f"{SERVICES}?limit=", 400, invalid("Limit is invalid.")),
    "limit of zero": Refused(PAGINATION, f"{SERVICES}?limit=0", 400, invalid("Limit is invalid.")),
    "limit below zero": Refused(PAGINATION, f"{SERVICES}?limit=-1", 400, invalid("Limit is invalid.")),
    "offset that is null": Refused(PAGINATION, f"{SERVICES}?offset=null", 400, invalid("Offset is invalid.")),
    "offset below zero": Refused(PAGINATION, f"{SERVICES}?offset=-25", 400, invalid("Offset is invalid.")),
    "limit sent twice": Refused(
        "faros-ai/airbyte-connectors, issue 991",
        f"{SERVICES}?limit=25&limit=100",
        400,
        invalid("limit was given more than once."),
    ),
    "offset and limit past 10 000": Refused(
        PAGINATION, "/incidents?date_range=all&limit=100&offset=9901", 400, arguments(CAP)
    ),
    "offset past 10 000 with the default limit": Refused(
        PAGINATION, "/users?offset=9976", 400, arguments(CAP)
    ),
    "offset past 10 000 of log entries": Refused(
        "martindstone/pagerduty-cli, issue 47",
        "/log_entries?offset=10001",
        400,
        arguments("Offset must be less than 10001."),
    ),
    "shift schedules past 10 000": Refused(
        PAGINATION, "/v3/schedules?limit=1000&offset=9001", 400, arguments(CAP)
    ),
    "cursor that is none": Refused(
        PAGINATION, "/audit/records?cursor=%21", 400, invalid("Cursor is invalid.")
    ),
    "offset of a cursor list": Refused(
        PAGINATION, "/audit/records?offset=0", 400, invalid("offset is not a parameter of this operation.")
    ),
    "limit of a list in one piece": Refused(
        PAGINATION, "/licenses?limit=100", 400, invalid("limit is not a parameter of this operation.")
    ),
    "total with a capital": Refused(
        TYPES, f"{SERVICES}?total=True", 400, invalid("total must be true, false, 1 or 0.")
    ),
    "total that is yes": Refused(
        TYPES, f"{SERVICES}?total=yes", 400, invalid("total must be true, false, 1 or 0.")
    ),
    "earliest with a capital": Refused(
        TYPES, "/oncalls?earliest=False", 400, invalid("earliest must be true, false, 1 or 0.")
    ),
    "array without brackets": Refused(
        FILTERING, "/incidents?statuses=triggered", 400, invalid("statuses must be an array: statuses[].")
    ),
    "include without brackets": Refused(
        FILTERING, "/incidents?include=services", 400, invalid("include must be an array: include[].")
    ),
    "brackets at a single value": Refused(
        FILTERING, "/incidents?incident_key[]=a", 400, invalid("incident_key must not be an array.")
    ),
    "unknown parameter": Refused(
        FILTERING,
        "/incidents?updated_since=2026-01-01",
        400,
        invalid("updated_since is not a parameter of this operation."),
    ),
    "parameter of another list": Refused(
        FILTERING, "/teams?team_ids[]=P1", 400, invalid("team_ids[] is not a parameter of this operation.")
    ),
    "unknown status": Refused(
        INCIDENTS,
        "/incidents?statuses[]=open",
        400,
        invalid("statuses[] must be one of: triggered, acknowledged, resolved."),
    ),
    "unknown urgency": Refused(
        INCIDENTS, "/incidents?urgencies[]=medium", 400, invalid("urgencies[] must be one of: high, low.")
    ),
    "unknown date range": Refused(
        INCIDENTS, "/incidents?date_range=year", 400, invalid("date_range must be one of: all.")
    ),
    "since that is no time": Refused(
        INCIDENTS, "/incidents?since=yesterday", 400, bad_time("Since is invalid.")
    ),
    "until with its plus sign lost": Refused(
        INCIDENTS, "/incidents?until=2026-01-01T00:00:00+00:00", 400, bad_time("Until is invalid.")
    ),
    "window of over 6 months": Refused(
        "xginn8/grafana-pagerduty, issue 19",
        f"/incidents?since={SINCE}&until=2026-07-01T00:00:01Z",
        400,
        invalid(" is invalid."),
    ),
    "window the wrong way round": Refused(
        INCIDENTS,
        f"/incidents?since=2026-02-01T00:00:00Z&until={SINCE}",
        400,
        bad_range("Until must not be before since."),
    ),
    "unknown time zone": Refused(
        TYPES, "/incidents?time_zone=Mars%2FOlympus", 400, invalid("Time zone is invalid.")
    ),
    "sort by an unknown field": Refused(
        INCIDENTS, "/incidents?sort_by=updated_at:asc", 400, invalid("sort_by has an unknown field.")
    ),
    "sort in an unknown direction": Refused(
        INCIDENTS, "/incidents?sort_by=created_at:up", 400, invalid("sort_by has an unknown direction.")
    ),
    "sort by three fields": Refused(
        INCIDENTS,
        "/incidents?sort_by=created_at:asc,urgency:asc,resolved_at:asc",
        400,
        invalid("sort_by takes at most two fields."),
    ),
    "sort services by status": Refused(
        SORTING,
        f"{SERVICES}?sort_by=status",
        400,
        invalid("sort_by must be one of: name, name:asc, name:desc."),
    ),
    "custom fields in a list": Refused(
        "PagerDuty/pd-live-react, issue 160",
        "/incidents?include[]=custom_fields",
        400,
        invalid(
            "include[] must be one of: acknowledgers, agents, assignees, conference_bridge, "
            "escalation_policies, first_trigger_log_entries, priorities, services, teams, users."
        ),
    ),
    "unknown include of on-calls": Refused(
        INCLUDES,
        "/oncalls?include[]=teams",
        400,
        invalid("include[] must be one of: escalation_policies, users, schedules."),
    ),
    "include of a list that has none": Refused(
        INCLUDES, "/teams?include[]=users", 400, invalid("include[] is not a parameter of this operation.")
    ),
    "on-calls over 90 days ahead": Refused(
        ONCALLS,
        "/oncalls?until=2026-09-29T12:30:01Z",
        400,
        bad_range("Until must not be more than 90 days ahead."),
    ),
    "on-calls until before now": Refused(
        ONCALLS, "/oncalls?until=2026-06-01T00:00:00Z", 400, bad_range("Until must not be before since.")
    ),
    "notifications without bounds": Refused(
        "PagerDuty REST API, List notifications",
        "/notifications",
        400,
        missing("Since is required.", "Until is required."),
    ),
    "notifications of 3 months": Refused(
        "PagerDuty REST API, List notifications",
        f"/notifications?since={SINCE}&until=2026-04-01T00:00:00Z",
        400,
        bad_range("The date range must be less than 3 months."),
    ),
    "audit records of over 31 days": Refused(
        "PagerDuty REST API, Audit Records API",
        f"/audit/records?since={SINCE}&until=2026-02-01T00:00:01Z",
        400,
        bad_range("The date range must not be more than 31 days."),
    ),
    "change events not in UTC": Refused(
        "PagerDuty REST API, List change events",
        "/change_events?since=2026-01-01T00:00:00%2B02:00",
        400,
        invalid("since must be in UTC."),
    ),
    "early access without its header": Refused(
        "PagerDuty REST API, IP allow lists", "/ip_allow_lists", 403, plain(2010, "Access Denied")
    ),
    "unknown incident": Refused(ERRORS, "/incidents/QNOTHING", 404, plain(5001, "Incident Not Found")),
    "unknown service": Refused(ERRORS, "/services/PNOTHIN", 404, plain(5002, "Service Not Found")),
    "unknown team": Refused(ERRORS, "/teams/PNOTHIN", 404, plain(6001, "Team Not Found")),
    "unknown user": Refused(ERRORS, "/users/PNOTHIN", 404, plain(5001, "User Not Found")),
    "unknown schedule": Refused(ERRORS, "/schedules/PNOTHIN", 404, plain(3004, "Schedule Not Found")),
    "unknown tag": Refused(ERRORS, "/tags/PNOTHIN", 404, plain(2100, "Not Found")),
    "members of an unknown team": Refused(
        ERRORS, "/teams/PNOTHIN/members", 404, plain(6001, "Team Not Found")
    ),
    "single priority": Refused(
        "PagerDuty REST API, Priorities", "/priorities/P1", 404, plain(2100, "Not Found")
    ),
    "unknown path": Refused(ERRORS, "/incident", 404, plain(2100, "Not Found")),
    "path that ends in a slash": Refused(ERRORS, "/incidents/", 404, plain(2100, "Not Found")),
    "count of incidents": Refused(
        "PagerDuty REST API, OpenAPI document", "/incidents/count", 404, plain(5001, "Incident Not Found")
    ),
    "delete of a service": Refused(
        ERRORS, "/services/PNOTHIN", 405, plain(2015, "Invalid operation"), method="DELETE"
    ),
    "get of aggregated metrics": Refused(ANALYTICS, METRICS, 405, plain(2015, "Invalid operation")),
    "analytics without JSON": Refused(
        ANALYTICS, RAW, 400, invalid("The body is not JSON."), method="POST", content="{"
    ),
    "analytics of a list": Refused(
        ANALYTICS, RAW, 400, invalid("The body must be an object."), method="POST", content="[]"
    ),
    "analytics of over 1000 rows": Refused(
        ANALYTICS,
        RAW,
        400,
        invalid("limit must be between 1 and 1000."),
        method="POST",
        content='{"limit": 1001}',
    ),
    "analytics with an unknown key": Refused(
        ANALYTICS,
        METRICS,
        400,
        invalid("limit is not a parameter of this operation."),
        method="POST",
        content='{"limit": 10}',
    ),
    "analytics with an unknown filter": Refused(
        ANALYTICS,
        RAW,
        400,
        invalid("filters.status is not a parameter of this operation."),
        method="POST",
        content='{"filters": {"status": "open"}}',
    ),
    "analytics with ids that are no list": Refused(
        ANALYTICS,
        METRICS,
        400,
        invalid("filters.service_ids has the wrong type."),
        method="POST",
        content='{"filters": {"service_ids": "PSERV01"}}',
    ),
    "analytics by the year": Refused(
        ANALYTICS,
        METRICS,
        400,
        invalid("aggregate_unit must be one of: day, week, month."),
        method="POST",
        content='{"aggregate_unit": "year"}',
    ),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_request_is_refused_with_the_documented_body(name: str) -> None:
    case = REFUSED[name]
    async with client(simulator(), **case.headers) as pagerduty:
        answer = await pagerduty.request(case.method, case.url, content=case.content)

    assert (answer.status_code, answer.json()) == (case.status, case.body), case.source


@pytest.mark.parametrize(
    "path",
    [
        "/enrichment/event_enrichments",
        "/event_orchestrations",
        "/license_allocations",
        "/status_pages",
        *(f"/v3/schedules/any/{name}" for name in ("custom_shifts", "overrides", "rotations")),
    ],
)
async def test_list_that_documents_no_total_takes_none(path: str) -> None:
    async with client(simulator()) as pagerduty:
        answer = await pagerduty.get(f"{path}?total=true")

    assert (answer.status_code, answer.json()) == (
        400,
        invalid("total is not a parameter of this operation."),
    )


async def test_layered_schedule_is_refused_by_v3_with_a_map_of_errors() -> None:
    """Source: PagerDuty REST API, Schedules v2 to v3 upgrade."""
    app = simulator()
    schedule_id = next(iter(app.store.rows("schedules")))
    async with client(app) as pagerduty:
        answer = await pagerduty.get(f"/v3/schedules/{schedule_id}")

    assert (answer.status_code, answer.json()) == (
        400,
        {
            "error": {
                "message": "Invalid Input Provided",
                "code": 2001,
                "errors": {"id": ["is not a shift-based schedule"]},
            }
        },
    )


async def test_final_schedule_of_v3_needs_both_bounds() -> None:
    """Source: PagerDuty REST API, Get a schedule (v3)."""
    app = simulator()
    schedule_id = next(iter(app.store.rows("v3/schedules")))
    async with client(app) as pagerduty:
        answer = await pagerduty.get(f"/v3/schedules/{schedule_id}?include[]=final_schedule&since={SINCE}")

    assert (answer.status_code, answer.json()) == (400, missing("Since is required.", "Until is required."))


async def test_overrides_of_a_schedule_need_both_bounds() -> None:
    """Source: PagerDuty REST API, List overrides."""
    app = simulator()
    schedule_id = next(iter(app.store.rows("schedules")))
    async with client(app) as pagerduty:
        answer = await pagerduty.get(f"/schedules/{schedule_id}/overrides?since={SINCE}")

    assert (answer.status_code, answer.json()) == (400, missing("Until is required."))


async def test_get_without_content_type_is_let_through() -> None:
    async with client(simulator()) as pagerduty:
        del pagerduty.headers["Content-Type"]
        answer = await pagerduty.get("/abilities")

    assert answer.status_code == 200


async def test_post_without_content_type_is_refused() -> None:
    async with client(simulator()) as pagerduty:
        del pagerduty.headers["Content-Type"]
        answer = await pagerduty.post(RAW, content="{}")

    assert (answer.status_code, answer.json()) == (400, invalid("Content-Type must be application/json."))


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("*/*", 200),
        ("application/json", 200),
        ("application/vnd.pagerduty+json;version=2", 200),
        ("application/vnd.pagerduty+json;version=1", 400),
    ],
)
async def test_key_that_is_bound_to_version_2_needs_no_version_in_accept(accept: str, status: int) -> None:
    """Source: PagerDuty REST API, Versioning."""
    async with client(simulator(keys_are_bound=True)) as pagerduty:
        answer = await pagerduty.get(SERVICES, headers={"Accept": accept})

    assert answer.status_code == status
