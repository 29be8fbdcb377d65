"""Tests that a listing brings every object once and says truly whether it did."""

from datetime import timedelta
from typing import Any

import pytest

from schemas.headers import Origin, RecordHeaders
from schemas.run import KindResult, KindState
from tests.service.pagerduty_listing import NOW, SimulatorBench, account, by_id


def complete(count: int, requests: int, duplicates: int = 0) -> KindResult:
    return KindResult(
        state=KindState.COMPLETE, announced=count, fetched=count, duplicates=duplicates, requests=requests
    )


async def test_every_page_is_read_and_every_object_published_once() -> None:
    held = account(users=437)
    bench = SimulatorBench(held)
    listed = await bench.list("users")
    assert listed.result == complete(437, 5)
    assert sorted(listed.ids) == sorted(held["users"])
    assert listed.rows == held["users"]
    assert [dict(query).get("limit") for query in bench.queries("/users")] == ["100"] * 5
    assert sorted(dict(query)["offset"] for query in bench.queries("/users")) == [
        "0",
        "100",
        "200",
        "300",
        "400",
    ]


async def test_records_carry_the_headers_of_a_raw_object() -> None:
    bench = SimulatorBench(account(teams=2))
    listed = await bench.list("teams")
    for object_id, headers, record in zip(listed.ids, listed.headers, listed.records, strict=True):
        assert record.topic == "pagerduty.raw.teams"
        assert headers == RecordHeaders(
            id=f"teams/{object_id}@run-1.{NOW.timestamp():.6f}",
            source="pagerport/bench/fetcher",
            type="pagerport.raw",
            subject=object_id,
            time=NOW,
            origin=Origin.RESYNC,
            kind="teams",
            runid="run-1",
            observedat=NOW,
        )
        assert record.headers == headers.encode()


async def test_progress_is_told_after_each_page() -> None:
    listed = await SimulatorBench(account(users=250)).list("users", concurrency=1)
    assert [(one.state, one.announced, one.fetched) for one in listed.progress] == [
        (KindState.LISTING, 250, 100),
        (KindState.LISTING, 250, 200),
        (KindState.LISTING, 250, 250),
    ]


async def test_empty_list_is_complete() -> None:
    listed = await SimulatorBench(account(teams=0)).list("teams")
    assert (listed.result, listed.records) == (complete(0, 1), [])


async def test_list_of_exactly_the_cap_is_complete() -> None:
    held = account()
    held["tags"] = by_id([{"id": f"PT{n}", "label": str(n)} for n in range(10_000)])
    listed = await SimulatorBench(held).list("tags")
    assert listed.result == complete(10_000, 100)


async def test_list_past_the_cap_without_a_time_filter_is_incomplete() -> None:
    held = account()
    held["tags"] = by_id([{"id": f"PT{n}", "label": str(n)} for n in range(10_050)])
    listed = await SimulatorBench(held).list("tags")
    assert (listed.result.state, listed.result.fetched, listed.result.announced) == (
        KindState.INCOMPLETE,
        10_000,
        10_050,
    )
    assert listed.result.requests == 100
    assert "10000" in listed.result.reason
    assert "10050" in listed.result.reason


async def test_gap_of_a_short_page_that_says_more_is_read_too() -> None:
    held = account(users=430)
    bench = SimulatorBench(held)
    bench.script({"match": {"path": "/users"}, "times": 3, "action": {"short_rows": 30}})
    listed = await bench.list("users", concurrency=1)
    # Five pages, and a request for the gap of each of two short ones: no second reading.
    assert listed.result == complete(430, 7)
    assert sorted(listed.ids) == sorted(held["users"])
    assert {dict(query)["limit"] for query in bench.queries("/users")} == {"100"}


