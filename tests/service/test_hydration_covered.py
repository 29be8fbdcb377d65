"""Proves that an event which is older than what was published of its object costs no request."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from schemas.refresh_request import RefreshCause
from services.fetcher.hydration.covered import KEPT, SLACK, Covered
from shared.core import Batch
from shared.outcome import DONE
from tests.service.hydration_setting import (
    HydrationBench,
    hydration,
    in_force,
    incident_event,
    request_record,
    service_event,
    webhook_record,
)
from tests.service.pagerduty_listing import NOW, account, mapping

LATER_S = SLACK.total_seconds() + 1


async def hand_in_first(bench: HydrationBench) -> None:
    """Hand in the first event alone, as if the others were too far behind it to be read."""
    batch = Batch((await bench.events())[:1], bench.leaving)
    assert list(await bench.core.handle(batch)) == [DONE]


async def test_events_of_a_burst_that_were_too_far_behind_to_wait_together_cost_one_request() -> None:
    held = account(services=1)
    (object_id,) = held["services"]
    async with hydration(held, mapping(("services", {}))) as bench:
        await bench.send(*(webhook_record(service_event(object_id)) for _ in range(5)))
        bench.time.seconds += LATER_S
        await hand_in_first(bench)
        await bench.settle()
        counters = bench.core.counters
        assert (bench.gets(f"/services/{object_id}"), counters.received, counters.coalesced) == (1, 5, 4)


async def test_event_that_came_about_when_the_object_was_asked_for_asks_again() -> None:
    held = account(services=1)
    (object_id,) = held["services"]
    async with hydration(held, mapping(("services", {}))) as bench:
        await bench.send(webhook_record(service_event(object_id)))
        bench.time.seconds += LATER_S
        await bench.send(webhook_record(service_event(object_id)))
        await hand_in_first(bench)
        await bench.settle()
        assert bench.gets(f"/services/{object_id}") == 2


async def test_delete_and_refresh_are_carried_out_however_old_they_are() -> None:
    held = account(services=2)
    first, second = held["services"]
    async with hydration(held, mapping(("services", {}))) as bench:
        await bench.send(
            *(webhook_record(service_event(one)) for one in (first, second)),
            webhook_record(service_event(first, "service.deleted")),
            request_record("services", second, RefreshCause.ASKED),
        )
        bench.time.seconds += LATER_S
        batch = Batch((await bench.events())[:2], bench.leaving)
        assert list(await bench.core.handle(batch)) == [DONE, DONE]
        await bench.settle()
        assert bench.gets(f"/services/{second}") == 2
        assert bench.core.counters.deleted == 1


async def test_new_mapping_begins_afresh() -> None:
    held = account(services=1, incidents=1)
    (object_id,) = held["incidents"]
    async with hydration(held, mapping(("incidents", {}))) as bench:
        await bench.send(*(webhook_record(incident_event(object_id)) for _ in range(2)))
        bench.time.seconds += LATER_S
        await hand_in_first(bench)
        bench.mapping = in_force(mapping(("incidents", {}), ("services", {})), version=2)
        # It is followed by the first batch that knows of it.
        await bench.core.handle(Batch((await bench.events())[:1], bench.leaving))
        await bench.settle()
        assert bench.gets(f"/incidents/{object_id}") == 2


async def test_event_that_came_after_the_clock_was_set_back_is_not_taken_for_an_old_one() -> None:
    held = account(services=1)
    (object_id,) = held["services"]
    async with hydration(held, mapping(("services", {}))) as bench:
        bench.time.seconds += 3600
        await bench.send(webhook_record(service_event(object_id)))
        await hand_in_first(bench)
        bench.time.seconds -= 1800
        await bench.send(webhook_record(service_event(object_id)))
        await bench.settle()
        assert bench.gets(f"/services/{object_id}") == 2


@given(st.integers(-30_000, 30_000))
def test_only_events_older_by_more_than_clocks_differ_are_covered(behind_ms: int) -> None:
    covered = Covered()
    covered.note(("services", "P1"), NOW)
    event_ms = int(NOW.timestamp() * 1000) - behind_ms
    assert covered.covers(("services", "P1"), event_ms, NOW) is (
        behind_ms > SLACK / timedelta(milliseconds=1)
    )
    assert not covered.covers(("incidents", "P1"), event_ms, NOW)


def test_no_more_is_remembered_than_has_room() -> None:
    covered = Covered()
    for number in range(KEPT + 1):
        covered.note(("services", str(number)), NOW)
    assert [covered.covers(("services", str(one)), 0, NOW) for one in (0, 1, KEPT)] == [False, True, True]
    covered.forget()
    assert not covered.covers(("services", "1"), 0, NOW)
