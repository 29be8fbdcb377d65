"""Tests that an event brings its object as a resync would, and what follows where it cannot be had."""

import asyncio
import sqlite3
from datetime import timedelta
from typing import Any

import orjson
import pytest

from schemas.dead_letter import DeadLetter, LetterFailure
from schemas.headers import Operation, Origin, RecordHeaders
from schemas.mapping import MappingFile
from schemas.outcome import Reason
from schemas.refresh_request import RefreshCause
from services.fetcher.enrichment.run_enrichment import RunEnrichment
from services.fetcher.hydration.live_enrichment import LiveEnrichment
from services.fetcher.listing import list_source
from services.mapper.mapped import RawObject
from services.mapper.objects import ObjectMapper
from services.mapper.plan import build_plan
from shared.dead_letters import RESOLUTION, dead_letter_record, read_dead_letter
from shared.errors import NotOwnerError
from shared.log.interface import NewRecord, Record, TopicPartition
from shared.outcome import DONE
from shared.sources import plan_sources
from tests.service.hydration_setting import (
    HydrationBench,
    event,
    hydration,
    in_force,
    incident_event,
    request_record,
    service_event,
    webhook_record,
)
from tests.service.pagerduty_listing import GONE, NOW, account, by_id, incident, mapping

SERVICES, INCIDENTS = "pagerduty.raw.services", "pagerduty.raw.incidents"
INCLUDES = {"include": ["assignees", "first_trigger_log_entries", "priorities"]}


def headers_of(record: Record) -> RecordHeaders:
    return RecordHeaders.decode(record.headers)


def enriched_mapping() -> MappingFile:
    """Return a mapping that reads every enrichment of incidents and services."""

    def entry(kind: str, selector: dict[str, Any], *keys: str) -> dict[str, Any]:
        properties = {f"p{number}": f".{key}" for number, key in enumerate(keys)}
        mappings = {"identifier": ".id", "blueprint": '"thing"', "properties": properties}
        return {"kind": kind, "selector": selector, "port": {"entity": {"mappings": mappings}}}

    switches = {"includeCustomFields": True, "incidentAnalytics": True}
    return MappingFile.model_validate(
        {
            "resources": [
                entry("services", switches, "__oncall_user", "__analytics", "__custom_fields"),
                entry(
                    "incidents", {**switches, "apiQueryParams": INCLUDES}, "__analytics", "__custom_fields"
                ),
            ]
        }
    )


async def listed_rows(bench: HydrationBench, topic: str) -> dict[str, Any]:
    """Return what a resync would publish now."""
    assert bench.mapping is not None
    sources = plan_sources(bench.mapping.config, now=bench.time.now())
    (source,) = (one for one in sources if one.topic == topic)
    rows: dict[str, Any] = {}

    async def publish(records: Any) -> None:
        rows.update({record.key.decode(): orjson.loads(record.value) for record in records})

    with RunEnrichment(
        sources, client=bench.client, started_at=bench.time.now(), now=bench.time.now
    ) as enrichment:
        await list_source(
            source,
            client=bench.client,
            publish=publish,
            run_id="run-1",
            origin=Origin.RESYNC,
            identifier="bench",
            now=bench.time.now,
            on_progress=lambda _: None,
            enricher=enrichment.of(source),
        )
    return rows


async def test_live_object_is_what_a_resync_publishes_with_includes_and_every_enrichment() -> None:
    held = account(services=3, incidents=4, users=4, policies=2, schedules=2)
    async with hydration(held, enriched_mapping()) as bench:
        await bench.send(
            *(webhook_record(incident_event(one)) for one in held["incidents"]),
            *(webhook_record(service_event(one)) for one in held["services"]),
        )
        await bench.settle()
        for topic in (SERVICES, INCIDENTS):
            expected = await listed_rows(bench, topic)
            assert await bench.rows(topic) == expected
        assert all("__analytics" in row for row in (await bench.rows(SERVICES)).values())
        assert {one.omitted for one in map(headers_of, await bench.raw(SERVICES))} == {()}
        assert (bench.core.counters.hydrated, bench.core.counters.lacking) == (7, 0)


