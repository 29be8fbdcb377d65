"""Tests that the raw topics end with the newest state of every object, whatever happens side by side."""

import asyncio
import random
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import orjson
import pytest

from schemas.headers import Origin, RecordHeaders
from schemas.run import KindResult, KindState
from schemas.topics import WEBHOOKS
from services.fetcher.hydration.core import HydrationCore
from services.fetcher.leadership import Leadership
from services.fetcher.listing import list_source
from services.fetcher.raw_publisher import RawPublisher
from services.fetcher.refresh import ask_and_publish
from services.fetcher.run_reader import RunReader
from services.fetcher.sweep.interface import Existence
from shared.core import Batch
from shared.errors import NotOwnerError
from shared.log.interface import NewRecord, Position, Subscription
from shared.log.sqlite import SqliteLog
from shared.outcome import Outcome
from shared.runtime import Consumer
from shared.sources import plan_sources
from tests.service.hydration_setting import (
    PLACE,
    HydrationBench,
    hydration,
    incident_event,
    service_event,
    webhook_record,
)
from tests.service.pagerduty_listing import NOW, account, by_id, incident, mapping

INCIDENTS = "pagerduty.raw.incidents"
GROUP = "pagerport.fetcher"
PER_MINUTE = 960


def incidents(number: int) -> dict[str, Any]:
    return by_id([incident(one, NOW - timedelta(days=1), title="version 0") for one in range(number)])


def change(bench: HydrationBench, object_id: str, version: int) -> NewRecord:
    """Change an incident in PagerDuty and return the event that tells of it."""
    bench.time.seconds += 0.001
    row = {**bench.simulator.store.rows("incidents")[object_id], "title": f"version {version}"}
    bench.simulator.store.put("incidents", object_id, row)
    return webhook_record(incident_event(object_id, "incident.annotated"), f"incidents/{object_id}")


async def titles(bench: HydrationBench) -> dict[str, str]:
    return {object_id: row["title"] for object_id, row in (await bench.rows(INCIDENTS)).items()}


def true_titles(bench: HydrationBench) -> dict[str, str]:
    return {object_id: row["title"] for object_id, row in bench.simulator.store.rows("incidents").items()}


async def consume(
    bench: HydrationBench, core: Any, *, max_records: int, until: Callable[[], bool] | None = None
) -> None:
    """Run a consumer of the events until something is true; None: until all there are now are committed."""

    async def sleep(_: float) -> None:
        await asyncio.sleep(0)

    consumer = Consumer(
        bench.log,
        GROUP,
        Subscription.to(WEBHOOKS.name),
        core,
        max_records=max_records,
        sleep=sleep,
        on_fatal="raise",
    )
    running = asyncio.create_task(consumer.run())
    end = (await bench.log.end_offsets([PLACE]))[PLACE]

    async def is_over() -> bool:
        if until is not None:
            return until()
        committed = (await bench.log.committed(GROUP, [PLACE])).get(PLACE)
        return committed is not None and committed.offset == end

    while not await is_over():
        assert not running.done(), running.result()
        await asyncio.sleep(0.001)
    consumer.stop()
    await running


class Windows:
    """A core that counts how often it is handed records that it has not seen."""

    def __init__(self, core: HydrationCore) -> None:
        self._core = core
        self._seen = 0
        self.windows = 0

    async def handle(self, batch: Batch) -> Sequence[Outcome | None]:
        last = batch.records[-1].offset
        if last >= self._seen:
            self._seen = last + 1
            self.windows += 1
        return await self._core.handle(batch)


def most_in_a_minute(bench: HydrationBench) -> int:
    """Return the most requests that the simulator has seen within any minute."""
    sent = [request.started_at for request in bench.simulator.log.requests]
    return max(sum(at <= other < at + timedelta(minutes=1) for other in sent) for at in sent)


