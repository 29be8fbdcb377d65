"""A host that is down while many requests wait for it: what it gets to see, and what comes of them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.fetcher.budget import RateBudget
from shared.http.circuit_breaker import OPENS_AFTER, CircuitBreaker
from shared.http.client import build_client
from shared.http.pause import until_left
from shared.http.waits import WaitLedger
from shared.pagerduty.client import PagerDutyClient
from shared.pagerduty.interface import Answer, Patience
from shared.pagerduty.verdicts import Verdict
from shared.port import persistence as port_persistence
from shared.port.call import Call, LeavingError
from shared.port.token import Credentials
from shared.port.transport import PortTransport
from tests.pipeline import harness
from tests.service.pagerduty_listing import Time
from tests.service.port_setting import APP, TEAM, port_setting

MANY = 100
CONCURRENCY = 8
DOWN: dict[str, Any] = {"match": {"path": ".*"}, "action": {"status": 503}}
APP_CALL = Call(method="GET", path="/v1/blueprints/app", family="blueprint")


def port_client(http: httpx.AsyncClient, url: str, time: Time) -> PortTransport:
    return PortTransport(
        http,
        base_url=url,
        credentials=Credentials(harness.CLIENT_ID, harness.CLIENT_SECRET),
        user_agent="pagerport/0/circuit/exporter",
        waits=WaitLedger(time.clock),
        patience=port_persistence.Patience(stall_s=10**9),
        concurrency=CONCURRENCY,
        clock=time.clock,
        wall=lambda: time.now().timestamp(),
        sleep=time.sleep,
    )


def pagerduty_client(
    http: httpx.AsyncClient, url: str, time: Time, patience: Patience | None = None
) -> PagerDutyClient:
    waits = WaitLedger(time.clock)
    return PagerDutyClient(
        http,
        base_url=url,
        token=harness.TOKEN,
        user_agent="pagerport/0/circuit/exporter",
        budget=RateBudget(waits, clock=time.clock, sleep=time.sleep),
        waits=waits,
        patience=patience,
        concurrency=CONCURRENCY,
        now=time.now,
        clock=time.clock,
        sleep=time.sleep,
    )


@asynccontextmanager
async def over_the_network() -> AsyncIterator[httpx.AsyncClient]:
    async with build_client(user_agent="unused") as http:
        yield http


async def passed(time: Time, seconds: float) -> None:
    """Return once so much time has passed."""
    until_s, reached = time.seconds + seconds, asyncio.Event()
    time.on_sleep = lambda: reached.set() if time.seconds >= until_s else None
    await reached.wait()


async def outage(
    server: harness.Simulator, time: Time, ask: Callable[[], Awaitable[object]], *, lasts_s: float
) -> tuple[list[object], int, float]:
    """Take a server away while many ask.

    Returns what came of them, how many requests the server saw while it was away, and how long the last one
    took once it was back.
    """
    server.script(DOWN)
    before = len(server.requests())
    asking = asyncio.gather(*(ask() for _ in range(MANY)))
    await passed(time, lasts_s)
    seen = len(server.requests()) - before
    server.script()
    back_s = time.seconds
    found = await asking
    return list(found), seen, time.seconds - back_s


async def test_port_that_is_down_sees_one_request_at_a_time_and_all_once_it_is_back(tmp_path: Path) -> None:
    time = Time()
    with harness.port(tmp_path, blueprints=[TEAM, APP]) as server:
        async with over_the_network() as http:
            port = port_client(http, server.url, time)
            await port.authenticate()
            found, seen, back_s = await outage(server, time, lambda: port.call(APP_CALL), lasts_s=300)
        assert {getattr(one, "status", None) for one in found} == {200}
        # Those under way when it went, then one every 7.5 to 15 s. Each waiting for itself, it were 2 000.
        assert OPENS_AFTER <= seen <= CONCURRENCY + 50
        # The try under way fails or succeeds; the next one succeeds.
        assert back_s <= 30


async def test_pagerduty_that_is_down_sees_two_requests_at_a_time_and_all_once_it_is_back() -> None:
    time = Time()
    with harness.pagerduty("--account", "small") as server:
        async with over_the_network() as http:
            client = pagerduty_client(http, server.url, time)
            live = client.live()
            assert (await client.get("/abilities")).verdict is Verdict.OK
            turns = iter(range(MANY))

            def ask() -> Awaitable[Answer]:
                return (client if next(turns) % 2 else live).get("/users")

            found, seen, back_s = await outage(server, time, ask, lasts_s=300)
        assert {getattr(one, "verdict", None) for one in found} == {Verdict.OK}
        # Each try is followed by the cheapest question: it tells an outage from a request that fails alone.
        assert OPENS_AFTER <= seen <= 2 * (CONCURRENCY + 50)
        assert back_s <= 30


async def test_outage_of_one_host_holds_no_request_to_the_other(tmp_path: Path) -> None:
    time, own_time = Time(), Time()
    with (
        harness.port(tmp_path, blueprints=[TEAM, APP]) as target,
        harness.pagerduty("--account", "small") as source,
    ):
        async with over_the_network() as http:
            port = port_client(http, target.url, time)
            await port.authenticate()
            client = pagerduty_client(http, source.url, own_time)
            target.script(DOWN)
            held = [asyncio.create_task(port.call(APP_CALL)) for _ in range(MANY)]
            await passed(time, 60)
            answers = await asyncio.gather(*(client.get("/users") for _ in range(MANY)))
            assert {one.verdict for one in answers} == {Verdict.OK}
            assert own_time.slept == []
            assert not any(one.done() for one in held)
            for one in held:
                one.cancel()
            await asyncio.wait(held)


async def test_never_more_than_one_request_is_under_way_to_a_port_that_is_down() -> None:
    under_way, most, sent = 0, 0, 0
    is_back = asyncio.Event()

    async def answer(request: httpx.Request) -> httpx.Response:
        nonlocal under_way, most, sent
        if request.url.path.endswith("access_token"):
            return httpx.Response(200, json={"accessToken": "t0k3n-value", "expiresIn": 10**9})
        sent += 1
        under_way += 1
        if sent > CONCURRENCY and not is_back.is_set():
            most = max(most, under_way)
        for _ in range(5):
            await asyncio.sleep(0)
        under_way -= 1
        if sent < 40:
            return httpx.Response(503)
        is_back.set()
        return httpx.Response(200, json={"ok": True})

    port: Any = answer
    async with port_setting(handler=port, concurrency=CONCURRENCY) as setting:
        calls = [asyncio.create_task(setting.transport.call(APP_CALL)) for _ in range(MANY)]
        assert {(await one).status for one in calls} == {200}
        assert most == 1


async def test_host_that_asks_for_more_time_gets_it() -> None:
    tried_s: list[float] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("access_token"):
            return httpx.Response(200, json={"accessToken": "t0k3n-value", "expiresIn": 10**9})
        tried_s.append(setting.clock.seconds())
        if len(tried_s) < 10:
            return httpx.Response(503, headers={"retry-after": "60"})
        return httpx.Response(200, json={"ok": True})

    async with port_setting(handler=answer, concurrency=OPENS_AFTER) as setting:
        answers = await asyncio.gather(*(setting.transport.call(APP_CALL) for _ in range(OPENS_AFTER)))
        assert {one.status for one in answers} == {200}
        between_s = [after - before for before, after in pairwise(tried_s)]
        assert min(between_s[OPENS_AFTER - 1 : 9]) >= 60


async def test_request_that_never_succeeds_keeps_no_other_from_its_try() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("access_token"):
            return httpx.Response(200, json={"accessToken": "t0k3n-value", "expiresIn": 10**9})
        return httpx.Response(200, json={"ok": True}) if "good" in request.url.path else httpx.Response(503)

    async with port_setting(handler=answer, concurrency=1) as setting:
        paths = [f"/v1/bad/{number}" for number in range(OPENS_AFTER + 3)]
        calls = [Call(method="GET", path=path, family="x") for path in paths]
        bad = [asyncio.create_task(setting.transport.call(call)) for call in calls]
        good = setting.transport.call(Call(method="GET", path="/v1/good", family="x"))
        assert (await good).status == 200
        for one in bad:
            one.cancel()
        await asyncio.wait(bad)


async def test_held_request_gives_up_when_we_leave() -> None:
    leaving = asyncio.Event()
    async with port_setting() as setting:
        await setting.script({"match": {"path": "/v1/blueprints/.*"}, "action": {"status": 503}})
        calls = [asyncio.create_task(setting.transport.call(APP_CALL, leaving)) for _ in range(MANY)]
        await setting.clock.slept(20)
        leaving.set()
        ends = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(one) for one in ends} == {LeavingError}
        # Nobody is left in the queue: the next request goes through.
        await setting.script()
        assert (await setting.transport.call(APP_CALL)).status == 200


async def test_failures_of_an_outage_count_against_no_request() -> None:
    time = Time()
    failing: list[str] = ["/users", "/abilities"]
    seen: list[str] = []
    more_failures = 2

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal more_failures
        path = request.url.path
        seen.append(path)
        if path == "/users" and "/abilities" not in failing:
            # PagerDuty is back but for this list: two more failures are far from its eight.
            more_failures -= 1
            if more_failures < 0:
                failing.clear()
        if path in failing:
            return httpx.Response(503)
        return httpx.Response(200, json={"abilities": []})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        client = pagerduty_client(http, "http://pagerduty.test", time, Patience(stall_timeout_s=10**6))
        assert (await client.get("/services")).verdict is Verdict.OK
        asking = asyncio.create_task(client.get("/users"))
        await passed(time, 3600)
        assert seen.count("/users") > 200
        failing.remove("/abilities")
        assert (await asking).verdict is Verdict.OK


def test_circuit_opens_after_failures_in_a_row_only() -> None:
    circuit = CircuitBreaker("Port", lambda: 1.0)
    for _ in range(3):
        for _ in range(OPENS_AFTER - 1):
            circuit.failed("HTTP 503")
        assert not circuit.is_open
        circuit.answered()
    for _ in range(OPENS_AFTER):
        circuit.failed("HTTP 503")
    assert (circuit.is_open, circuit.cause) == (True, "HTTP 503")
    circuit.answered()
    assert not circuit.is_open


def test_tries_come_further_and_further_apart_and_soon_again_after_an_answer() -> None:
    circuit = CircuitBreaker("Port", lambda: 1.0)
    delays_s = [circuit.next_delay_s() for _ in range(5)]
    circuit.answered()
    assert [*delays_s, circuit.next_delay_s()] == [2.0, 4.0, 8.0, 15.0, 15.0, 2.0]


def test_turns_come_in_the_order_of_the_queue() -> None:
    circuit = CircuitBreaker("Port", lambda: 1.0)
    with circuit.queue() as first:
        with circuit.queue() as second:
            assert (first(), second()) == (True, False)
        with circuit.queue() as third, pytest.raises(RuntimeError), circuit.queue():
            raise RuntimeError
        assert (first(), third is None) == (True, False)
    with circuit.queue() as fourth:
        assert fourth()


async def test_turn_that_comes_at_the_moment_a_request_begins_to_wait_is_not_missed() -> None:
    circuit = CircuitBreaker("Port", lambda: 1.0)
    for _ in range(OPENS_AFTER):
        circuit.failed("HTTP 503")

    async def waits_for_its_turn() -> None:
        with circuit.queue() as has_turn:
            while not has_turn():
                await until_left(circuit.change, asyncio.Event())

    with circuit.queue():
        second = asyncio.create_task(waits_for_its_turn())
        await asyncio.sleep(0)
    for _ in range(10):
        await asyncio.sleep(0)
    has_come = second.done()
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    assert has_come
