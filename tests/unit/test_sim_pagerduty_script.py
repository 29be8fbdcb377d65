"""A script, the log and the control routes change and show what the simulator does."""

from typing import Any

import httpx
import pytest

from simulators.control import Action, Script
from simulators.pagerduty.account import Sizes
from tests.unit.sim_pagerduty_client import Clock, client, held, incident, numbers, simulator

TEN = held(*(incident(number, f"2026-06-1{number}T00:00:00Z") for number in range(10)))


async def page(pagerduty: httpx.AsyncClient, offset: int, limit: int = 4) -> tuple[list[int], dict[str, Any]]:
    answer = await pagerduty.get(f"/incidents?limit={limit}&offset={offset}&total=true")
    body = answer.json()
    return numbers(answer), {name: body[name] for name in ("limit", "offset", "more", "total")}


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ({"short_rows": 1}, ([4, 5, 6], {"limit": 4, "offset": 4, "more": True, "total": 10})),
        ({"empty": True}, ([], {"limit": 4, "offset": 4, "more": True, "total": 10})),
        ({"null_echo": True}, ([4, 5, 6, 7], {"limit": None, "offset": None, "more": True, "total": 10})),
        ({"shift": 1}, ([5, 6, 7, 8], {"limit": 4, "offset": 4, "more": True, "total": 10})),
        ({"shift": -2}, ([2, 3, 4, 5], {"limit": 4, "offset": 4, "more": True, "total": 10})),
    ],
)
async def test_page_is_disturbed_as_the_script_says(action: dict[str, Any], expected: object) -> None:
    app = simulator(account=TEN)
    app.script.replace([{"match": {"path": "/incidents", "query": {"offset": "4"}}, "action": action}])
    async with client(app) as pagerduty:
        first = await page(pagerduty, 0)
        second = await page(pagerduty, 4)

    assert first == ([0, 1, 2, 3], {"limit": 4, "offset": 0, "more": True, "total": 10})
    assert second == expected


@pytest.mark.parametrize(
    ("shape", "status", "text"),
    [
        (
            "errors_string",
            400,
            '{"error":{"message":"Arguments Caused Error","code":2002,"errors":"Something is wrong"}}',
        ),
        ("error_array", 400, '{"error":["Something is wrong","So is this"]}'),
        ("error_string", 400, '{"error":"Something is wrong"}'),
        (
            "errors_map",
            400,
            '{"error":{"message":"Invalid Input Provided","code":2001,"errors":{"limit":["is too large"]}}}',
        ),
        ("empty", 502, ""),
        ("html", 502, "<html><body><h1>502 Bad Gateway</h1></body></html>"),
        ("rate_limit_bare", 429, ""),
    ],
)
async def test_error_of_an_odd_shape_is_sent_as_it_is(shape: str, status: int, text: str) -> None:
    app = simulator()
    app.script.replace([{"action": {"error": shape}}])
    async with client(app) as pagerduty:
        answer = await pagerduty.get("/services")

    assert (answer.status_code, answer.text) == (status, text)
    assert "ratelimit-limit" not in answer.headers


async def test_rule_acts_after_some_requests_and_so_many_times() -> None:
    app = simulator()
    rule = {
        "match": {"method": "get", "path": "/services"},
        "after": 1,
        "times": 2,
        "action": {"status": 500},
    }
    app.script.replace([rule])
    async with client(app) as pagerduty:
        statuses = [(await pagerduty.get("/services")).status_code for _ in range(5)]
        other = (await pagerduty.get("/services/PNOTHIN")).status_code

    assert (statuses, other) == ([200, 500, 500, 200, 200], 404)
    assert app.script.describe() == [{**rule, "seen": 3, "used": 2}]


async def test_first_rule_that_is_due_acts_alone() -> None:
    app = simulator()
    app.script.replace(
        [{"times": 1, "action": {"status": 503, "body": {"a": 1}}}, {"action": {"headers": {"X-Odd": "yes"}}}]
    )
    async with client(app) as pagerduty:
        first = await pagerduty.get("/abilities")
        second = await pagerduty.get("/abilities")

    assert (first.status_code, first.json(), first.headers.get("x-odd")) == (503, {"a": 1}, None)
    assert (second.status_code, second.headers.get("x-odd")) == (200, "yes")