async def test_live_record_says_so_in_its_headers() -> None:
    held = account(services=1)
    async with hydration(held, mapping(("services", {}))) as bench:
        (object_id,) = held["services"]
        await bench.send(webhook_record(service_event(object_id)))
        assert await bench.hand_in() == [DONE]
        (record,) = await bench.raw(SERVICES)
        assert record.key == object_id.encode()
        assert headers_of(record) == RecordHeaders(
            id=f"services/{object_id}@live.{NOW.timestamp():.6f}",
            source="pagerport/bench/fetcher",
            type="pagerport.raw",
            subject=object_id,
            time=NOW,
            origin=Origin.LIVE,
            kind="services",
            observedat=NOW,
        )


async def test_enrichment_that_cannot_be_had_is_omitted() -> None:
    held = account(services=1)
    async with hydration(held, enriched_mapping()) as bench:
        (object_id,) = held["services"]
        bench.script({"match": {"path": "/oncalls"}, "action": {"status": 403, "body": {}}})
        await bench.send(webhook_record(service_event(object_id)))
        await bench.settle()
        (record,) = await bench.raw(SERVICES)
        assert headers_of(record).omitted == ("__oncall_user",)
        assert "__oncall_user" not in orjson.loads(record.value or b"")
        assert bench.core.counters.lacking == 1


async def test_who_is_on_call_is_read_again_after_a_minute_and_not_before() -> None:
    held = account(services=1)
    async with hydration(held, enriched_mapping()) as bench:
        (object_id,) = held["services"]
        read = []
        for pause_s in (0, 59, 2):
            bench.time.seconds += pause_s
            await bench.send(webhook_record(service_event(object_id)))
            await bench.settle()
            read.append(bench.gets("/oncalls"))
        assert read == [1, 1, 2]
        assert bench.gets(f"/services/{object_id}") == 3


async def test_who_is_on_call_is_read_again_when_the_clock_was_set_back() -> None:
    held = account(services=1)
    async with hydration(held, enriched_mapping()) as bench:
        (object_id,) = held["services"]
        for pause_s in (3600, -1800):
            bench.time.seconds += pause_s
            await bench.send(webhook_record(service_event(object_id)))
            await bench.settle()
        assert bench.gets("/oncalls") == 2


async def test_analytics_whose_quota_is_spent_are_not_asked_for_again_within_the_hour() -> None:
    held = account(services=1)
    async with hydration(held, enriched_mapping()) as bench:
        (object_id,) = held["services"]
        path = "/analytics/metrics/incidents/services"
        spent = {"daily-ratelimit-remaining": "-1"}
        bench.script({"match": {"path": path}, "action": {"status": 429, "headers": spent, "body": {}}})
        asked = []
        for pause_s in (0, 1000, 1000, 2000):
            bench.time.seconds += pause_s
            await bench.send(webhook_record(service_event(object_id)))
            await bench.settle()
            asked.append(bench.gets(path))
        assert asked == [1, 1, 1, 2]
        assert {headers_of(one).omitted for one in await bench.raw(SERVICES)} == {("__analytics",)}


async def test_enrichment_in_use_stays_open_when_a_fresh_one_is_begun() -> None:
    held = account(services=2)
    config = enriched_mapping()
    sources = plan_sources(config, now=NOW)
    async with hydration(held, config) as bench:
        live = LiveEnrichment(bench.client, now=bench.time.now, concurrency=1)
        row = dict(next(iter(held["services"].values())))
        with live.hold(sources) as old:
            bench.time.seconds += 61
            with live.hold(sources) as fresh:
                assert fresh is not old
            enricher = old.of(sources[0])
            assert enricher is not None
            assert await enricher.enrich([(row["id"], row)]) == {}
        live.close()
        for closed in (old, fresh):
            enricher = closed.of(sources[0])
            assert enricher is not None
            with pytest.raises(sqlite3.ProgrammingError):
                await enricher.enrich([(row["id"], row)])


