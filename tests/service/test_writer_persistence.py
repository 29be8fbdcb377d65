"""What the writer makes of a Port that goes on failing for some of what it is asked."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import count
from typing import Any

import httpx
import orjson
import pytest

from schemas.headers import Origin
from schemas.outcome import Count
from shared.errors import FatalError
from shared.port.persistence import Patience
from tests.service.port_setting import APP, STARTED_AT, TEAM, Clock, port_setting
from tests.service.writer_setting import delete, one, upsert, writer_setting

WRITTEN, FAILED = one(Count.WRITTEN), one(Count.FAILED)
APP_ROUTE, TEAM_ROUTE = "/v1/blueprints/app", "/v1/blueprints/team"
TEAM_BULK = f"{TEAM_ROUTE}/entities/bulk"
BOOM = {"ok": False, "error": "internal_server_error", "message": "boom"}

Handler = Callable[[httpx.Request], Awaitable[httpx.Response]]


def port_that_fails(
    fails: Callable[[httpx.Request], bool], seen: list[httpx.Request] | None = None
) -> Handler:
    """Return a Port with the blueprints `app` and `team` that writes all, but answers 500 where it fails."""

    async def answer(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        path = request.url.path
        if path.endswith("access_token"):
            return httpx.Response(200, json={"accessToken": "t0k3n-value", "expiresIn": 10**9})
        if fails(request):
            return httpx.Response(500, json=BOOM)
        if path.startswith("/v1/integration/"):
            return httpx.Response(404, json={"ok": False, "error": "not_found"})
        if path in {APP_ROUTE, TEAM_ROUTE}:
            return httpx.Response(200, json={"ok": True, "blueprint": APP if path == APP_ROUTE else TEAM})
        if path.endswith("/entities/search"):
            return httpx.Response(200, json={"ok": True, "entities": []})
        count = len(orjson.loads(request.content)["entities"])
        entities = [{"index": index, "created": True} for index in range(count)]
        return httpx.Response(200, json={"ok": True, "entities": entities, "errors": []})

    return answer


async def test_entity_that_a_firewall_before_port_blocks_costs_itself() -> None:
    well = port_that_fails(lambda _: False)

    async def answer(request: httpx.Request) -> httpx.Response:
        if b"<script>" in request.content:
            return httpx.Response(403, html="<html><title>403 Forbidden</title></html>")
        return await well(request)

    port: Any = answer
    async with writer_setting(handler=port) as writer:
        changes = [upsert(f"a{number}", Origin.LIVE, title=f"a{number}") for number in range(20)]
        changes[7] = upsert("a7", Origin.LIVE, title="<script>")
        assert await writer.counts(*changes) == [*[WRITTEN] * 7, FAILED, *[WRITTEN] * 12]
        assert await writer.letters() == {7: ("retries_exhausted", "unreadable answer, HTTP 403")}


@pytest.mark.parametrize("total", [2, 20, 60])
async def test_entity_that_no_bulk_survives_costs_seconds_and_a_letter(total: int) -> None:
    seen: list[httpx.Request] = []
    port: Any = port_that_fails(
        lambda request: b'"a1"' in request.content and "/bulk" in request.url.path, seen
    )
    async with writer_setting(handler=port) as writer:
        began_s = writer.setting.clock.seconds()
        counts = await writer.counts(*(upsert(f"a{number}", Origin.LIVE) for number in range(total)))
        assert counts == [WRITTEN, FAILED, *[WRITTEN] * (total - 2)]
        assert await writer.letters() == {1: ("retries_exhausted", "HTTP 500: internal_server_error: boom")}
        assert writer.setting.clock.seconds() - began_s <= 15
        assert len(seen) < 40


@pytest.mark.parametrize("outage_s", [5, 20, 50])
async def test_route_that_is_down_for_a_while_costs_no_letter_though_port_answers_else(
    outage_s: float,
) -> None:
    clocks: list[Clock] = []
    began_s: list[float] = []

    def is_down(request: httpx.Request) -> bool:
        if "/bulk" not in request.url.path:
            return False
        began_s[:] = began_s or [clocks[0].seconds()]
        return clocks[0].seconds() - began_s[0] < outage_s

    port: Any = port_that_fails(is_down)
    async with writer_setting(handler=port) as writer:
        clocks.append(writer.setting.clock)
        assert (
            await writer.counts(*(upsert(f"a{number}", Origin.LIVE) for number in range(100)))
            == [WRITTEN] * 100
        )
        assert await writer.letters() == {}


async def test_blueprint_whose_every_write_fails_costs_its_own_changes_only() -> None:
    port: Any = port_that_fails(lambda request: request.url.path == TEAM_BULK)
    async with writer_setting(handler=port) as writer:
        teams = [upsert(f"t{number}", Origin.LIVE, blueprint="team") for number in range(30)]
        apps = [upsert(f"a{number}", Origin.LIVE) for number in range(30)]
        assert await writer.counts(*teams, *apps) == [*[FAILED] * 30, *[WRITTEN] * 30]
        assert {reason for reason, _ in (await writer.letters()).values()} == {"retries_exhausted"}
        assert sum(writer.setting.clock.slept_s) < 600


async def test_blueprint_that_port_goes_on_failing_for_costs_its_own_changes_only() -> None:
    port: Any = port_that_fails(lambda request: request.url.path == TEAM_ROUTE)
    async with writer_setting(handler=port) as writer:
        changes = [upsert("a"), upsert("t", blueprint="team"), upsert("b", Origin.LIVE)]
        assert await writer.counts(*changes) == [WRITTEN, FAILED, WRITTEN]
        ((offset, (reason, detail)),) = (await writer.letters()).items()
        assert (offset, reason) == (1, "retries_exhausted")
        assert detail == f"Port, GET {TEAM_ROUTE}: HTTP 500: internal_server_error: boom"


async def test_search_that_goes_on_failing_is_done_without() -> None:
    port: Any = port_that_fails(lambda request: request.url.path == f"{APP_ROUTE}/entities/search")
    async with writer_setting(handler=port, search_chunk=10) as writer:
        assert await writer.counts(*(upsert(f"a{number}") for number in range(60))) == [WRITTEN] * 60
        assert sum(writer.setting.clock.slept_s) < 60


async def test_others_are_written_while_a_blueprint_lets_us_wait() -> None:
    written = asyncio.Event()
    answers = port_that_fails(lambda _: False)

    async def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == TEAM_ROUTE:
            await written.wait()
        answered = await answers(request)
        if request.url.path == f"{APP_ROUTE}/entities/bulk":
            written.set()
        return answered

    port: Any = answer
    async with writer_setting(handler=port) as writer:
        changes = [upsert("t", blueprint="team"), upsert("a")]
        assert await asyncio.wait_for(writer.counts(*changes), 30) == [WRITTEN, WRITTEN]


async def test_changes_of_a_blueprint_that_is_not_known_when_we_leave_are_given_back() -> None:
    leaving = asyncio.Event()
    answers = port_that_fails(lambda _: False)

    async def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == TEAM_ROUTE:
            leaving.set()
            await asyncio.Event().wait()
        return await answers(request)

    port: Any = answer
    async with writer_setting(handler=port) as writer:
        assert await writer.handle(upsert("t", blueprint="team"), leaving=leaving) == [None]
        assert len(asyncio.all_tasks()) == 1


async def test_entity_that_alone_stays_rate_limited_does_not_keep_its_partition_for_ever() -> None:
    async with writer_setting() as writer:
        limit = {"statusCode": 429, "error": "too_many_requests", "message": "slow down"}
        first = {"ok": False, "entities": [{"index": 1, "created": True}], "errors": [{"index": 0, **limit}]}
        later = {"ok": False, "entities": [], "errors": [{"index": 0, **limit}]}
        await writer.setting.script(
            {"match": {"path": TEAM_BULK}, "times": 1, "action": {"status": 207, "body": first}},
            {"match": {"path": TEAM_BULK}, "action": {"status": 207, "body": later}},
        )
        began_s = writer.setting.clock.seconds()
        changes = [upsert(name, Origin.LIVE, blueprint="team") for name in ("bad", "good")]
        assert await writer.counts(*changes) == [FAILED, WRITTEN]
        assert writer.setting.clock.seconds() - began_s >= 600
        assert {reason for reason, _ in (await writer.letters()).values()} == {"retries_exhausted"}


async def test_deletes_that_go_on_failing_cost_their_own_changes_only() -> None:
    async with writer_setting() as writer:
        await writer.handle(upsert("a", Origin.LIVE), upsert("t", Origin.LIVE, blueprint="team"))
        await writer.setting.script(
            {"match": {"path": "/v1/blueprints/app/bulk/entities/delete"}, "action": {"status": 500}}
        )
        changes = [delete("a"), delete("t", blueprint="team"), upsert("c", Origin.LIVE)]
        assert await writer.counts(*changes) == [FAILED, one(Count.DELETED), WRITTEN]
        assert {offset: reason for offset, (reason, _) in (await writer.letters()).items()} == {
            0: "retries_exhausted"
        }


@pytest.mark.parametrize("body", [{"ok": True}, {"ok": True, "entities": [], "errors": []}])
async def test_port_that_mentions_no_entity_makes_no_progress_and_stalls(body: dict[str, Any]) -> None:
    answers = port_that_fails(lambda _: False)

    async def answer(request: httpx.Request) -> httpx.Response:
        is_bulk = "/bulk" in request.url.path
        return httpx.Response(200, json=body) if is_bulk else await answers(request)

    port: Any = answer
    async with writer_setting(handler=port, patience=Patience(stall_s=20.0)) as writer:
        changes = [upsert(f"a{number}", Origin.LIVE) for number in range(45)]
        with pytest.raises(FatalError, match=r"Port has taken none .* for 20 s.*does not mention it"):
            await writer.counts(*changes)
        assert await writer.letters() == {}
        asked = writer.setting.transport.requests["bulk upsert"]
        others = writer.setting.transport.requests.total() - asked
        assert (asked > 3, writer.setting.port.successes) == (True, others)


async def test_entity_that_port_never_mentions_is_given_up_while_it_takes_others() -> None:
    answers = port_that_fails(lambda _: False)

    async def answer(request: httpx.Request) -> httpx.Response:
        if "/bulk" not in request.url.path:
            return await answers(request)
        sent = orjson.loads(request.content)["entities"]
        told = [{"index": at, "created": True} for at, one in enumerate(sent) if one["identifier"] != "a3"]
        return httpx.Response(200, json={"ok": True, "entities": told, "errors": []})

    port: Any = answer
    async with writer_setting(handler=port, patience=Patience(stall_s=20.0)) as writer:
        counts = await writer.counts(*(upsert(f"a{number}", Origin.LIVE) for number in range(45)))
        assert counts == [*[WRITTEN] * 3, FAILED, *[WRITTEN] * 41]
        assert await writer.letters() == {3: ("retries_exhausted", "Port's answer does not mention it")}


async def test_search_that_fails_for_a_while_does_not_tell_that_port_hides_who_wrote_an_entity() -> None:
    seen: list[httpx.Request] = []
    is_back = False

    def fails(request: httpx.Request) -> bool:
        return not is_back and b"$datasource" in request.content.partition(b'"include"')[2]

    port: Any = port_that_fails(fails, seen)
    async with port_setting(handler=port) as setting:
        await setting.port.search_entities("app", ["a"], only_ours=True)
        is_back = True
        await setting.port.search_entities("app", ["a"], only_ours=True)
    assert orjson.loads(seen[-1].content)["include"] == ["$identifier", "$updatedAt", "$datasource"]


async def test_time_of_day_that_is_put_forward_ends_no_run() -> None:
    hours = count()
    failed = {"statusCode": 500, "error": "internal", "message": "boom", "index": 0, "identifier": "a"}
    answer = {"status": 207, "body": {"ok": False, "entities": [], "errors": [failed]}}
    async with writer_setting(now=lambda: STARTED_AT + timedelta(hours=next(hours))) as writer:
        await writer.setting.script({"match": {"path": ".*/bulk"}, "times": 3, "action": answer})
        assert await writer.counts(upsert("a", Origin.LIVE)) == [WRITTEN]