async def test_scripted_header_takes_the_place_of_the_true_one() -> None:
    app = simulator()
    app.script.replace([{"action": {"headers": {"RateLimit-Remaining": "0", "ratelimit-reset": "7"}}}])
    async with client(app) as pagerduty:
        answer = await pagerduty.get("/abilities")

    assert answer.headers.get_list("ratelimit-remaining") == ["0"]
    assert answer.headers.get_list("ratelimit-reset") == ["7"]


async def test_delay_and_latency_are_waited_for() -> None:
    clock = Clock()
    app = simulator(clock=clock, latency_ms=20)
    app.script.replace([{"times": 1, "action": {"delay_ms": 1500}}])
    async with client(app) as pagerduty:
        await pagerduty.get("/abilities")
        await pagerduty.get("/abilities")

    assert clock.slept_s == [1.5, 0.02, 0.02]


@pytest.mark.parametrize("drop", ["before", "mid_body"])
async def test_dropped_connection_is_a_read_error_in_process(drop: str) -> None:
    app = simulator()
    app.script.replace([{"times": 1, "action": {"drop": drop}}])
    async with client(app) as pagerduty:
        with pytest.raises(httpx.ReadError):
            await pagerduty.get("/services")
        again = await pagerduty.get("/services")

    assert again.status_code == 200
    assert [request.status for request in app.log.requests] == [None, 200]


@pytest.mark.parametrize(
    ("match", "query", "expected"),
    [
        ({}, [("a", "1")], True),
        ({"query": {"a": "1"}}, [("a", "1"), ("b", "2")], True),
        ({"query": {"a": "1"}}, [("a", "2")], False),
        ({"query": {"a[]": ["1", "2"]}}, [("a[]", "1"), ("a[]", "2")], True),
        ({"query": {"a[]": ["1"]}}, [("a[]", "1"), ("a[]", "2")], False),
        ({"query": {"a": None}}, [("b", "1")], True),
        ({"query": {"a": None}}, [("a", "")], False),
        ({"path": "/inc"}, [], False),
        ({"path": "/inc.*"}, [], True),
        ({"method": "POST"}, [], False),
    ],
)
def test_rule_matches_by_method_whole_path_and_query(
    match: dict[str, Any], query: list[tuple[str, str]], expected: bool
) -> None:
    script = Script(Action)
    script.replace([{"match": match, "action": {"status": 418}}])

    assert (script.take("GET", "/incidents", query) is not None) is expected


@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        ([{"action": {"shorts": 1}}], "0.action.shorts: Extra inputs are not permitted"),
        ([{"action": {}, "time": 1}], "0.time: Extra inputs are not permitted"),
        ([{"match": {"host": "x"}, "action": {}}], "0.match.host: Extra inputs are not permitted"),
        ([{}], "0.action: Field required"),
        ([{"action": {"status": 42}}], "0.action.status: Input should be greater than or equal to 100"),
        ({"rules": []}, ": Input should be a valid list"),
    ],
)
async def test_script_with_a_mistake_is_refused_and_the_old_one_stays(rules: object, problem: str) -> None:
    app = simulator()
    app.script.replace([{"action": {"status": 500}}])
    async with client(app) as control:
        answer = await control.put("/_sim/script", json=rules)

    assert (answer.status_code, answer.json()) == (422, {"errors": [problem]})
    assert app.script.describe() == [{"action": {"status": 500}, "seen": 0, "used": 0}]


@pytest.mark.parametrize("path", ["/_sim/requests", "/_sim/deliveries"])
@pytest.mark.parametrize("last", ["some", "-1", ""])
async def test_number_of_rows_that_is_none_is_refused(path: str, last: str) -> None:
    async with client(simulator()) as pagerduty:
        answer = await pagerduty.get(path, params={"last": last})

    said = f"last: {last!r} is no number of rows"
    assert (answer.status_code, answer.json()) == (422, {"errors": [said]})