async def test_new_mapping_is_followed_from_its_first_event_on() -> None:
    held = account(services=1)
    (object_id,) = held["services"]
    async with hydration(held, enriched_mapping()) as bench:
        for version, config in enumerate(
            (mapping(("users", {})), mapping(("services", {})), enriched_mapping()), start=1
        ):
            bench.mapping = in_force(config, version)
            await bench.send(webhook_record(service_event(object_id)))
            await bench.settle()
        keys = [set(orjson.loads(one.value or b"")) for one in await bench.raw(SERVICES)]
        assert ["__oncall_user" in one for one in keys] == [False, True]
        assert bench.core.counters.unwanted == 1


async def test_record_that_was_committed_is_forgotten() -> None:
    held = account(services=1)
    async with hydration(held, mapping(("services", {}))) as bench:
        await bench.send(*[webhook_record(service_event(next(iter(held["services"]))))] * 3)
        for start, received in ((0, 3), (0, 3), (2, 3), (0, 5)):
            assert None not in await bench.hand_in(start=start)
            assert bench.core.counters.received == received


async def test_every_source_of_a_kind_gets_the_object_for_one_request() -> None:
    held = account(services=2)
    first, second = held["services"]
    name = held["services"][first]["name"]
    config = mapping(("services", {}), ("services", {"query": name}), ("services", {"name": "no such"}))
    async with hydration(held, config) as bench:
        topics = [source.topic for source in plan_sources(config, now=NOW)]
        await bench.send(webhook_record(service_event(first)), webhook_record(service_event(second)))
        await bench.settle()
        assert [sorted(await bench.rows(topic)) for topic in topics] == [sorted([first, second]), [first], []]
        assert (bench.gets(f"/services/{first}"), bench.gets(f"/services/{second}")) == (1, 1)


async def test_source_gets_no_enrichment_that_only_another_one_of_its_kind_reads() -> None:
    held = account(services=1)
    (object_id,) = held["services"]

    def entry(months: int, key: str) -> dict[str, Any]:
        properties = {"analytics": ".__analytics", "more": f".{key}"}
        mappings = {"identifier": ".id", "blueprint": '"thing"', "properties": properties}
        return {
            "kind": "services",
            "selector": {"analyticsMonthsPeriod": months, "includeCustomFields": True},
            "port": {"entity": {"mappings": mappings}},
        }

    config = MappingFile.model_validate(
        {"resources": [entry(3, "__custom_fields"), entry(6, "__oncall_user")]}
    )
    async with hydration(held, config) as bench:
        await bench.send(webhook_record(service_event(object_id)))
        await bench.settle()
        for source in plan_sources(config, now=NOW):
            assert await bench.rows(source.topic) == await listed_rows(bench, source.topic)
        assert bench.gets(f"/services/{object_id}") == 1


async def test_object_that_only_a_filter_of_pagerduty_keeps_out_is_not_published() -> None:
    held = account(services=2)
    inside, outside = held["services"]
    config = mapping(("services", {"query": held["services"][inside]["name"]}))
    async with hydration(held, config) as bench:
        await bench.send(webhook_record(service_event(inside)), webhook_record(service_event(outside)))
        await bench.settle()
        assert sorted(await bench.rows(SERVICES)) == [inside]
        assert await listed_rows(bench, SERVICES) == await bench.rows(SERVICES)
        assert (bench.core.counters.hydrated, bench.core.counters.outside) == (1, 1)


@pytest.mark.parametrize(
    ("params", "changed"),
    [
        ({"statuses": ["triggered", "acknowledged"]}, {"status": "resolved"}),
        ({"service_ids": ["PSVC001"]}, {"service": {"id": "POTHER1", "type": "service_reference"}}),
        ({"urgencies": ["high"]}, {"urgency": "low"}),
    ],
)
async def test_object_that_left_a_filter_takes_its_entity_with_it(
    params: dict[str, Any], changed: dict[str, Any]
) -> None:
    was = incident(1, NOW - timedelta(days=1), status="triggered")
    held = {**account(), "incidents": by_id([{**was, **changed}])}
    entity = {"mappings": {"identifier": ".id", "blueprint": '"incident"', "properties": {"title": ".title"}}}
    entry = {"kind": "incidents", "selector": {"apiQueryParams": params}, "port": {"entity": entity}}
    config = MappingFile.model_validate({"resources": [entry]})
    async with hydration(held, config) as bench:
        assert await listed_rows(bench, INCIDENTS) == {}
        await bench.send(webhook_record(incident_event(was["id"], "incident.resolved")))
        await bench.settle()
        (record,) = await bench.raw(INCIDENTS)
        mapper = ObjectMapper(build_plan(in_force(config), plan_sources(config, now=NOW)))
        mapped = mapper.map_object(
            RawObject(INCIDENTS, record.partition, record.offset, was["id"], False, (), record.value)
        )
        (change,) = mapped.changes
        assert (change.operation, change.key) == ("delete", f"incident/{was['id']}")
        assert orjson.loads(change.value)["reason"] == "selector"


