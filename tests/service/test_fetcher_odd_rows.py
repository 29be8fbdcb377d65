"""Tests that a row which cannot be published costs itself only, and that it is named."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import httpx
import pytest

from schemas.outcome import Reason
from schemas.run import KIND_FAILURE_LIMIT, KindState, RunFailure, Wait
from services.fetcher.page_room import PageRoom
from services.fetcher.refresh import refresh_object
from shared.errors import FatalError
from shared.log.interface import NewRecord
from shared.pagerduty.interface import Patience
from shared.sources import plan_sources
from tests.service.pagerduty_listing import NOW, Bench, SimulatorBench, account, incident, mapping

DEEP = "[" * 300 + "]" * 300
VERY_DEEP = "[" * 2000 + "]" * 2000
UNWRITABLE = "the object cannot be written as JSON: "
PAST_CAP = {"error": {"message": "Invalid", "code": 2002, "errors": ["Offset must be less than 10001."]}}


def answers(handler: Callable[[httpx.Request], httpx.Response], **options: Any) -> Bench:
    return Bench(httpx.MockTransport(handler), **options)


def teams(*rows: str) -> Bench:
    """Return a bench on a list of rows given as JSON texts."""
    text = f'{{"teams": [{", ".join(rows)}], "more": false, "total": {len(rows)}}}'
    return answers(lambda _: httpx.Response(200, text=text))


def failure(object_id: str, reason: Reason, detail: str) -> RunFailure:
    return RunFailure(kind="teams", object_id=object_id, stage="fetcher", reason=reason, detail=detail)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (DEEP, "it is nested deeper than 200 levels"),
        (VERY_DEEP, "a value is nested deeper than 200 levels, or is NaN"),
        ("NaN", "NaN is no JSON number"),
    ],
    ids=["deep", "very-deep", "nan"],
)
async def test_row_that_cannot_be_written_costs_itself_only_and_is_named(value: str, why: str) -> None:
    listed = await teams('{"id": "PT1"}', f'{{"id": "PT2", "x": {value}}}', '{"id": "PT3"}').list("teams")
    assert listed.ids == ["PT1", "PT3"]
    assert (listed.result.state, listed.result.reason) == (
        KindState.INCOMPLETE,
        "1 object not to be written as JSON, left out",
    )
    assert (listed.result.announced, listed.result.requests) == (3, 1)
    assert listed.result.failures == [failure("PT2", Reason.UNREADABLE, UNWRITABLE + why)]
    assert listed.result.failures_by_reason == {Reason.UNREADABLE: 1}


async def test_number_out_of_range_costs_nothing() -> None:
    listed = await teams('{"id": "PT1", "x": 1e999}', '{"id": "PT2"}').list("teams")
    assert listed.ids == ["PT1", "PT2"]
    assert listed.result.state is KindState.COMPLETE


async def test_ids_that_are_half_a_character_stay_two_objects() -> None:
    listed = await teams('{"id": "\\ud800"}', '{"id": "\\ud801"}').list("teams")
    assert listed.ids == ["\ufffdD800", "\ufffdD801"]
    assert (listed.result.state, listed.result.duplicates) == (KindState.COMPLETE, 0)


async def test_object_too_large_for_a_record_is_named_with_its_size() -> None:
    large = '{"id": "PT2", "name": "' + "x" * 5_000_000 + '"}'
    listed = await teams('{"id": "PT1"}', large).list("teams")
    assert listed.ids == ["PT1"]
    detail = "the object has 5000022 bytes, a record takes 4128768"
    assert listed.result.failures == [failure("PT2", Reason.TOO_LARGE, detail)]


async def test_rows_without_an_id_are_named_by_where_they_stand() -> None:
    listed = await teams('{"id": "PT1"}', '{"name": "n", "id": null}', "null", '"text"', "{}").list("teams")
    assert listed.result.state is KindState.INCOMPLETE
    says = "the row has no id that can be used; it has "
    assert listed.result.failures == [
        failure("row 2 of offset 0", Reason.NO_ID, f"{says}id, name"),
        failure("row 3 of offset 0", Reason.NO_ID, f"{says}a NoneType"),
        failure("row 4 of offset 0", Reason.NO_ID, f"{says}a str"),
        failure("row 5 of offset 0", Reason.NO_ID, f"{says}nothing"),
    ]
    assert listed.result.failures_by_reason == {Reason.NO_ID: 4}


async def test_rows_of_a_list_that_is_read_twice_are_counted_once() -> None:
    def reply(request: httpx.Request) -> httpx.Response:
        rows = [{"name": "no id"}, {"id": "PT1"}, {"id": "PT2", "name": "x" * 5_000_000}]
        return httpx.Response(200, json={"teams": rows, "more": False, "total": 7})

    listed = await answers(reply).list("teams")
    assert listed.result.requests == 2
    assert listed.result.failures_by_reason == {Reason.NO_ID: 1, Reason.TOO_LARGE: 1}


async def test_list_of_failures_is_bounded_and_its_count_is_not() -> None:
    rows = [{"name": "no id"}] * 150
    bench = answers(lambda _: httpx.Response(200, json={"standards": rows}))
    listed = await bench.list("standards")
    assert len(listed.result.failures) == KIND_FAILURE_LIMIT
    assert listed.result.failures_by_reason == {Reason.NO_ID: 150}


@pytest.mark.parametrize(("rows", "found"), [(None, "null"), ({}, "a dict"), ("x", "a str")])
async def test_rows_that_are_no_list_are_not_taken_for_none(rows: Any, found: str) -> None:
    def reply(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"teams": rows, "more": False, "total": None})

    listed = await answers(reply).list("teams")
    assert (listed.result.state, listed.result.reason) == (
        KindState.FAILED,
        f"GET /teams: 'teams' in the answer is {found}, no list",
    )


async def test_object_asked_for_again_that_cannot_be_written_is_not_published() -> None:
    def reply(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, text=f'{{"team": {{"id": "PT1", "x": {DEEP}}}}}')

    bench = answers(reply)
    published: list[NewRecord] = []

    async def publish(records: Sequence[NewRecord]) -> None:
        published.extend(records)

    (source,) = plan_sources(mapping(("teams", {})), now=NOW)
    given = await refresh_object(
        source, "PT1", client=bench.client, publish=publish, identifier="bench", now=bench.time.now
    )
    assert (given, published) == (False, [])


ABILITIES = {
    200: {"abilities": []},
    403: {"error": {"message": "Access Denied", "code": 2010}},
    404: {"error": {"message": "Not Found", "code": 2100}},
}


@pytest.mark.parametrize("users", [50, 120], ids=["only-page", "last-page"])
@pytest.mark.parametrize("status", ABILITIES)
async def test_list_that_alone_fails_is_given_up_when_pagerduty_answers_otherwise(
    users: int, status: int
) -> None:
    bench = SimulatorBench(account(users=users))
    page = {"path": "/users", "query": {"offset": "0" if users == 50 else "100"}}
    bench.script(
        {"match": page, "action": {"status": 200, "body": "<html>login</html>"}},
        {"match": {"path": "/abilities"}, "action": {"status": status, "body": ABILITIES[status]}},
    )
    assert (await bench.list("teams")).result.state is KindState.COMPLETE
    listed = await bench.list("users")
    assert (listed.result.state, listed.result.fetched) == (KindState.FAILED, 0 if users == 50 else 100)
    assert listed.result.reason.startswith("GET /users: failed 9 times, at last HTTP 200 without JSON")
    assert bench.time.seconds < 120


async def test_stall_timeout_that_comes_before_the_last_attempt_is_no_outage_either() -> None:
    bench = SimulatorBench(account(users=2), patience=Patience(stall_timeout_s=20))
    bench.script({"match": {"path": "/users"}, "action": {"status": 500}})
    assert (await bench.list("teams")).result.state is KindState.COMPLETE
    listed = await bench.list("users")
    assert listed.result.state is KindState.FAILED
    assert bench.time.seconds <= 21


async def test_outage_amid_a_run_is_waited_for() -> None:
    bench = SimulatorBench(account(users=120))
    assert (await bench.list("teams")).result.state is KindState.COMPLETE
    bench.script({"action": {"status": 503}})
    bench.time.on_sleep = lambda: bench.script() if bench.time.seconds > 500 else None
    listed = await bench.list("users")
    assert (listed.result.state, listed.result.fetched) == (KindState.COMPLETE, 120)


async def test_outage_that_lasts_ends_the_run() -> None:
    bench = SimulatorBench(account(users=120))
    assert (await bench.list("teams")).result.state is KindState.COMPLETE
    bench.script({"action": {"status": 503}})
    with pytest.raises(FatalError, match="let nothing through for 600 s"):
        await bench.list("users")
    assert bench.time.seconds == pytest.approx(600)


async def test_request_without_an_answer_shows_as_what_is_waited_for() -> None:
    bench: Bench
    seen: list[str | None] = []

    def reply(request: httpx.Request) -> httpx.Response:
        for _ in range(2):
            bench.time.seconds += 2
            seen.append(bench.waits.waiting_for())
        return httpx.Response(200, json={"teams": [], "more": False, "total": 0})

    bench = answers(reply)
    await bench.list("teams")
    assert seen == [None, "PagerDuty (no answer yet) for 4 s"]
    assert bench.waits.waiting_for() is None
    assert bench.waits.waits() == [Wait(host="PagerDuty", cause="slow answer", seconds=4.0, times=1)]


def incidents(total: int, row: Callable[[httpx.Request], dict[str, Any]]) -> tuple[Bench, list[str]]:
    """Return a bench whose list of incidents has one total whatever its window, and what was asked."""
    asked: list[str] = []

    def reply(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params.get("since", ""))
        if int(request.url.params["offset"]) + int(request.url.params["limit"]) > 10_000:
            return httpx.Response(400, json=PAST_CAP)
        return httpx.Response(200, json={"incidents": [row(request)], "more": True, "total": total})

    return answers(reply), asked


async def test_absurd_total_is_neither_halved_nor_believed() -> None:
    bench, asked = incidents(10**12, lambda _: incident(1, NOW))
    listed = await bench.list("incidents", since="2026-05-01")
    assert (listed.result.state, listed.result.fetched) == (KindState.INCOMPLETE, 1)
    assert listed.result.reason == (
        "PagerDuty announced 1000000000000 rows and gave 1 different ones; run it again"
    )
    assert len(asked) < 60


async def test_total_that_does_not_shrink_with_its_window_is_not_halved_for_ever() -> None:
    bench, asked = incidents(50_000, lambda _: incident(1, NOW))
    listed = await bench.list("incidents", since="2026-05-01")
    assert (listed.result.state, listed.result.fetched) == (KindState.INCOMPLETE, 1)
    assert len(set(asked)) <= 7
    assert len(asked) < 300


async def test_burst_at_the_middle_of_a_window_is_still_read() -> None:
    middle = NOW - timedelta(days=90)
    held = account()
    held["incidents"] = {
        row["id"]: row for row in (incident(n, middle - timedelta(seconds=n % 2)) for n in range(11_000))
    }
    listed = await SimulatorBench(held).list("incidents")
    assert (listed.result.state, listed.result.fetched) == (KindState.COMPLETE, 11_000)


@pytest.mark.parametrize(("limit_bytes", "peak"), [(40_000_000, 4), (25_000, 2), (1, 1)])
async def test_as_many_pages_are_in_hand_as_their_size_allows(limit_bytes: int, peak: int) -> None:
    rows = [{"id": f"PT{number:03}", "name": "x" * 80} for number in range(1_000)]
    in_flight, peaks = 0, []

    async def reply(request: httpx.Request) -> httpx.Response:
        nonlocal in_flight
        in_flight += 1
        peaks.append(in_flight)
        for _ in range(50):
            await asyncio.sleep(0)
        in_flight -= 1
        at = int(request.url.params["offset"])
        body = {"teams": rows[at : at + 100], "more": at + 100 < 1_000, "total": 1_000}
        return httpx.Response(200, json=body)

    bench = Bench(httpx.MockTransport(reply))
    (source,) = plan_sources(mapping(("teams", {})), now=NOW)
    listed = await bench.list_source(source, concurrency=4, room=PageRoom(limit_bytes))
    assert (listed.result.state, listed.result.fetched) == (KindState.COMPLETE, 1_000)
    assert max(peaks) == peak


async def test_page_larger_than_expected_takes_the_room_it_needs() -> None:
    held: list[int] = []

    class Watched(PageRoom):
        def release(self, freed_bytes: int) -> None:
            held.append(-freed_bytes)
            super().release(freed_bytes)

    rows = [{"id": f"PT{number:03}", "name": "x" * (1 if number < 100 else 500)} for number in range(250)]

    def reply(request: httpx.Request) -> httpx.Response:
        at = int(request.url.params["offset"])
        body = {"teams": rows[at : at + 100], "more": at + 100 < 250, "total": 250}
        return httpx.Response(200, json=body)

    (source,) = plan_sources(mapping(("teams", {})), now=NOW)
    await answers(reply).list_source(source, room=Watched())
    grown, given_back = held
    assert grown > 40_000
    assert given_back < -50_000
