"""The core that maps events by the webhook format: between two topics of a log, with real JQ workers."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import orjson
import pytest

from schemas.dead_letter import DeadLetter
from schemas.entity_change import EntityChange
from schemas.headers import Origin, RecordHeaders
from schemas.mapping import MappingFile, MappingInForce
from schemas.outcome import Count
from schemas.refresh_request import REFRESH_TYPE
from schemas.topics import ENTITIES, WEBHOOKS, dlq_topic
from schemas.webhook_event import QUERY_HEADER, WEBHOOK_TYPE
from services.mapper import webhook_format_core
from services.mapper.event_order import EventOrder
from services.mapper.pool import WorkerPool
from services.mapper.webhook_format_core import WebhookMapperCore
from shared.core import Batch
from shared.dead_letters import read_dead_letter
from shared.errors import RetryableError
from shared.log.interface import NewRecord, Record, TopicPartition
from shared.log.sqlite import SqliteLog
from shared.mapping_file import parse_mapping
from shared.outcome import DONE, Outcome
from tests.mapper_builders import NOW

Json = Any
PAGE = Path(__file__).parents[1] / "unit" / "page_webhook_mapping.json"


def in_force(*webhooks: dict[str, Json], version: int = 3, **root: Json) -> MappingInForce:
    config = MappingFile.model_validate({"webhookMappings": list(webhooks), **root})
    return MappingInForce(version=version, config=config)


def a_webhook(**more: Json) -> dict[str, Json]:
    return {"blueprint": "incident", "entity": {"identifier": ".body.event.data.id"}, **more}


def an_event(event_id: str = "Q1", event_type: str = "incident.triggered", **data: Json) -> dict[str, Json]:
    return {
        "event": {
            "id": "01DVUHO6P4XQDFJ9AHOADT3UQ4",
            "event_type": event_type,
            "resource_type": event_type.partition(".")[0],
            "occurred_at": "2026-04-12T11:56:08.355Z",
            "data": {"id": event_id, "type": event_type.partition(".")[0], **data},
        }
    }


def a_record(
    body: Json, more: tuple[tuple[str, bytes | None], ...] = (), *, raw: bytes | None = None, **headers: Json
) -> NewRecord:
    attributes: dict[str, Json] = {
        "id": "e/1",
        "source": "pagerport/acme/gateway",
        "type": WEBHOOK_TYPE,
        "time": NOW,
        "origin": Origin.LIVE,
        **headers,
    }
    value = orjson.dumps(body) if raw is None else raw
    return NewRecord(WEBHOOKS.name, b"incidents/Q1", value, RecordHeaders(**attributes).encode() + more)


@dataclass
class Setting:
    """The core and its log."""

    log: SqliteLog
    pool: WorkerPool
    core: WebhookMapperCore
    leaving: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, *records: NewRecord) -> Sequence[Outcome | None]:
        return await self.core.handle(Batch(await self._published(records), self.leaving))

    async def _published(self, records: Sequence[NewRecord]) -> list[Record]:
        place = TopicPartition(WEBHOOKS.name, 0)
        start = (await self.log.end_offsets([place]))[place]
        await self.log.append(records)
        return await self.log.read({place: start}, max_records=len(records), wait_s=0)

    async def records(self, topic: str) -> list[Record]:
        places = await self.log.partitions(topic.__eq__)
        found = await self.log.read(dict.fromkeys(places, 0), max_records=10_000, wait_s=0)
        return sorted(found, key=lambda record: (record.timestamp_ms, record.partition, record.offset))

    async def changes(self) -> list[EntityChange]:
        records = await self.records(ENTITIES.name)
        changes = [EntityChange.model_validate_json(record.value or b"") for record in records]
        return sorted(changes, key=lambda change: (change.source.offset, change.blueprint))

    async def letters(self) -> list[DeadLetter]:
        return [read_dead_letter(record) for record in await self.records(dlq_topic(WEBHOOKS.name))]


@asynccontextmanager
async def setting(mapping: MappingInForce | None, *, batch_timeout_s: float = 30.0) -> AsyncIterator[Setting]:
    log = await SqliteLog.temporary(clock=NOW.timestamp)
    pool = WorkerPool(1, batch_timeout_s=batch_timeout_s)
    try:
        await log.create_topics([WEBHOOKS.name, ENTITIES.name, dlq_topic(WEBHOOKS.name)])
        core = WebhookMapperCore(log, pool, now=lambda: NOW, identifier="acme", leaving_grace_s=0.1)
        if mapping is not None:
            core.use(mapping)
        yield Setting(log, pool, core)
    finally:
        await pool.close()
        await log.close()


async def test_event_becomes_a_live_change_that_says_where_it_came_from() -> None:
    entity = {
        "identifier": ".body.event.data.id",
        "properties": {
            "status": ".body.event.data.status",
            "agent": '.headers["user-agent"]',
            "q": ".queryParams.q",
        },
    }
    headers = (("http_header_user-agent", b"PagerDuty-Webhook/V3.0"), (QUERY_HEADER, b"q=1&q=2"))
    async with setting(in_force(a_webhook(entity=entity))) as one:
        outcomes = await one.handle(a_record(an_event(status="triggered"), headers))

        (change,) = await one.changes()
        (record,) = await one.records(ENTITIES.name)
    assert [outcome and dict(outcome.counts) for outcome in outcomes] == [{"mapped": 1, "emitted": 1}]
    assert change.properties == {"status": "triggered", "agent": "PagerDuty-Webhook/V3.0", "q": ["1", "2"]}
    assert change.source.model_dump() == {
        "kind": "incidents",
        "object_id": "Q1",
        "topic": WEBHOOKS.name,
        "partition": 0,
        "offset": 0,
        "mapping_version": 3,
    }
    assert record.key == b"incident/Q1"
    headers_of = RecordHeaders.decode(record.headers)
    assert (headers_of.origin, headers_of.kind, headers_of.subject) == (
        Origin.LIVE,
        "incidents",
        "incident/Q1",
    )
    assert (headers_of.source, headers_of.id) == ("pagerport/acme/mapper", "pagerduty.webhooks/0/0/0")


async def test_what_is_no_event_or_cannot_be_read_is_left_to_the_fetcher() -> None:
    async with setting(in_force(a_webhook())) as one:
        outcomes = await one.handle(
            a_record({"kind": "incidents", "object_id": "Q1"}, type=REFRESH_TYPE),
            a_record(None, raw=b"no json"),
            NewRecord(WEBHOOKS.name, b"x", b"{}", (("ce_id", b"\xff"),)),
            a_record(an_event("Q2")),
        )

        assert outcomes[:3] == [DONE] * 3
        assert [change.identifier for change in await one.changes()] == ["Q2"]
        assert await one.letters() == []


async def test_without_webhook_mappings_events_pass_by() -> None:
    async with setting(in_force()) as one:
        needed = [one.core.is_needed]
        assert await one.handle(a_record(an_event())) == [DONE]
        one.core.use(in_force(a_webhook()))
        needed.append(one.core.is_needed)
        await one.handle(a_record(an_event("Q2")))

        assert [change.identifier for change in await one.changes()] == ["Q2"]
        assert needed == [False, True]


async def test_batch_that_comes_before_a_mapping_waits_and_goes_back_when_it_must() -> None:
    async with setting(None) as one:
        waiting = asyncio.create_task(one.handle(a_record(an_event()), a_record(an_event("Q2"))))
        await asyncio.sleep(0)
        one.leaving.set()

        assert await waiting == [None, None]


async def test_event_of_a_newer_schema_is_held_with_all_behind_it() -> None:
    newer = (("ce_schemaversion", b"99"),)
    async with setting(in_force(a_webhook())) as one:
        outcomes = await one.handle(
            a_record(an_event("Q1")), a_record(an_event("Q2"), newer), a_record(an_event("Q3"))
        )

        assert [outcome is None for outcome in outcomes] == [False, True, True]
        assert [change.identifier for change in await one.changes()] == ["Q1"]


async def test_mapping_that_fails_is_a_letter_and_the_other_mappings_go_on() -> None:
    failing = a_webhook(blueprint="other", filter=".body.event.data.status", operation="delete")
    nameless = a_webhook(blueprint="third", entity={"identifier": ".body.nothing"})
    async with setting(in_force(a_webhook(), failing, nameless)) as one:
        (outcome,) = await one.handle(a_record(an_event(status="triggered")))

        (letter,) = await one.letters()
        assert [change.blueprint for change in await one.changes()] == ["incident"]
    assert outcome is not None
    assert dict(outcome.counts) == {"failed": 1, "emitted": 1}
    assert (letter.kind, letter.object_id, letter.stage) == ("incidents", "Q1", "mapper")
    # The fetcher reads the same event: the two letters of one record must not take each other's place.
    assert letter.key() == b"0/0/event-mapper"
    assert [(str(failure.reason), failure.detail) for failure in letter.failures] == [
        (
            "selector_error",
            'webhookMappings[1]: filter `.body.event.data.status` gave "triggered" (string), '
            "want true or false",
        ),
        ("identifier_null", "webhookMappings[2]: identifier `.body.nothing` gave null"),
    ]


async def test_expression_that_does_not_end_costs_its_event_only() -> None:
    entity = {
        "identifier": ".body.event.data.id",
        "title": 'if .body.event.data.id == "Q2" then last(range(1e12)) else "fine" end',
    }
    async with setting(in_force(a_webhook(entity=entity)), batch_timeout_s=1.0) as one:
        outcomes = await one.handle(*(a_record(an_event(f"Q{n}")) for n in (1, 2, 3)))

        assert None not in outcomes
        assert [change.identifier for change in await one.changes()] == ["Q1", "Q3"]
        (letter,) = await one.letters()
    assert (letter.object_id, str(letter.failures[0].reason)) == ("Q2", "jq_timeout")


async def test_value_that_is_left_as_it_is_is_warned_about_once(caplog: pytest.LogCaptureFixture) -> None:
    entity = {"identifier": ".body.event.data.id", "title": ".body.event.data.list[]"}
    async with setting(in_force(a_webhook(entity=entity))) as one:
        outcomes = await one.handle(a_record(an_event("Q1")), a_record(an_event("Q2")))

        assert [change.omits for change in await one.changes()] == [("title",), ("title",)]
    assert [outcome and outcome.counts.get(Count.OMITTED) for outcome in outcomes] == [1, 1]
    said = [
        record.getMessage() for record in caplog.records if "webhookMappings[0] title" in record.getMessage()
    ]
    assert len(said) == 1
    assert said[0].startswith(
        "webhookMappings[0] title: .body.event.data.list[] failed: Cannot iterate over null"
    )


async def test_pages_own_configuration_runs_as_far_as_it_compiles() -> None:
    text = PAGE.read_text().replace(".body.event.dataif", ".body.event.data | if")
    mapping = MappingInForce(version=1, config=parse_mapping(text, "page").config)
    incident = an_event(
        "Q01J2OS7YBWLNY",
        title="Checkout is slow",
        status="triggered",
        urgency="high",
        html_url="https://acme.pagerduty.com/incidents/Q01J2OS7YBWLNY",
        created_at="2026-06-12T11:56:08Z",
        service={"id": "PWJAGSD", "summary": "Checkout"},
        escalation_policy={"id": "P7LVMYP", "summary": "Default"},
        assignees=[{"id": "PRGAUI4", "summary": "Ada"}],
        priority=None,
    )
    service = an_event("PWJAGSD", "service.updated", summary="Checkout", html_url="https://acme/s/PWJAGSD")
    async with setting(mapping) as one:
        outcomes = await one.handle(a_record(incident), a_record(service))

        by_blueprint = {change.blueprint: change for change in await one.changes()}
        assert await one.letters() == []
    assert [outcome and outcome.counts[Count.MAPPED] for outcome in outcomes] == [1, 1]
    found = by_blueprint["pagerdutyIncident"]
    assert (found.identifier, found.title) == ("Q01J2OS7YBWLNY", "Checkout is slow")
    assert found.relations == {"microservice": "PWJAGSD"}
    assert found.properties == {
        "status": "triggered",
        "url": "https://acme.pagerduty.com/incidents/Q01J2OS7YBWLNY",
        "urgency": "high",
        "escalation_policy": "Default",
        "created_at": "2026-06-12T11:56:08Z",
        "updated_at": None,
        "priority": None,
        "description": None,
    }
    assert found.omits == ("properties.assignees",)
    assert by_blueprint["microservice"].omits == ("properties.oncall", "properties.escalationLevels")
    assert json.loads(by_blueprint["microservice"].model_dump_json())["title"] == "Checkout"


def at(second: int, event_type: str = "incident.triggered", **data: Json) -> NewRecord:
    body = an_event(event_type=event_type, **data)
    body["event"]["occurred_at"] = f"2026-04-12T11:56:{second:02}.000Z"
    return a_record(body)


STATUS = a_webhook(
    filter='.body.event.event_type != "incident.resolved"',
    entity={"identifier": ".body.event.data.id", "properties": {"status": ".body.event.data.status"}},
)
RESOLVED = a_webhook(filter='.body.event.event_type == "incident.resolved"', operation="delete")
NOTE = a_webhook(
    blueprint="note",
    filter='.body.event.event_type == "incident.annotated"',
    entity={"identifier": ".body.event.data.note"},
)
IN_TURN = [at(1, status="triggered"), at(2, status="acknowledged")]


async def made(one: Setting) -> list[tuple[str, str, Json]]:
    """Return entity, operation and status of all changes."""
    return [
        (f"{change.blueprint}/{change.identifier}", change.operation, (change.properties or {}).get("status"))
        for change in await one.changes()
    ]


@pytest.mark.parametrize("together", [True, False])
async def test_event_that_comes_again_does_not_take_its_entity_back(together: bool) -> None:
    records = [*IN_TURN, IN_TURN[0], at(3, "incident.resolved"), *IN_TURN]
    async with setting(in_force(STATUS, RESOLVED)) as one:
        for part in [records] if together else [[record] for record in records]:
            outcomes = await one.handle(*part)
            assert None not in outcomes

        assert [(operation, status) for _, operation, status in await made(one)] == [
            ("upsert", "triggered"),
            ("upsert", "acknowledged"),
            ("delete", None),
        ]
        assert one.core.late == 3


async def test_late_event_changes_what_no_later_one_has_changed() -> None:
    late = at(1, "incident.annotated", status="triggered", note="N1")
    async with setting(in_force(STATUS, NOTE)) as one:
        await one.handle(at(2, status="acknowledged"), late)

        assert await made(one) == [("incident/Q1", "upsert", "acknowledged"), ("note/N1", "upsert", None)]


async def test_events_of_one_time_and_those_that_do_not_say_it_are_all_taken() -> None:
    body = an_event(status="c")
    body["event"]["occurred_at"] = "yesterday"
    async with setting(in_force(STATUS)) as one:
        await one.handle(at(1, status="a"), at(1, status="b"), a_record(body))

        assert ([status for _, _, status in await made(one)], one.core.late) == (["a", "b", "c"], 0)


async def test_event_that_could_not_be_appended_is_not_late_the_next_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with setting(in_force(STATUS)) as one:
        batch = Batch(await one._published(IN_TURN), one.leaving)
        with monkeypatch.context() as broken:
            broken.setattr(one.log, "append", AsyncMock(side_effect=RetryableError("disk full")))
            with pytest.raises(RetryableError):
                await one.core.handle(batch)
        await one.core.handle(batch)

        assert [status for _, _, status in await made(one)] == ["triggered", "acknowledged"]


@pytest.mark.parametrize(("look_back", "taken"), [(1000, 0), (1, 0), (0, 1)])
async def test_event_that_comes_again_after_a_restart_is_late_if_the_later_one_is_not_far_behind(
    look_back: int, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_format_core, "LOOK_BACK_RECORDS", look_back)
    async with setting(in_force(STATUS)) as one:
        await one.handle(*IN_TURN)
        other = WebhookMapperCore(one.log, one.pool, now=lambda: NOW, identifier="acme", leaving_grace_s=0.1)
        other.use(in_force(STATUS))
        await other.handle(Batch(await one._published(IN_TURN[:1]), one.leaving))

        assert (len(await made(one)), other.late) == (2 + taken, 1 - taken)


async def test_look_back_that_had_to_be_given_up_is_done_again() -> None:
    async with setting(in_force(STATUS)) as one:
        await one.handle(*IN_TURN)
        other = WebhookMapperCore(one.log, one.pool, now=lambda: NOW, identifier="acme", leaving_grace_s=0)
        other.use(in_force(STATUS))
        again, leaving = await one._published(IN_TURN[:1]), asyncio.Event()
        leaving.set()
        assert await other.handle(Batch(again, leaving)) == [None]
        await other.handle(Batch(again, one.leaving))

        assert (len(await made(one)), other.late) == (2, 1)


def test_entities_that_no_event_has_changed_for_longest_are_forgotten() -> None:
    order = EventOrder(limit=2)
    for key in ("a", "b", "a", "c"):
        order.note({key: NOW})
    before = NOW - timedelta(seconds=1)

    assert [key for key in "abc" if order.is_late(key, before)] == ["a", "c"]