async def test_object_of_which_a_failing_list_does_not_tell_is_a_dead_letter_not_silence() -> None:
    held = account(services=1)
    (object_id,) = held["services"]
    config = mapping(("services", {"query": held["services"][object_id]["name"]}))
    async with hydration(held, config) as bench:
        bench.script({"match": {"path": "/services"}, "action": {"status": 500, "body": {}}})
        await bench.send(webhook_record(service_event(object_id)))
        await bench.settle()
        (record,) = await bench.letters()
        letter = read_dead_letter(record)
        assert (letter.object_id, letter.failures[0].reason) == (object_id, Reason.RETRIES_EXHAUSTED)
        assert "GET /services" in letter.failures[0].detail
        assert (bench.core.counters.outside, bench.core.counters.failed) == (0, 1)


async def test_object_far_down_a_filtered_list_is_found_there() -> None:
    held = account(users=250)
    for user in held["users"].values():
        user["name"] = "Alike"
    last = list(held["users"])[-1]
    async with hydration(held, mapping(("users", {"query": "alike"}))) as bench:
        await bench.send(request_record("users", last))
        assert await bench.hand_in() == [DONE]
        assert list(await bench.rows("pagerduty.raw.users")) == [last]
        assert bench.gets("/users") == 3


async def test_kind_that_no_entry_wants_costs_no_request() -> None:
    async with hydration(account(services=1), mapping(("users", {}))) as bench:
        await bench.send(*[webhook_record(incident_event("PX"))] * 3)
        assert await bench.hand_in() == [DONE] * 3
        assert (bench.core.counters.unwanted, bench.simulator.log.requests) == (3, [])


async def test_ping_and_unknown_resources_are_counted_and_settled() -> None:
    async with hydration(account(), mapping(("services", {}))) as bench:
        await bench.send(
            webhook_record(event("pagey.ping", {"type": "ping", "message": "hello"})),
            webhook_record(event("user.updated", {"type": "user", "id": "PU"})),
            webhook_record(event("user.updated", {"type": "user", "id": "PV"})),
        )
        assert await bench.hand_in() == [DONE] * 3
        counters = bench.core.counters
        assert (counters.pings, counters.unknown, counters.unknown_types) == (1, 2, {"user.updated": 2})


async def test_incident_that_is_not_found_is_not_visible_and_never_deleted() -> None:
    async with hydration(account(services=1), mapping(("incidents", {}))) as bench:
        await bench.send(webhook_record(incident_event("PGONE01")))
        await bench.settle()
        assert (bench.core.counters.not_visible, bench.core.counters.retried) == (1, 3)
        assert await bench.raw(INCIDENTS) == []
        assert bench.time.slept == [1.0, 2.0, 4.0]


@pytest.mark.parametrize(("event_type", "slept"), [("created", [1.0, 2.0, 4.0]), ("updated", [1.0])])
async def test_service_that_is_not_found_after_short_retries_is_deleted(
    event_type: str, slept: list[float]
) -> None:
    async with hydration(account(), mapping(("services", {}))) as bench:
        await bench.send(webhook_record(service_event("PGONE01", f"service.{event_type}")))
        await bench.settle()
        (record,) = await bench.raw(SERVICES)
        found = headers_of(record)
        assert (found.operation, found.origin, found.confirmed) == (Operation.DELETE, Origin.LIVE, False)
        assert orjson.loads(record.value or b"") == {
            "id": "PGONE01",
            "type": "service",
            "summary": "from the event",
        }
        assert (bench.gets("/services/PGONE01"), bench.core.counters.deleted) == (len(slept) + 1, 1)
        assert bench.time.slept == slept