async def test_burst_of_events_ends_newest_with_a_get_per_object_and_window() -> None:
    held = {**account(), "incidents": incidents(200)}
    async with hydration(held, mapping(("incidents", {}))) as bench:
        ids = list(held["incidents"])
        events = [change(bench, ids[number * 7 % 200], number) for number in range(2000)]
        await bench.send(*events)
        core = Windows(bench.core)
        await consume(bench, core, max_records=1000)
        assert await titles(bench) == true_titles(bench)
        counters = bench.core.counters
        gets = len(bench.simulator.log.requests)
        assert core.windows < 10
        assert bench.client.requests == gets == counters.hydrated <= 200 * core.windows
        assert counters.received == 2000
        assert counters.coalesced == 2000 - counters.hydrated
        assert most_in_a_minute(bench) <= PER_MINUTE
        assert bench.simulator.log.count(status=429) == 0


async def test_more_objects_than_a_minute_allows_keep_to_the_budget() -> None:
    held = {**account(), "incidents": incidents(1500)}
    async with hydration(held, mapping(("incidents", {}))) as bench:
        await bench.send(*(change(bench, one, 1) for one in held["incidents"]))
        await consume(bench, bench.core, max_records=2000)
        assert await titles(bench) == true_titles(bench)
        assert len(bench.simulator.log.requests) == 1500
        assert most_in_a_minute(bench) <= PER_MINUTE
        assert bench.simulator.log.count(status=429) == 0


async def list_live(
    bench: HydrationBench,
    on_page: Callable[[], Any],
    publisher: RawPublisher | None = None,
    *,
    concurrency: int = 1,
) -> KindResult:
    """List the incidents; something happens between the answer of each page and its being published."""
    gate = publisher or bench.publisher
    (source,) = plan_sources(mapping(("incidents", {})), now=bench.time.now())
    await bench.log.create_topics([source.topic])

    async def publish(records: Sequence[NewRecord]) -> int:
        await on_page()
        return await gate.publish(records)

    return await list_source(
        source,
        client=bench.client,
        publish=publish,
        run_id="run-1",
        origin=Origin.RESYNC,
        identifier="bench",
        now=bench.time.now,
        on_progress=lambda _: None,
        concurrency=concurrency,
        begin_flight=gate.begin_page,
    )


async def test_page_that_was_read_before_a_live_change_does_not_undo_it() -> None:
    held = {**account(), "incidents": incidents(250)}
    async with hydration(held, mapping(("incidents", {}))) as bench:
        ids = list(held["incidents"])
        version = 0

        async def change_everywhere() -> None:
            # Of the page in hand, of pages that are published, and of those still to be read.
            nonlocal version
            version += 1
            # Nothing is kept for the pages that are published already.
            assert bench.publisher.remembered == 0
            for at in (3, 50, 110, 180, 220, 249):
                await bench.send(change(bench, ids[at], version))
            await bench.settle()

        result = await list_live(bench, change_everywhere)
        assert await titles(bench) == true_titles(bench)
        assert (result.state, result.announced) == (KindState.COMPLETE, 250)
        assert result.fetched + result.superseded == 250
        assert result.superseded == bench.publisher.superseded > 0
        assert bench.publisher.remembered == 0


@pytest.mark.parametrize("seed", range(5))
async def test_resync_beside_a_stream_of_live_changes_ends_with_the_newest_of_each(seed: int) -> None:
    held = {**account(), "incidents": incidents(700)}
    async with hydration(held, mapping(("incidents", {}))) as bench:
        ids, chance = list(held["incidents"]), random.Random(seed)  # noqa: S311 (no secret)
        is_listed = False

        async def turns() -> None:
            for _ in range(chance.randrange(20)):
                await asyncio.sleep(0)

        async def change_some() -> None:
            version = 0
            while not is_listed:
                version += 1
                await bench.send(*(change(bench, chance.choice(ids), version) for _ in range(5)))
                await turns()

        async def resync() -> KindResult:
            nonlocal is_listed
            result = await list_live(bench, turns, concurrency=4)
            is_listed = True
            return result

        live = asyncio.create_task(consume(bench, bench.core, until=lambda: is_listed, max_records=200))
        result, _, _ = await asyncio.gather(resync(), change_some(), live)
        hydrated_beside = bench.core.counters.hydrated
        await consume(bench, bench.core, max_records=200)
        assert await titles(bench) == true_titles(bench)
        assert result.state is KindState.COMPLETE
        assert (hydrated_beside > 0, bench.publisher.remembered) == (True, 0)