async def test_list_that_comes_whole_and_does_not_say_so_is_read_once() -> None:
    rows = [{"id": f"PRIO{number}", "type": "priority"} for number in range(150)]
    bench = SimulatorBench(account())
    bench.script({"match": {"path": "/priorities"}, "action": {"body": {"priorities": rows}}})
    listed = await bench.list("priorities")
    assert listed.result == KindResult(state=KindState.COMPLETE, fetched=150, requests=1)


async def test_empty_page_that_says_more_does_not_loop_and_the_second_reading_finds_its_rows() -> None:
    held = account(users=430)
    bench = SimulatorBench(held)
    bench.script({"match": {"path": "/users"}, "after": 2, "times": 1, "action": {"empty": True}})
    listed = await bench.list("users", concurrency=1)
    assert listed.result == complete(430, 10)
    assert sorted(listed.ids) == sorted(held["users"])


async def test_list_that_is_always_empty_and_says_more_is_incomplete() -> None:
    bench = SimulatorBench(account(users=430))
    bench.script({"match": {"path": "/users"}, "action": {"empty": True}})
    listed = await bench.list("users")
    assert (listed.result.state, listed.result.fetched, listed.result.announced) == (
        KindState.INCOMPLETE,
        0,
        430,
    )
    assert "430" in listed.result.reason


async def test_null_echo_of_limit_and_offset_changes_nothing() -> None:
    bench = SimulatorBench(account(users=430))
    bench.script({"match": {"path": "/users"}, "action": {"null_echo": True}})
    assert (await bench.list("users")).result == complete(430, 5)


async def test_shifted_page_is_found_out_and_mended_by_a_second_reading() -> None:
    held = account(users=430)
    bench = SimulatorBench(held)
    bench.script(
        {"match": {"path": "/users", "query": {"offset": "200"}}, "times": 1, "action": {"shift": 3}}
    )
    listed = await bench.list("users")
    assert listed.result == complete(430, 10, duplicates=3)
    assert sorted(listed.ids) == sorted(held["users"])


async def test_page_that_stays_shifted_is_incomplete_and_says_so() -> None:
    bench = SimulatorBench(account(users=430))
    bench.script({"match": {"path": "/users", "query": {"offset": "200"}}, "action": {"shift": -3}})
    listed = await bench.list("users")
    assert (listed.result.state, listed.result.fetched) == (KindState.INCOMPLETE, 427)
    assert (listed.result.announced, listed.result.duplicates) == (430, 6)
    assert "430" in listed.result.reason
    assert "427" in listed.result.reason
    assert len(listed.ids) == len(set(listed.ids))


async def test_object_added_while_pages_are_read_is_not_lost() -> None:
    held = account(users=250)
    bench = SimulatorBench(held)
    new = {**next(iter(held["users"].values())), "id": "PNEWUSER"}
    calls = 0

    def add_once() -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            bench.simulator.store.put("users", "PNEWUSER", new)

    listed = await bench.list("users", concurrency=1, on_publish=add_once)
    assert "PNEWUSER" in listed.ids
    assert listed.result.state is KindState.COMPLETE
    assert listed.result.announced == listed.result.fetched == 251


async def test_rows_without_an_id_are_counted_and_make_the_kind_incomplete() -> None:
    held = account(teams=3)
    held["teams"]["nameless"] = {"type": "team", "name": "no id"}
    held["teams"]["null"] = None
    listed = await SimulatorBench(held).list("teams")
    assert (listed.result.state, listed.result.fetched, listed.result.requests) == (
        KindState.INCOMPLETE,
        3,
        1,
    )
    assert "2 rows have no id" in listed.result.reason


async def test_object_too_large_for_a_record_is_left_out_and_named() -> None:
    held = account(teams=2)
    held["teams"]["PBIG"] = {"id": "PBIG", "type": "team", "name": "x" * (5 * 1024 * 1024)}
    listed = await SimulatorBench(held).list("teams")
    assert (listed.result.state, listed.result.fetched, len(listed.ids)) == (KindState.INCOMPLETE, 2, 2)
    assert "too large" in listed.result.reason