async def test_service_that_is_found_late_is_published() -> None:
    held = account(services=1)
    (object_id,) = held["services"]
    async with hydration(held, mapping(("services", {}))) as bench:
        path = f"/services/{object_id}"
        bench.script({"match": {"path": path}, "times": 2, "action": GONE})
        await bench.send(webhook_record(service_event(object_id, "service.created")))
        await bench.settle()
        assert await bench.rows(SERVICES) == await listed_rows(bench, SERVICES)
        assert (bench.gets(path), bench.core.counters.retried) == (3, 2)


@pytest.mark.parametrize("body", ["<html><h1>404 Not Found</h1><hr>nginx</html>", {"message": "no route"}])
async def test_404_of_a_proxy_is_no_delete_and_names_host_and_next_step(body: Any) -> None:
    held = account(services=2)
    hidden, seen = held["services"]
    async with hydration(held, mapping(("services", {}))) as bench:
        path = f"/services/{hidden}"
        bench.script({"match": {"path": path}, "action": {"status": 404, "body": body}})
        await bench.send(webhook_record(service_event(hidden)), webhook_record(service_event(seen)))
        await bench.settle()
        assert (list(await bench.rows(SERVICES)), bench.core.counters.deleted) == ([seen], 0)
        (record,) = await bench.letters()
        (failure,) = read_dead_letter(record).failures
        assert failure.reason is Reason.RETRIES_EXHAUSTED
        assert failure.detail.startswith(f"GET {path}: failed ")
        assert " times, at last HTTP 404 that is not PagerDuty's (" in failure.detail
        assert failure.detail.endswith(
            "; what answers at http://pagerduty.test is not PagerDuty: look at the proxy on the way and at "
            "OCEAN__INTEGRATION__CONFIG__API_URL"
        )


async def test_deleted_service_is_deleted_without_asking() -> None:
    async with hydration(account(services=1), mapping(("services", {}))) as bench:
        await bench.send(
            webhook_record(service_event("PSVCDEL")),
            webhook_record(service_event("PSVCDEL", "service.deleted")),
        )
        assert await bench.hand_in() == [DONE] * 2
        (record,) = await bench.raw(SERVICES)
        assert headers_of(record).operation is Operation.DELETE
        assert orjson.loads(record.value or b"")["id"] == "PSVCDEL"
        assert bench.simulator.log.requests == []


async def test_events_wait_while_pagerduty_is_down_and_none_is_lost() -> None:
    held = account(services=5)
    async with hydration(held, mapping(("services", {}))) as bench:
        core = bench.make_core(patience_s=0.05)
        bench.script({"action": {"drop": "before"}})
        await bench.send(*(webhook_record(service_event(one)) for one in held["services"]))
        assert await bench.hand_in(core) == [None] * 5
        says = core.waiting_for() or ""
        assert says.startswith("5 events wait: PagerDuty (")
        assert (core.waiting, core.held) == (5, "")
        bench.script()
        await bench.settle(core)
        assert await bench.rows(SERVICES) == await listed_rows(bench, SERVICES)
        assert (core.waiting_for(), core.oldest_age_s()) == (None, None)
        await core.close()


async def test_age_of_the_oldest_waiting_event_is_told() -> None:
    async with hydration(account(services=1), mapping(("services", {}))) as bench:
        bench.mapping = None
        await bench.send(webhook_record(service_event("P1")))
        (record,) = await bench.events()
        core = bench.make_core(patience_s=0.02)
        assert await bench.hand_in(core) == [None]
        assert core.waiting_for() == "1 event waits: the first mapping"
        age_s = max(bench.time.now().timestamp() - record.timestamp_ms / 1000, 0.0)
        assert core.oldest_age_s() == age_s
        await core.close()