async def test_log_tells_what_was_asked_and_never_the_key() -> None:
    app = simulator()
    async with client(app, **{"User-Agent": "tester/1"}) as pagerduty:
        await pagerduty.get("/incidents?limit=1&statuses[]=triggered&statuses[]=resolved")
        await pagerduty.post("/analytics/raw/incidents", content="{}")
        log = (await pagerduty.get("/_sim/requests")).json()
        counters = (await pagerduty.get("/_sim/counters")).json()
        text = (await pagerduty.get("/_sim/requests")).text
        cleared = await pagerduty.delete("/_sim/requests")
        after = (await pagerduty.get("/_sim/requests")).json()

    assert [request.pop("response_bytes") > 0 for request in log["requests"]] == [True, True]
    shared = {
        "started_at": "2026-07-01T12:30:00Z",
        "authorization": "Token",
        "user_agent": "tester/1",
        "status": 200,
        "scripted": False,
    }
    assert log == {
        "requests": [
            {
                **shared,
                "method": "GET",
                "path": "/incidents",
                "query": [["limit", "1"], ["statuses[]", "triggered"], ["statuses[]", "resolved"]],
                "route": "/incidents",
                "request_bytes": 0,
            },
            {
                **shared,
                "method": "POST",
                "path": "/analytics/raw/incidents",
                "query": [],
                "route": "/analytics/raw/incidents",
                "request_bytes": 2,
            },
        ]
    }
    assert counters == {
        "total": 2,
        "in_flight": 0,
        "in_flight_peak": 1,
        "counters": [
            {"method": "GET", "route": "/incidents", "status": 200, "count": 1},
            {"method": "POST", "route": "/analytics/raw/incidents", "status": 200, "count": 1},
        ],
    }
    assert "account-key" not in text
    assert (cleared.status_code, after) == (204, {"requests": []})


async def test_single_gets_are_counted_under_their_template() -> None:
    app = simulator()
    first, second = list(app.store.rows("services"))[:2]
    async with client(app) as pagerduty:
        await pagerduty.get(f"/services/{first}")
        await pagerduty.get(f"/services/{second}")

    assert app.log.count(method="GET", route="/services/{id}", status=200) == 2


async def test_object_is_put_patched_and_deleted_from_outside() -> None:
    app = simulator(account=held())
    one = incident(1, "2026-06-20T00:00:00Z")
    url = f"/_sim/objects/incidents/{one['id']}"
    async with client(app) as control:
        put = await control.put(url, json=one)
        patched = await control.patch(url, json={"status": "acknowledged"})
        seen = (await control.get(f"/incidents/{one['id']}")).json()
        wrong = await control.put("/_sim/objects/v3/schedules/PSCHE01", json={"id": "POTHER1"})
        deleted = await control.delete(url)
        gone = await control.get(f"/incidents/{one['id']}")
        again = await control.delete(url)

    changed = {**one, "status": "acknowledged"}
    assert (put.json(), patched.json(), seen) == (one, changed, {"incident": changed})
    assert (wrong.status_code, wrong.json()) == (
        422,
        {"errors": ["the object's id is 'POTHER1', the path says 'PSCHE01'"]},
    )
    assert [answer.status_code for answer in (deleted, gone, again)] == [204, 404, 404]


async def test_state_taken_from_one_simulator_is_the_state_of_another() -> None:
    source, target = simulator(Sizes(services=2, incidents=3, users=2)), simulator(account={})
    async with client(source) as control:
        state = (await control.get("/_sim/state")).content
    async with client(target) as control:
        put = await control.put("/_sim/state", content=state)
        refused = await control.put("/_sim/state", json={"users": []})

    assert (put.status_code, target.store.account) == (204, source.store.account)
    assert (refused.status_code, refused.json()) == (
        422,
        {"errors": ["users: a kind is an object of objects by id"]},
    )


async def test_token_taken_away_gets_401_until_it_is_good_again() -> None:
    app = simulator()
    async with client(app) as pagerduty:
        changed = await pagerduty.patch("/_sim/service", json={"tokens": [], "requests_per_minute": 7})
        refused = await pagerduty.get("/abilities")
        await pagerduty.patch("/_sim/service", json={"tokens": ["account-key"]})
        accepted = await pagerduty.get("/abilities")
        unknown = await pagerduty.patch("/_sim/service", json={"token": "x"})

    assert changed.json() == {
        "tokens": 0,
        "bearer_tokens": 1,
        "user_tokens": 1,
        "latency_ms": 0,
        "requests_per_minute": 7,
        "analytics_per_day": 100_000,
    }
    assert (refused.status_code, accepted.status_code, accepted.headers["ratelimit-limit"]) == (401, 200, "7")
    assert (unknown.status_code, unknown.json()) == (
        422,
        {"errors": ["token: Extra inputs are not permitted"]},
    )