async def test_unicode_and_odd_values_arrive_as_they_are() -> None:
    odd: dict[str, Any] = {
        "id": "PÜñí✓",
        "name": "naïve – 漢字 🚨 \u2028 \x7f \\u0041",
        "nested": {"null": None, "list": [1, 1.5, True, "", {}], "big": 2**60},
    }
    held = account(teams=0)
    held["teams"] = {"PÜñí✓": odd}
    listed = await SimulatorBench(held).list("teams")
    assert listed.rows == {"PÜñí✓": odd}
    assert listed.headers[0].subject == "PÜñí✓"


async def test_oncalls_without_schedule_or_start_keep_ids_of_their_own() -> None:
    held = account(users=1, policies=0, schedules=0)

    def oncall(policy: str, level: int, schedule: str | None, start: str | None) -> dict[str, Any]:
        return {
            "escalation_policy": {"id": policy, "type": "escalation_policy_reference"},
            "escalation_level": level,
            "schedule": None if schedule is None else {"id": schedule, "type": "schedule_reference"},
            "user": {"id": "PU", "type": "user_reference"},
            "start": start,
            "end": None,
        }

    rows = [
        oncall("PP1", 1, None, None),
        oncall("PP1", 2, None, None),
        oncall("PP2", 1, None, None),
        oncall("PP1", 1, "PS1", "2026-05-31T00:00:00Z"),
    ]
    held["oncalls"] = {str(number): row for number, row in enumerate(rows)}
    listed = await SimulatorBench(held).list("oncalls")
    assert sorted(listed.ids) == [
        "PP1|1|PS1|PU|2026-05-31T00:00:00Z",
        "PP1|1|direct|PU|permanent",
        "PP1|2|direct|PU|permanent",
        "PP2|1|direct|PU|permanent",
    ]
    assert listed.result.state is KindState.COMPLETE


@pytest.mark.parametrize(
    ("kind", "count", "requests"),
    [
        ("audit/records", 250, 3),
        ("alert_grouping_settings", 250, 3),
        ("abilities", 13, 1),
        ("v3/schedules", 1200, 2),
    ],
)
async def test_other_paging_styles_are_read_to_their_end(kind: str, count: int, requests: int) -> None:
    held = account()
    at = (NOW - timedelta(days=3)).strftime("%Y-%m-%dT%H:%M:%SZ")
    held[kind] = (
        {f"ability {n}": f"ability {n}" for n in range(count)}
        if kind == "abilities"
        else by_id([{"id": f"PX{n}", "execution_time": at} for n in range(count)])
    )
    listed = await SimulatorBench(held).list(kind)
    assert (listed.result.state, listed.result.fetched, listed.result.requests) == (
        KindState.COMPLETE,
        count,
        requests,
    )
    assert sorted(listed.ids) == sorted(held[kind])


async def test_parameters_go_out_as_pagerduty_takes_them() -> None:
    bench = SimulatorBench(account(incidents=5))
    await bench.list(
        "incidents",
        include=["teams", "assignees"],
        statuses=["triggered"],
        since="2026-05-01T02:00:00+02:00",
        until="2026-06-01",
    )
    assert bench.queries("/incidents") == [
        [
            ("include[]", "assignees"),
            ("include[]", "teams"),
            ("sort_by", "created_at:asc"),
            ("statuses[]", "triggered"),
            ("time_zone", "UTC"),
            ("since", "2026-05-01T00:00:00Z"),
            ("until", "2026-06-01T00:00:00Z"),
            ("limit", "100"),
            ("offset", "0"),
            ("total", "true"),
        ]
    ]


async def test_oncall_months_count_from_now() -> None:
    bench = SimulatorBench(account())
    await bench.list("oncalls", since=0, until=3)
    assert ("until", "2026-08-30T12:00:00Z") in bench.queries("/oncalls")[0]
    assert "since" not in dict(bench.queries("/oncalls")[0])