async def test_without_the_gate_a_page_would_undo_a_live_change() -> None:
    # Says that the tests here can fail: the same, with a gate of its own for each.
    held = {**account(), "incidents": incidents(10)}
    async with hydration(held, mapping(("incidents", {}))) as bench:
        object_id = next(iter(held["incidents"]))

        async def change_one() -> None:
            await bench.send(change(bench, object_id, 1))
            await bench.settle()

        apart = RawPublisher(bench.log, leads=lambda: True, now=bench.time.now)
        await list_live(bench, change_one, apart)
        assert (await titles(bench))[object_id] == "version 0"
        assert true_titles(bench)[object_id] == "version 1"


async def test_live_answer_that_comes_after_a_newer_page_does_not_undo_it() -> None:
    held = {**account(), "incidents": incidents(10)}
    async with hydration(held, mapping(("incidents", {}))) as bench:
        object_id = next(iter(held["incidents"]))
        asked, answer = asyncio.Event(), asyncio.Event()

        async def nothing() -> None:
            return None

        slow = SlowAnswers(bench, asked, answer)
        core = bench.make_core(patience_s=3600)
        event = change(bench, object_id, 1)
        await bench.send(event)
        slow.on = True
        handling = asyncio.create_task(bench.hand_in(core))
        await asked.wait()
        slow.on = False
        # Asked for as version 1; PagerDuty has version 2 by the time the page is read.
        change(bench, object_id, 2)
        await list_live(bench, nothing)
        answer.set()
        assert None not in await handling
        assert await titles(bench) == true_titles(bench)
        assert core.counters.superseded == 1
        await core.close()


class SlowAnswers:
    """Holds back answers that PagerDuty has made, while it is on."""

    def __init__(self, bench: HydrationBench, asked: asyncio.Event, answer: asyncio.Event) -> None:
        self.on = False
        service = bench.simulator.service
        send = service._send

        async def hold(*args: Any) -> None:
            if self.on:
                asked.set()
                await answer.wait()
            await send(*args)

        service._send = hold  # type: ignore[assignment,method-assign]  # a network that takes long


async def test_refresh_of_a_run_does_not_undo_a_live_change() -> None:
    held = {**account(), "incidents": incidents(3)}
    async with hydration(held, mapping(("incidents", {}))) as bench:
        object_id = next(iter(held["incidents"]))
        (source,) = plan_sources(mapping(("incidents", {})), now=NOW)

        async def publish(records: Sequence[NewRecord]) -> int:
            await bench.send(change(bench, object_id, 1))
            await bench.settle()
            return await bench.publisher.publish(records)

        existence = await ask_and_publish(
            source,
            object_id,
            client=bench.client,
            publish=publish,
            identifier="bench",
            now=bench.time.now,
            hold=bench.publisher.single,
        )
        assert existence is Existence.THERE
        assert await titles(bench) == {object_id: "version 1"}


@pytest.mark.parametrize("pages", [1, 3])
async def test_page_that_was_read_before_another_replica_led_does_not_undo_what_that_one_published(
    pages: int,
) -> None:
    held = {**account(), "incidents": incidents(pages * 100)}
    async with hydration(held, mapping(("incidents", {}))) as bench:
        object_id = next(iter(held["incidents"]))
        reader, leadership = reader_between_two_leaderships(bench, object_id)
        with reader:
            (source,) = plan_sources(mapping(("incidents", {})), now=NOW)
            await bench.log.create_topics([source.topic])
            result = await reader.list_source(source, lambda _: None)
        assert leadership.holds()
        assert await titles(bench) == true_titles(bench)
        assert (result.state, result.fetched) == (KindState.COMPLETE, pages * 100)


async def test_object_asked_for_before_another_replica_led_is_left_to_the_next_attempt() -> None:
    held = {**account(), "incidents": incidents(3)}
    async with hydration(held, mapping(("incidents", {}))) as bench:
        object_id = next(iter(held["incidents"]))
        reader, _ = reader_between_two_leaderships(bench, object_id)
        with reader, pytest.raises(NotOwnerError, match="asked for before"):
            await reader.ask(plan_sources(mapping(("incidents", {})), now=NOW)[0], object_id)
        assert await titles(bench) == {object_id: "version 1"}


