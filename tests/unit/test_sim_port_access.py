"""Tokens, rate limits, integrations and headers of the simulated Port."""

import re
from typing import Any

import pytest

from simulators.port.app import PortSimulator
from tests.unit.sim_port_client import CREDENTIALS, STARTED_AT, PortClient, port_client

RATE_HEADERS = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-period", "x-ratelimit-reset")


def rate(headers: Any) -> tuple[str, ...]:
    return tuple(headers[name] for name in RATE_HEADERS)


async def token(port: PortClient) -> dict[str, Any]:
    answer: dict[str, Any] = (await port.call("POST", "/auth/access_token", CREDENTIALS)).json()
    return answer


async def test_same_token_is_given_until_it_expires_and_a_new_one_after() -> None:
    async with port_client(token_lifetime_s=100) as port:
        first = await token(port)
        port.clock.move(99)
        again = await token(port)
        assert again == {**first, "expiresIn": 1}
        assert (await port.call("GET", "/organization")).status_code == 200
        port.clock.move(1)
        expired = await port.call("GET", "/organization")
        assert (expired.status_code, expired.json()["message"]) == (401, "Access token has expired")
        fresh = await token(port)
        assert fresh["expiresIn"] == 100
        assert fresh["accessToken"] != first["accessToken"]


async def test_every_answer_tells_its_own_family_and_a_new_window_begins_after_five_minutes() -> None:
    limits = {"bulk_upsert": 2, "entities_search": 7}
    async with port_client(requests_per_5_minutes=limits) as port:
        first = await port.bulk("app", [{"identifier": "a"}])
        port.clock.move(10.5)
        second = await port.bulk("app", [{"identifier": "a"}])
        third = await port.bulk("app", [{"identifier": "a"}])
        search = await port.call("POST", "/blueprints/app/entities/search", {})
        assert rate(first.headers) == ("2", "1", "300", "300")
        assert rate(second.headers) == ("2", "0", "300", "290")
        assert rate(third.headers) == ("2", "0", "300", "290")
        message = "Too many requests, the rate limit is exceeded"
        assert (third.status_code, third.json()) == (
            429,
            {"ok": False, "error": "too_many_requests", "message": message},
        )
        assert (search.status_code, rate(search.headers)) == (200, ("7", "6", "300", "300"))
        port.clock.move(289.5)
        assert (await port.bulk("app", [{"identifier": "a"}])).status_code == 200


async def test_reset_header_can_be_the_epoch_second() -> None:
    async with port_client(reset_form="epoch") as port:
        headers = (await port.call("GET", "/blueprints")).headers
        assert rate(headers) == ("15000", "14999", "300", str(int(STARTED_AT.timestamp()) + 300))


@pytest.mark.parametrize(
    ("method", "path", "limit"),
    [
        ("POST", "/auth/access_token", "100"),
        ("GET", "/blueprints/app/entities-count", "35000"),
        ("GET", "/blueprints/app", "15000"),
        ("POST", "/entities/search", "35000"),
        ("POST", "/blueprints/app/entities", "10000"),
        ("POST", "/blueprints/app/entities/bulk", "35000"),
        ("GET", "/integration", "15000"),
        ("GET", "/nowhere", "15000"),
    ],
)
async def test_default_limits_are_those_of_port(method: str, path: str, limit: str) -> None:
    async with port_client() as port:
        answer = await port.call(method, path, {} if method == "POST" else None)
        assert answer.headers["x-ratelimit-limit"] == limit


async def test_every_response_has_a_trace_id_and_the_time_of_the_clock() -> None:
    async with port_client() as port:
        await port.script(
            {"match": {"path": "/v1/organization"}, "action": {"status": 502, "body": "<p>Bad"}}
        )
        answers = [
            await port.call("GET", "/blueprints"),
            await port.call("GET", "/nowhere"),
            await port.call("GET", "/organization"),
        ]
        assert [answer.headers["date"] for answer in answers] == ["Sun, 01 Mar 2026 12:00:00 GMT"] * 3
        traces = {answer.headers["x-trace-id"] for answer in answers}
        assert len(traces) == 3
        assert all(re.fullmatch("[0-9a-f]{32}", trace) for trace in traces)
        assert (answers[2].status_code, answers[2].headers["content-type"]) == (
            502,
            "text/html; charset=utf-8",
        )


async def test_latency_is_waited_before_each_answer_of_the_api() -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    async with port_client(latency_ms=250, sleep=sleep) as port:
        await port.call("GET", "/organization")
        await port.http.get("/_sim/counters")
        assert waited == [0.25, 0.25]


async def test_integration_is_created_read_patched_and_asked_to_resync() -> None:
    async with port_client() as port:
        body = {
            "installationId": "mine",
            "installationAppType": "pagerduty",
            "version": "1",
            "config": {"a": 1},
        }
        created = await port.call("POST", "/integration", body)
        expected = {
            **body,
            "identifier": "mine",
            "changelogDestination": {},
            "resyncState": None,
            "createdAt": "2026-03-01T12:00:00.000Z",
            "updatedAt": "2026-03-01T12:00:00.000Z",
        }
        assert (created.status_code, created.json()) == (201, {"ok": True, "integration": expected})
        assert (await port.call("POST", "/integration", body)).status_code == 409
        path = "/integration/mine"
        assert (await port.call("GET", f"{path}/resync-request")).json() == {"ok": True, "request": None}
        skip = {"x-skip-resync": "true"}
        await port.call("PATCH", f"{path}/config", {"config": {"a": 2}}, headers=skip)
        await port.call("PATCH", f"{path}/resync-state", {"status": "running"})
        read = (await port.call("GET", path, params={"byField": "installationId"})).json()["integration"]
        state = {"status": "running", "updatedAt": "2026-03-01T12:00:00.000Z"}
        assert (read["config"], read["resyncState"]) == ({"a": 2}, state)
        assert (await port.call("GET", f"{path}/resync-request")).json()["request"] is None
        await port.call("PATCH", path)
        request = (await port.call("GET", f"{path}/resync-request")).json()["request"]
        assert request == {"id": "resync-1", "updatedAt": "2026-03-01T12:00:00.000Z"}


async def test_requests_are_counted_by_route_and_no_token_is_kept() -> None:
    async with port_client() as port:
        await port.call("GET", "/blueprints/app")
        await port.call("GET", "/blueprints/team")
        app: PortSimulator = port.app
        assert app.log.count("GET", "/v1/blueprints/{blueprint}", 200) == 2
        secret = port.http.headers["authorization"].removeprefix("Bearer ")
        assert secret not in (await port.http.get("/_sim/requests")).text