async def test_refused_token_holds_events_and_is_tried_again_each_minute() -> None:
    held = account(services=12)
    async with hydration(held, mapping(("services", {}))) as bench:
        bench.simulator.service.credentials.account_tokens.clear()
        await bench.send(*(webhook_record(service_event(one)) for one in held["services"]))
        core = bench.make_core(patience_s=0.05)
        assert await bench.hand_in(core) == [None] * 12
        assert "refuses the token" in core.held
        assert (core.waiting_for() or "").startswith("12 events wait: PagerDuty at")
        asked = len(bench.simulator.log.requests)
        assert await bench.hand_in(core) == [None] * 12
        assert len(bench.simulator.log.requests) == asked
        bench.time.seconds += 60
        assert await bench.hand_in(core) == [None] * 12
        assert len(bench.simulator.log.requests) == asked + 1
        bench.time.seconds += 60
        bench.simulator.service.credentials.account_tokens.add("u+listingTokenXYZ")
        await bench.settle(core)
        assert (core.held, await bench.rows(SERVICES)) == ("", await listed_rows(bench, SERVICES))
        await core.close()


async def test_event_that_asks_for_nothing_does_not_end_the_wait_for_a_refused_token() -> None:
    held = account(services=30)
    first, *others = held["services"]
    async with hydration(held, mapping(("services", {}))) as bench:
        bench.simulator.service.credentials.account_tokens.clear()
        core = bench.make_core(patience_s=0.1)
        await bench.send(
            webhook_record(service_event(first, "service.deleted")),
            *(webhook_record(service_event(one)) for one in others),
        )
        assert await bench.hand_in(core) == [DONE, *[None] * 29]
        assert "refuses the token" in core.held
        # Those that began beside it, and none after the refusal.
        assert len(bench.simulator.log.requests) == 9
        await core.close()


async def test_hold_ends_with_the_last_event_also_if_that_asks_for_nothing() -> None:
    held = account(services=2)
    one, _ = held["services"]
    async with hydration(held, mapping(("services", {}))) as bench:
        bench.simulator.service.credentials.account_tokens.clear()
        core = bench.make_core(patience_s=0.05)
        await bench.send(webhook_record(service_event(one)))
        assert await bench.hand_in(core) == [None]
        assert "refuses the token" in core.held
        await bench.send(webhook_record(service_event(one, "service.deleted")))
        bench.time.seconds += 60
        await bench.settle(core)
        assert (core.held, core.waiting) == ("", 0)
        await core.close()


async def test_who_has_handed_its_partitions_over_neither_holds_nor_waits() -> None:
    held = account(services=3)
    async with hydration(held, mapping(("services", {}))) as bench:
        bench.simulator.service.credentials.account_tokens.clear()
        core = bench.make_core(patience_s=0.05)
        await bench.send(*(webhook_record(service_event(one)) for one in held["services"]))
        await bench.hand_in(core)
        assert (core.held != "", core.waiting) == (True, 3)
        bench.leaving.set()
        assert (core.held, core.waiting, core.oldest_age_s(), core.waiting_for()) == ("", 0, None, None)
        await core.close()