def reader_between_two_leaderships(bench: HydrationBench, object_id: str) -> tuple[RunReader, Leadership]:
    """Return the reader of a run whose replica loses its leadership before it publishes, and has it back."""
    is_away = True

    async def another_leads(_: float) -> None:
        nonlocal is_away
        await bench.send(change(bench, object_id, 1))
        await bench.settle()
        bench.time.seconds += 1
        is_away = False
        leadership.go_on(bench.time.now())

    leadership = Leadership(lambda: not is_away, sleep=another_leads)
    # What the other one has published this one does not know.
    own = RawPublisher(bench.log, leads=leadership.holds, now=bench.time.now)
    reader = RunReader(
        plan_sources(mapping(("incidents", {})), now=NOW),
        client=bench.client,
        publisher=own,
        stamp="run-1",
        identifier="bench",
        started_at=NOW,
        now=bench.time.now,
        concurrency=1,
        leadership=leadership,
    )
    return reader, leadership


async def test_new_core_on_the_same_log_takes_up_what_the_old_one_left() -> None:
    held = {**account(), "incidents": incidents(120)}
    async with hydration(held, mapping(("incidents", {}))) as bench:
        await bench.send(*(change(bench, one, 1) for one in held["incidents"]))
        first = bench.make_core(patience_s=0.002)
        await consume(bench, first, until=lambda: first.counters.hydrated >= 30, max_records=50)
        await first.close()
        done = await titles(bench)
        assert 30 <= len(done) < 120
        await bench.send(*(change(bench, one, 2) for one in list(held["incidents"])[:60]))
        await consume(bench, bench.core, max_records=50)
        assert await titles(bench) == true_titles(bench)


class TornLog:
    """A log that fails every so many appends, before or after it has written."""

    def __init__(self, log: SqliteLog) -> None:
        self._log = log
        self.appends = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    async def append(self, records: Sequence[NewRecord]) -> list[Position]:
        self.appends += 1
        if self.appends % 5 == 1:
            raise OSError("disk full")
        positions = await self._log.append(records)
        if self.appends % 5 == 3:
            raise OSError("answer lost")
        return positions


async def test_log_that_fails_now_and_then_loses_nothing() -> None:
    held = {**account(), "incidents": incidents(40)}
    async with hydration(held, mapping(("incidents", {}))) as bench:
        torn: Any = TornLog(bench.log)
        core = bench.make_core(publisher=RawPublisher(torn, leads=lambda: True, now=bench.time.now))
        await bench.send(*(change(bench, one, 1) for one in held["incidents"]))
        await consume(bench, core, max_records=50)
        assert await titles(bench) == true_titles(bench)
        await core.close()


@pytest.mark.parametrize("down_for", [1, 40])
async def test_pagerduty_that_goes_down_amid_a_burst_loses_nothing(down_for: int) -> None:
    held = {**account(services=30)}
    async with hydration(held, mapping(("services", {}))) as bench:
        bench.script({"after": 10, "times": down_for, "action": {"drop": "before"}})
        await bench.send(*(webhook_record(service_event(one)) for one in held["services"]))
        await consume(bench, bench.core, max_records=50)
        rows = await bench.rows("pagerduty.raw.services")
        assert sorted(rows) == sorted(held["services"])
        assert bench.core.counters.hydrated == 30
        assert await bench.letters() == []


async def test_raw_records_of_one_object_are_in_the_order_in_which_they_were_asked_for() -> None:
    held = {**account(), "incidents": incidents(5)}
    async with hydration(held, mapping(("incidents", {}))) as bench:
        for version in range(1, 30):
            await bench.send(*(change(bench, one, version) for one in held["incidents"]))
        await consume(bench, bench.core, max_records=7)
        asked: dict[bytes | None, list[Any]] = {}
        for record in await bench.raw(INCIDENTS):
            asked.setdefault(record.key, []).append(RecordHeaders.decode(record.headers).observedat)
        assert all(times == sorted(times) for times in asked.values())
        assert await titles(bench) == dict.fromkeys(held["incidents"], "version 29")
        assert orjson.loads((await bench.raw(INCIDENTS))[0].value or b"")["title"] == "version 29"
