"""Tests what the fetcher does when PagerDuty refuses, fails, or is not there."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from schemas.run import KindResult, KindState
from services.fetcher.preflight import check_access
from shared.errors import FatalError
from shared.pagerduty.interface import Patience
from tests.service.pagerduty_listing import GONE, TOKEN, Bench, SimulatorBench, account

USERS = {"path": "/users"}


def answers(handler: Callable[[httpx.Request], httpx.Response], **options: Any) -> Bench:
    return Bench(httpx.MockTransport(handler), **options)


def complete(count: int, requests: int) -> KindResult:
    return KindResult(state=KindState.COMPLETE, announced=count, fetched=count, requests=requests)


@pytest.mark.parametrize("status", [402, 403])
async def test_kind_the_token_may_not_see_is_skipped_with_the_reason(status: int) -> None:
    bench = SimulatorBench(account())
    error = {"message": "Account does not have the abilities to perform the action", "code": 2014}
    headers = {"x-request-id": "req-123"}
    bench.script({"match": USERS, "action": {"status": status, "body": {"error": error}, "headers": headers}})
    listed = await bench.list("users")
    assert listed.result == KindResult(
        state=KindState.SKIPPED,
        requests=1,
        reason=f"GET /users: HTTP {status}: Account does not have the abilities to perform the action "
        "(code 2014) [x-request-id req-123]; give the token that right, or take users out of the mapping",
    )
    assert (await bench.list("teams")).result.state is KindState.COMPLETE


async def test_refusal_amid_the_pages_keeps_what_was_read() -> None:
    bench = SimulatorBench(account(users=250))
    bench.script({"match": USERS, "after": 2, "action": {"status": 403}})
    listed = await bench.list("users", concurrency=1)
    assert (listed.result.state, listed.result.fetched, len(listed.ids)) == (KindState.SKIPPED, 200, 200)


@pytest.mark.parametrize(
    ("kind", "state"), [("users", KindState.FAILED), ("enrichment/schemas", KindState.SKIPPED)]
)
async def test_list_that_does_not_exist_is_not_taken_for_empty(kind: str, state: KindState) -> None:
    bench = SimulatorBench(account())
    bench.script({"match": {"path": f"/{kind}"}, "action": GONE})
    listed = await bench.list(kind)
    assert (listed.result.state, listed.result.fetched) == (state, 0)
    assert "HTTP 404" in listed.result.reason
    is_skipped = state is KindState.SKIPPED
    step = f"take {kind} out of the mapping" if is_skipped else "check OCEAN__INTEGRATION__CONFIG__API_URL"
    assert listed.result.reason.endswith(step)


async def test_new_list_that_is_gone_amid_its_pages_is_not_taken_for_whole() -> None:
    def schedules(request: httpx.Request) -> httpx.Response:
        if request.url.params["offset"] != "0":
            return httpx.Response(404, json=GONE["body"])
        return httpx.Response(200, json={"schedules": [{"id": "PS1"}], "more": True, "total": None})

    listed = await answers(schedules).list("v3/schedules")
    assert (listed.result.state, listed.ids, listed.result.warnings) == (KindState.FAILED, ["PS1"], [])


async def test_new_list_that_an_account_does_not_know_yet_holds_nothing_and_says_so() -> None:
    bench = SimulatorBench(account())
    bench.script({"match": {"path": "/v3/schedules"}, "action": GONE})
    listed = await bench.list("v3/schedules")
    assert listed.result == KindResult(
        state=KindState.COMPLETE,
        requests=1,
        warnings=["the account has no v3/schedules: GET /v3/schedules answers 404"],
    )


async def test_refused_token_is_fatal_and_names_setting_host_and_region() -> None:
    bench = SimulatorBench(account(), token="u+wrongTokenABC")
    with pytest.raises(FatalError) as caught:
        await check_access(bench.client)
    said = str(caught.value)
    assert said.startswith(
        "PagerDuty at http://pagerduty.test refuses the token (GET /abilities: HTTP 401: Authentication "
    )
    assert said.endswith(
        "put a valid REST API key into OCEAN__INTEGRATION__CONFIG__TOKEN, or, if the account is in the other "
        "region, set OCEAN__INTEGRATION__CONFIG__API_URL=https://api.eu.pagerduty.com"
    )
    assert "wrongToken" not in said
    assert bench.client.requests == 1


async def test_token_is_masked_even_when_the_reply_quotes_it() -> None:
    def reply(request: httpx.Request) -> httpx.Response:
        return httpx.Response(401, json={"error": {"message": f"bad key {request.headers['authorization']}"}})

    with pytest.raises(FatalError) as caught:
        await answers(reply).list("users")
    assert TOKEN not in str(caught.value)
    assert "********" in str(caught.value)


@pytest.mark.parametrize(
    ("token", "authorization"),
    [
        ("u+classic", "Token token=u+classic"),
        ("pdus+oauth", "Bearer pdus+oauth"),
        ("pdeu+o", "Bearer pdeu+o"),
    ],
)
async def test_every_request_carries_credentials_version_and_agent(token: str, authorization: str) -> None:
    seen: list[httpx.Headers] = []

    def reply(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers)
        return httpx.Response(200, json={"ip_allow_lists": []})

    await answers(reply, token=token).list("ip_allow_lists")
    assert {name: seen[0][name] for name in ("authorization", "accept", "content-type", "user-agent")} == {
        "authorization": authorization,
        "accept": "application/vnd.pagerduty+json;version=2",
        "content-type": "application/json",
        "user-agent": "pagerport/0/bench/exporter",
    }
    assert seen[0]["x-early-access"] == "ip-allow-lists"


async def test_rate_limit_is_waited_out_and_told() -> None:
    bench = SimulatorBench(account(users=120))
    headers = {"ratelimit-limit": "960", "ratelimit-remaining": "0", "ratelimit-reset": "7"}
    bench.script({"match": USERS, "times": 1, "action": {"status": 429, "headers": headers}})
    listed = await bench.list("users")
    assert listed.result == complete(120, 3)
    assert [(wait.host, wait.cause) for wait in bench.waits.waits()] == [("PagerDuty", "rate limit")]
    assert 7 <= bench.waits.waits()[0].seconds <= 8


async def test_rate_limit_without_headers_or_body_is_backed_off_from() -> None:
    bench = SimulatorBench(account(users=120))
    bench.script({"match": USERS, "times": 2, "action": {"error": "rate_limit_bare"}})
    listed = await bench.list("users")
    assert listed.result == complete(120, 4)
    assert bench.time.seconds > 0


@pytest.mark.parametrize(
    "action",
    [
        {"status": 500},
        {"status": 408},
        {"error": "html"},
        {"error": "empty"},
        {"status": 200, "body": "<html>maintenance</html>"},
        {"status": 200, "body": '{"users": [{"id": '},
        {"status": 200, "body": []},
        {"drop": "before"},
        {"drop": "mid_body"},
    ],
    ids=lambda action: "-".join(f"{value}"[:12] for value in action.values()),
)
async def test_failure_that_passes_costs_a_request_and_nothing_else(action: dict[str, Any]) -> None:
    bench = SimulatorBench(account(users=120))
    bench.script({"match": USERS, "times": 2, "action": action})
    listed = await bench.list("users")
    assert listed.result == complete(120, 4)
    assert len(bench.time.slept) == 2


async def test_end_of_the_rate_window_is_no_wish_of_a_failed_reply() -> None:
    bench = SimulatorBench(account(users=2))
    headers = {"ratelimit-limit": "960", "ratelimit-remaining": "900", "ratelimit-reset": "58"}
    bench.script({"match": USERS, "times": 1, "action": {"status": 500, "headers": headers}})
    assert (await bench.list("users")).result == complete(2, 2)
    assert bench.time.seconds < 1


async def test_wish_of_a_failed_reply_is_obeyed() -> None:
    bench = SimulatorBench(account(users=2))
    bench.script({"match": USERS, "times": 1, "action": {"status": 503, "headers": {"retry-after": "20"}}})
    assert (await bench.list("users")).result == complete(2, 2)
    assert 20 <= bench.time.seconds < 21


@pytest.mark.parametrize("error", ["errors_string", "error_array", "error_string", "errors_map"])
async def test_error_of_an_odd_shape_fails_the_kind_with_its_words(error: str) -> None:
    bench = SimulatorBench(account())
    bench.script({"match": USERS, "action": {"error": error}})
    listed = await bench.list("users")
    assert listed.result.state is KindState.FAILED
    assert "HTTP 400" in listed.result.reason
    assert listed.result.reason.endswith("; check apiQueryParams in the entries of users")
    assert "wrong" in listed.result.reason or "too large" in listed.result.reason


async def test_failing_page_is_given_up_when_others_go_through() -> None:
    bench = SimulatorBench(account(users=450))
    bench.script({"match": {"path": "/users", "query": {"offset": "100"}}, "action": {"status": 502}})
    listed = await bench.list("users")
    assert (listed.result.state, listed.result.fetched) == (KindState.FAILED, 300)
    assert listed.result.reason == "GET /users: failed 9 times, at last HTTP 502: Bad Gateway"


async def test_nothing_going_through_ends_after_the_stall_timeout_and_names_the_host() -> None:
    bench = SimulatorBench(account(), patience=Patience(stall_timeout_s=120))
    bench.script({"action": {"status": 503}})
    with pytest.raises(FatalError) as caught:
        await bench.list("users")
    assert bench.time.seconds == pytest.approx(120)
    assert "http://pagerduty.test" in str(caught.value)
    assert "HTTP 503" in str(caught.value)
    assert "OCEAN__SYNC__STALL_TIMEOUT_S" in str(caught.value)
    assert bench.waits.waits()[0].cause == "HTTP 503"


async def test_unreachable_address_is_given_up_soon() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("Connection refused", request=request)

    bench = answers(refuse)
    with pytest.raises(FatalError) as caught:
        await check_access(bench.client)
    assert bench.time.seconds == pytest.approx(10)
    assert 3 <= bench.client.requests <= 8
    assert str(caught.value) == (
        "PagerDuty cannot be reached at http://pagerduty.test: no connection (Connection refused); check "
        "OCEAN__INTEGRATION__CONFIG__API_URL, the network and its proxy"
    )


async def test_connection_lost_later_is_waited_for_longer() -> None:
    calls = 0

    def reply(request: httpx.Request) -> httpx.Response:
        nonlocal calls
        calls += 1
        if 1 < calls < 9:
            raise httpx.ConnectError("Connection refused", request=request)
        rows = [{"id": f"PU{calls}"}]
        return httpx.Response(200, json={"users": rows, "more": calls == 1, "total": None})

    bench = answers(reply)
    listed = await bench.list("users")
    assert sorted(listed.ids) == ["PU1", "PU9"]
    assert bench.time.seconds > 10


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [(301, "", {"location": "https://elsewhere.test/"}), (200, "<html>hello</html>", {}), (405, "no", {})],
)
async def test_something_else_at_the_address_is_found_out_before_anything_is_read(
    status: int, body: str, headers: dict[str, str]
) -> None:
    seen: list[str] = []

    def reply(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return httpx.Response(status, text=body, headers=headers)

    bench = answers(reply)
    with pytest.raises(FatalError, match="OCEAN__INTEGRATION__CONFIG__API_URL"):
        await check_access(bench.client)
    assert bench.time.seconds <= 10
    assert set(seen) == {"http://pagerduty.test/abilities"}


@pytest.mark.parametrize("status", [402, 403, 404])
async def test_token_without_the_cheapest_list_still_has_access(status: int) -> None:
    bench = SimulatorBench(account())
    bench.script({"match": {"path": "/abilities"}, "action": {**GONE, "status": status}})
    await check_access(bench.client)
    assert bench.client.requests == 1


@pytest.mark.parametrize("error", ["not_found", {"message": "Not Found"}])
async def test_other_api_that_answers_404_to_everything_is_not_pagerduty(error: Any) -> None:
    bench = answers(lambda _: httpx.Response(404, json={"ok": False, "error": error}))
    with pytest.raises(FatalError) as caught:
        await check_access(bench.client)
    said = str(caught.value)
    assert said.startswith("http://pagerduty.test is not PagerDuty (GET /abilities: HTTP 404")
    assert said.endswith("check OCEAN__INTEGRATION__CONFIG__API_URL")
    assert bench.client.requests == 1


async def test_answer_of_another_shape_fails_the_kind() -> None:
    bench = SimulatorBench(account())
    bench.script({"match": USERS, "action": {"status": 200, "body": {"people": [], "more": False}}})
    listed = await bench.list("users")
    assert listed.result.state is KindState.FAILED
    assert listed.result.reason == "GET /users: the answer has no 'users'; it has more, people"


async def test_half_a_surrogate_pair_costs_a_character_not_the_page() -> None:
    def reply(request: httpx.Request) -> httpx.Response:
        text = '{"teams": [{"id": "PT1", "name": "half \\ud83d"}, {"id": "PT2"}], "more": false, "total": 2}'
        return httpx.Response(200, text=text)

    listed = await answers(reply).list("teams")
    assert listed.result.state is KindState.COMPLETE
    assert listed.rows == {"PT1": {"id": "PT1", "name": "half \ufffd"}, "PT2": {"id": "PT2"}}


async def test_offset_cap_told_by_the_server_ends_the_reading_as_incomplete() -> None:
    def reply(request: httpx.Request) -> httpx.Response:
        offset = int(request.url.params["offset"])
        if offset >= 300:
            text = "Offset must be less than 10001."
            body = {"error": {"message": "Arguments Caused Error", "code": 2002, "errors": [text]}}
            return httpx.Response(400, json=body)
        rows = [{"id": f"PT{offset + number}"} for number in range(100)]
        return httpx.Response(200, json={"teams": rows, "more": True, "total": None})

    listed = await answers(reply).list("teams")
    assert (listed.result.state, listed.result.fetched) == (KindState.INCOMPLETE, 300)


async def test_server_that_repeats_its_page_does_not_loop() -> None:
    def reply(request: httpx.Request) -> httpx.Response:
        rows = [{"id": f"PT{number}"} for number in range(100)]
        return httpx.Response(200, json={"teams": rows, "more": True, "total": None})

    listed = await answers(reply).list("teams")
    assert (listed.result.state, listed.result.fetched, listed.result.requests) == (
        KindState.INCOMPLETE,
        100,
        4,
    )


async def test_cursor_that_repeats_does_not_loop() -> None:
    def reply(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"triggers": [{"id": "PX"}], "next_cursor": "same"})

    listed = await answers(reply).list("incident_workflows/triggers")
    assert (listed.result.state, listed.result.fetched, listed.result.requests) == (
        KindState.INCOMPLETE,
        1,
        4,
    )


@pytest.mark.parametrize("row", [{"id": "PX"}, {"name": "without an id"}])
async def test_new_cursor_with_every_page_and_no_new_row_does_not_loop(row: dict[str, str]) -> None:
    asked: list[str] = []

    def reply(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(200, json={"triggers": [row], "next_cursor": f"c{len(asked)}"})

    listed = await answers(reply).list("incident_workflows/triggers")
    number = 4 if "id" in row else 3
    assert (listed.result.state, len(asked)) == (KindState.INCOMPLETE, 2 * number)
    assert listed.result.reason.startswith(
        "PagerDuty gave a new cursor with each page, and no new row; run it again"
    )


async def test_page_that_says_more_and_names_no_next_one_is_not_the_end() -> None:
    rows = {"records": [{"id": "PA1"}], "next_cursor": None, "more": True}
    listed = await answers(lambda _: httpx.Response(200, json=rows)).list("audit/records")
    assert (listed.result.state, listed.result.reason) == (
        KindState.INCOMPLETE,
        "PagerDuty said that there is more, and gave nothing more; run it again",
    )


@pytest.mark.parametrize("cursor", [7, True, {"after": "x"}])
async def test_cursor_of_another_shape_is_not_the_end(cursor: Any) -> None:
    rows = {"records": [{"id": "PA1"}], "next_cursor": cursor}
    listed = await answers(lambda _: httpx.Response(200, json=rows)).list("audit/records")
    assert listed.result.state is KindState.FAILED
    assert "next_cursor" in listed.result.reason


async def test_full_page_of_a_list_that_never_says_whether_there_is_more_is_read_on_from() -> None:
    held = [{"id": f"PO{number}"} for number in range(230)]

    def orchestrations(request: httpx.Request) -> httpx.Response:
        start = int(request.url.params["offset"])
        return httpx.Response(200, json={"orchestrations": held[start : start + 100]})

    listed = await answers(orchestrations).list("event_orchestrations")
    assert (listed.result.state, listed.result.fetched, listed.result.requests) == (
        KindState.COMPLETE,
        230,
        3,
    )


async def test_total_that_only_the_last_page_tells_counts_too() -> None:
    def users(request: httpx.Request) -> httpx.Response:
        start = int(request.url.params["offset"])
        rows = [{"id": f"PU{number}"} for number in range(start, start + 100)]
        is_last = start > 0
        return httpx.Response(
            200, json={"users": rows, "more": not is_last, "total": 500 if is_last else None}
        )

    listed = await answers(users).list("users")
    assert (listed.result.state, listed.result.reason) == (
        KindState.INCOMPLETE,
        "PagerDuty announced 500 rows and gave 200 different ones; run it again",
    )


async def test_pages_that_bring_nothing_new_are_read_past_while_others_do() -> None:
    ids = ["PA", "PA", "PA", "PB", "PA", "PB", "PC"]

    def reply(request: httpx.Request) -> httpx.Response:
        at = int(request.url.params.get("cursor", "0"))
        following = None if at + 1 == len(ids) else str(at + 1)
        return httpx.Response(200, json={"triggers": [{"id": ids[at]}], "next_cursor": following})

    listed = await answers(reply).list("incident_workflows/triggers")
    assert (listed.result.state, listed.ids) == (KindState.COMPLETE, ["PA", "PB", "PC"])


async def test_page_that_took_too_long_to_arrive_is_read_again() -> None:
    bench: Bench
    calls = 0

    def reply(request: httpx.Request) -> httpx.Response:
        nonlocal calls
        calls += 1
        if calls == 1:
            bench.time.seconds += 601
        return httpx.Response(200, json={"teams": [{"id": f"PT{calls}"}], "more": False, "total": 1})

    bench = answers(reply)
    listed = await bench.list("teams")
    assert listed.ids == ["PT2"]
    assert listed.headers[0].observedat == bench.time.now()


async def test_failed_publish_ends_the_listing_with_its_error() -> None:
    def fail() -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        await SimulatorBench(account(users=350)).list("users", on_publish=fail)


async def test_requests_that_were_cancelled_take_nothing_from_what_the_server_has_left() -> None:
    left = 940
    gone = asyncio.Event()

    async def users(request: httpx.Request) -> httpx.Response:
        if not gone.is_set():
            await asyncio.Event().wait()
        headers = {"ratelimit-limit": "960", "ratelimit-remaining": str(left), "ratelimit-reset": "50"}
        return httpx.Response(200, json={"users": []}, headers=headers)

    bench = Bench(httpx.MockTransport(users))
    for _ in range(left):
        asking = asyncio.create_task(bench.client.get("/users"))
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    gone.set()
    bench.time.seconds += 120
    await bench.client.get("/users")
    bench.time.slept.clear()
    await bench.client.get("/users")
    assert bench.time.slept == []