@pytest.mark.parametrize("status", [402, 403])
async def test_denied_object_is_counted_and_said_and_not_deleted(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    held = account(services=2)
    async with hydration(held, mapping(("services", {}))) as bench:
        bench.script({"match": {"path": "/services/.*"}, "action": {"status": status, "body": {}}})
        await bench.send(*(webhook_record(service_event(one)) for one in held["services"]))
        await bench.settle()
        assert await bench.raw(SERVICES) == []
        assert (bench.core.counters.denied, list(bench.core.counters.denials)) == (2, ["services"])
        assert [one.message.count("give the token that right") for one in caplog.records] == [1]


@pytest.mark.parametrize(("status", "reason"), [(400, Reason.REFUSED), (500, Reason.RETRIES_EXHAUSTED)])
async def test_object_that_cannot_be_asked_for_costs_itself(status: int, reason: Reason) -> None:
    held = account(services=2)
    bad, good = held["services"]
    async with hydration(held, mapping(("services", {}))) as bench:
        bench.script({"match": {"path": f"/services/{bad}"}, "action": {"status": status, "body": {}}})
        await bench.send(webhook_record(service_event(bad)), webhook_record(service_event(good)))
        await bench.settle()
        assert list(await bench.rows(SERVICES)) == [good]
        (record,) = await bench.letters()
        letter = read_dead_letter(record)
        assert (letter.stage, letter.kind, letter.object_id, letter.offset) == ("fetcher", "services", bad, 0)
        assert [one.reason for one in letter.failures] == [reason]
        assert record.value == (await bench.events())[0].value


async def test_record_that_nobody_can_read_is_a_dead_letter_and_holds_up_no_other() -> None:
    held = account(services=1)
    (object_id,) = held["services"]
    async with hydration(held, mapping(("services", {}))) as bench:
        broken = NewRecord("pagerduty.webhooks", b"k", b"{}", (("ce_type", b"\xff"),))
        await bench.send(
            broken,
            webhook_record(b"no json"),
            webhook_record(incident_event("")),
            webhook_record(service_event(object_id)),
        )
        assert await bench.hand_in() == [DONE] * 4
        letters = [read_dead_letter(record) for record in await bench.letters()]
        assert [(one.offset, one.failures[0].reason) for one in letters] == [
            (0, Reason.UNREADABLE),
            (1, Reason.UNREADABLE),
            (2, Reason.NO_ID),
        ]
        assert list(await bench.rows(SERVICES)) == [object_id]
        assert await bench.hand_in() == [DONE] * 4
        assert len(await bench.letters()) == 3


async def test_record_of_a_newer_schema_stays_where_it_is(caplog: pytest.LogCaptureFixture) -> None:
    held = account(services=2)
    first, second = held["services"]
    async with hydration(held, mapping(("services", {}))) as bench:
        await bench.send(
            webhook_record(service_event(first)),
            webhook_record(service_event(second), schemaversion=9),
            webhook_record(service_event(second)),
        )
        core = bench.make_core(patience_s=0.02)
        for _ in range(2):
            await bench.hand_in(core)
        assert await bench.hand_in(core) == [DONE, None, None]
        assert list(await bench.rows(SERVICES)) == [first]
        assert "held at offset 1: schema version 9" in (core.waiting_for() or "")
        assert len(caplog.records) == 1
        await core.close()


async def test_batch_that_must_go_is_given_back_at_once_and_publishes_nothing_any_more() -> None:
    held = account(services=3)
    async with hydration(held, mapping(("services", {}))) as bench:
        asked, answer = asyncio.Event(), asyncio.Event()

        async def hold(_: float) -> None:
            asked.set()
            await answer.wait()

        bench.simulator.service.latency_ms = 10
        bench.simulator.service._sleep = hold  # the answers come when the test says so
        core = bench.make_core(patience_s=3600)
        await bench.send(*(webhook_record(service_event(one)) for one in held["services"]))
        handling = asyncio.create_task(bench.hand_in(core))
        await asked.wait()
        bench.leaving.set()
        assert await handling == [None] * 3
        answer.set()
        for _ in range(50):
            await asyncio.sleep(0)
        assert await bench.raw(SERVICES) == []
        again = asyncio.Event()
        assert await bench.hand_in(core, leaving=again) == [DONE] * 3
        assert await bench.rows(SERVICES) == await listed_rows(bench, SERVICES)
        await core.close()


async def test_who_does_not_lead_publishes_nothing_and_says_so() -> None:
    held = account(services=1)
    async with hydration(held, mapping(("services", {}))) as bench:
        bench.is_leader = False
        await bench.send(*(webhook_record(service_event(one)) for one in held["services"]))
        assert await bench.hand_in() == [None]
        with pytest.raises(NotOwnerError, match="does not lead"):
            await bench.hand_in()
        assert await bench.raw(SERVICES) == []
        bench.is_leader = True
        await bench.settle()
        assert await bench.rows(SERVICES) == await listed_rows(bench, SERVICES)


NO_LETTERS = ("nonsense", "port.entities/0/0", "dlq.nothing/0/0", "dlq.port.entities/7/0")


async def open_letter(bench: HydrationBench, offset: int = 3) -> str:
    """Leave a dead letter of the writer and return its address."""
    original = Record("port.entities", 0, offset, 0, b"thing/P1", b"{}", ())
    letter = DeadLetter(
        topic="port.entities",
        partition=0,
        offset=offset,
        stage="writer",
        failures=(LetterFailure(reason=Reason.BLUEPRINT_MISSING),),
        kind="users",
        object_id="P1",
        failed_at=NOW,
    )
    (place,) = await bench.log.append([dead_letter_record(original, letter)])
    return f"{place.topic}/{place.partition}/{place.offset}"


async def resolutions(bench: HydrationBench) -> list[bytes | None]:
    records = await bench.log.read({TopicPartition("dlq.port.entities", 0): 0}, max_records=99, wait_s=0)
    return [dict(one.headers)[RESOLUTION] for one in records if one.value is None]


@pytest.mark.parametrize(
    ("cause", "resolution"),
    [
        (RefreshCause.HEAL, b"healed"),
        (RefreshCause.REDRIVE, b"redriven"),
        (RefreshCause.RELEASE, b"redriven"),
    ],
)
async def test_refresh_publishes_the_object_and_closes_the_letters(
    cause: RefreshCause, resolution: bytes
) -> None:
    held = account(users=2)
    first, _ = held["users"]
    async with hydration(held, mapping(("users", {}))) as bench:
        letters = [await open_letter(bench), "dlq.port.entities/0/99", *NO_LETTERS]
        await bench.send(request_record("users", first, cause, letters))
        assert await bench.hand_in() == [DONE]
        assert list(await bench.rows("pagerduty.raw.users")) == [first]
        assert await resolutions(bench) == [resolution]
        (record,) = await bench.raw("pagerduty.raw.users")
        assert headers_of(record).confirmed is (cause is RefreshCause.RELEASE)
        assert (bench.core.counters.requested, bench.core.counters.closed) == (1, 1)


async def test_refresh_of_an_object_that_is_gone_deletes_it_at_once() -> None:
    async with hydration(account(), mapping(("users", {}))) as bench:
        letter = await open_letter(bench)
        await bench.send(request_record("users", "PGONE01", RefreshCause.RELEASE, [letter]))
        assert await bench.hand_in() == [DONE]
        (record,) = await bench.raw("pagerduty.raw.users")
        assert (headers_of(record).operation, headers_of(record).confirmed) == (Operation.DELETE, True)
        assert orjson.loads(record.value or b"") == {"id": "PGONE01"}
        assert await resolutions(bench) == [b"redriven"]
        assert bench.gets("/users/PGONE01") == 1


async def test_letter_stays_open_where_nothing_is_published() -> None:
    held = account(users=1)
    async with hydration(held, mapping(("incidents", {}), ("oncalls", {}))) as bench:
        letter = await open_letter(bench)
        await bench.send(
            request_record("incidents", "PGONE01", RefreshCause.HEAL, [letter]),
            request_record("users", next(iter(held["users"])), RefreshCause.HEAL, [letter]),
            request_record("oncalls", "P|1|S|U|permanent", RefreshCause.HEAL, [letter]),
        )
        assert await bench.hand_in() == [DONE] * 3
        counters = bench.core.counters
        assert (counters.not_visible, counters.unwanted, counters.unaskable) == (1, 1, 1)
        assert await resolutions(bench) == []


async def test_refresh_that_fails_leaves_its_letters_and_no_new_one() -> None:
    held = account(users=1)
    (user,) = held["users"]
    async with hydration(held, mapping(("users", {}))) as bench:
        bench.script({"match": {"path": "/users/.*"}, "action": {"status": 400, "body": {}}})
        letter = await open_letter(bench)
        await bench.send(request_record("users", user, RefreshCause.HEAL, [letter]))
        await bench.settle()
        assert (await bench.letters(), await resolutions(bench)) == ([], [])
        assert bench.core.counters.failed == 1


async def test_refresh_of_a_schedule_asks_only_for_what_the_single_get_takes() -> None:
    held = account(schedules=1)
    (schedule,) = held["schedules"]
    config = mapping(("schedules", {"include": ["schedule_layers"], "time_zone": "UTC"}))
    async with hydration(held, config) as bench:
        await bench.send(request_record("schedules", schedule))
        assert await bench.hand_in() == [DONE]
        assert list(await bench.rows("pagerduty.raw.schedules")) == [schedule]
        (request,) = bench.simulator.log.requests
        assert request.query == [("time_zone", "UTC")]
