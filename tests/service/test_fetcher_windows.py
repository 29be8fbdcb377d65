"""Tests that incidents are read in explicit windows, past the cap of 10 000, and open ones however old."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from schemas.run import KindState
from tests.service.pagerduty_listing import NOW, SimulatorBench, account, by_id, incident

DAY = timedelta(days=1)


def held_incidents(rows: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    held = account()
    held["incidents"] = by_id(list(rows))
    return held


async def test_default_is_180_days_and_everything_still_open() -> None:
    rows = [
        incident(1, NOW - 181 * DAY),
        incident(2, NOW - 179 * DAY),
        incident(3, NOW - 900 * DAY, "triggered"),
        incident(4, NOW - 500 * DAY, "acknowledged"),
        incident(5, NOW - 1 * DAY, "acknowledged"),
        incident(6, NOW - 3 * timedelta(seconds=1)),
    ]
    bench = SimulatorBench(held_incidents(rows))
    listed = await bench.list("incidents")
    assert sorted(listed.ids) == ["PINC000002", "PINC000003", "PINC000004", "PINC000005", "PINC000006"]
    assert listed.result.state is KindState.COMPLETE
    assert (listed.result.announced, listed.result.fetched, listed.result.duplicates) == (5, 5, 0)
    window, still_open = bench.queries("/incidents")
    assert ("since", "2025-12-03T12:00:00Z") in window
    assert ("until", "2026-06-01T12:00:00Z") in window
    assert ("date_range", "all") in still_open
    assert [value for name, value in still_open if name == "statuses[]"] == ["acknowledged", "triggered"]


async def test_no_open_incidents_are_asked_for_where_the_filter_excludes_them() -> None:
    bench = SimulatorBench(
        held_incidents([incident(1, NOW - 10 * DAY), incident(2, NOW - 400 * DAY, "triggered")])
    )
    listed = await bench.list("incidents", statuses=["resolved"])
    assert listed.ids == ["PINC000001"]
    assert len(bench.queries("/incidents")) == 1


async def test_explicit_since_leaves_older_open_incidents_out() -> None:
    bench = SimulatorBench(
        held_incidents([incident(1, NOW - 10 * DAY), incident(2, NOW - 400 * DAY, "triggered")])
    )
    listed = await bench.list("incidents", since="2026-05-01")
    assert listed.ids == ["PINC000001"]


async def test_long_windows_are_cut_to_what_pagerduty_takes() -> None:
    rows = [incident(n, NOW - n * 10 * DAY) for n in range(1, 41)]
    bench = SimulatorBench(held_incidents(rows))
    listed = await bench.list("incidents", since="2025-04-01")
    assert listed.result.state is KindState.COMPLETE
    assert sorted(listed.ids) == sorted(row["id"] for row in rows)
    assert len(bench.queries("/incidents")) == 3


async def test_all_history_begins_at_the_oldest_incident() -> None:
    rows = [incident(n, NOW - n * 100 * DAY) for n in range(12)]
    bench = SimulatorBench(held_incidents(rows))
    listed = await bench.list("incidents", date_range="all")
    assert listed.result.state is KindState.COMPLETE
    assert listed.result.announced == listed.result.fetched == 12
    assert sorted(listed.ids) == sorted(row["id"] for row in rows)


async def test_all_history_of_an_empty_account_is_complete() -> None:
    listed = await SimulatorBench(held_incidents([])).list("incidents", date_range="all")
    assert (listed.result.state, listed.result.fetched) == (KindState.COMPLETE, 0)


async def test_more_than_the_cap_is_read_by_halving_the_window() -> None:
    rows = [incident(n, NOW - timedelta(minutes=20 * n)) for n in range(12_345)]
    bench = SimulatorBench(held_incidents(rows))
    listed = await bench.list("incidents")
    assert listed.result.state is KindState.COMPLETE, listed.result.reason
    assert (listed.result.announced, listed.result.fetched) == (12_345, 12_345)
    assert set(listed.ids) == {row["id"] for row in rows}
    assert len(listed.ids) == 12_345
    assert listed.result.requests < 145
    assert max(int(dict(query)["offset"]) for query in bench.queries("/incidents")) < 10_000


async def test_burst_within_one_second_below_the_cap_is_read() -> None:
    burst = NOW - 3 * DAY - timedelta(hours=1, seconds=17)
    rows = [incident(n, burst) for n in range(9_000)]
    rows += [incident(n, burst + timedelta(seconds=1)) for n in range(9_000, 13_000)]
    rows += [incident(n, NOW - timedelta(hours=n - 12_999)) for n in range(13_000, 13_100)]
    bench = SimulatorBench(held_incidents(rows))
    listed = await bench.list("incidents")
    assert listed.result.state is KindState.COMPLETE, listed.result.reason
    assert listed.result.fetched == 13_100
    assert set(listed.ids) == {row["id"] for row in rows}


async def test_burst_above_the_cap_is_read_as_far_as_possible_and_incomplete() -> None:
    burst = NOW - 3 * DAY
    rows = [incident(n, burst) for n in range(10_200)] + [incident(10_200, NOW - DAY)]
    listed = await SimulatorBench(held_incidents(rows)).list("incidents")
    assert (listed.result.state, listed.result.fetched, listed.result.announced) == (
        KindState.INCOMPLETE,
        10_001,
        10_201,
    )
    assert "10200" in listed.result.reason


async def test_more_open_old_incidents_than_the_cap_are_read_in_windows() -> None:
    rows = [incident(n, NOW - 200 * DAY - timedelta(minutes=30 * n), "triggered") for n in range(10_400)]
    bench = SimulatorBench(held_incidents([*rows, incident(20_000, NOW - 900 * DAY)]))
    listed = await bench.list("incidents")
    assert listed.result.state is KindState.COMPLETE, listed.result.reason
    assert listed.result.fetched == 10_400
    assert set(listed.ids) == {row["id"] for row in rows}


async def test_memory_holds_no_more_pages_than_may_be_in_hand() -> None:
    bench = SimulatorBench(held_incidents([incident(n, NOW - timedelta(minutes=n)) for n in range(3_000)]))
    await bench.list("incidents", concurrency=3)
    assert bench.simulator.log.in_flight_peak <= 3
