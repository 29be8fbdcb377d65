"""Tests which open dead letters are asked for again, and when."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from schemas.dead_letter import DeadLetter, LetterFailure
from schemas.outcome import Reason
from schemas.refresh_request import RefreshCause, RefreshRequest
from schemas.topics import WEBHOOKS, dlq_topic
from services.fetcher.healing import AT_ONCE, Healing, OpenLetters, choose_requests
from shared.dead_letters import Resolution, dead_letter_record, resolution_record
from shared.log.interface import NewRecord, Record, TopicPartition
from shared.log.sqlite import SqliteLog
from tests.service.pagerduty_listing import NOW

DLQ = dlq_topic("port.entities")


def letter(offset: int, object_id: str, reason: Reason = Reason.BLUEPRINT_MISSING) -> DeadLetter:
    return DeadLetter(
        topic="port.entities",
        partition=0,
        offset=offset,
        stage="writer",
        failures=(LetterFailure(reason=reason),),
        kind="users",
        object_id=object_id,
        failed_at=NOW,
    )


def written(offset: int, object_id: str, reason: Reason = Reason.BLUEPRINT_MISSING) -> NewRecord:
    original = Record("port.entities", 0, offset, 0, b"k", b"{}", ())
    return dead_letter_record(original, letter(offset, object_id, reason))


def closed(offset: int) -> NewRecord:
    return resolution_record(letter(offset, "any"), Resolution.HEALED, resolved_at=NOW)


def as_read(records: Sequence[NewRecord]) -> list[Record]:
    return [
        Record(DLQ, 0, offset, offset, one.key, one.value, one.headers) for offset, one in enumerate(records)
    ]


def folded(*records: NewRecord) -> OpenLetters:
    letters = OpenLetters()
    letters.take(as_read(records))
    return letters


def subjects(requests: Sequence[RefreshRequest]) -> list[str]:
    return [one.object_id for one in requests]


def test_open_letters_of_missing_blueprints_and_targets_are_kept() -> None:
    letters = folded(
        written(0, "PA"),
        written(1, "PB", Reason.RELATION_TARGET_MISSING),
        written(2, "PC", Reason.REFUSED),
        written(3, "PD"),
        closed(3),
        NewRecord(DLQ, b"0/9", b"not a letter"),
    )
    assert [one.address for one in letters.oldest_first()] == [f"{DLQ}/0/0", f"{DLQ}/0/1"]
    assert {one.record.value for one in letters.oldest_first()} == {b""}


def test_object_is_asked_for_once_for_all_its_letters() -> None:
    letters = folded(written(0, "PA"), written(1, "PB"), written(2, "PA"))
    assert choose_requests(letters.oldest_first(), {}) == [
        RefreshRequest(
            kind="users", object_id="PA", cause=RefreshCause.HEAL, letters=(f"{DLQ}/0/0", f"{DLQ}/0/2")
        ),
        RefreshRequest(kind="users", object_id="PB", cause=RefreshCause.HEAL, letters=(f"{DLQ}/0/1",)),
    ]


def test_those_never_asked_for_go_before_those_that_did_not_heal() -> None:
    letters = folded(*(written(number, f"P{number}") for number in range(5))).oldest_first()
    asked = {("users", "P0"): 2, ("users", "P1"): 1}
    assert subjects(choose_requests(letters, asked, limit=4)) == ["P2", "P3", "P4", "P1"]


@pytest.fixture
async def log() -> AsyncIterator[SqliteLog]:
    log = await SqliteLog.temporary()
    await log.create_topics([WEBHOOKS.name, DLQ])
    yield log
    await log.close()


async def asked_for(log: SqliteLog) -> list[RefreshRequest]:
    records = await log.read({TopicPartition(WEBHOOKS.name, 0): 0}, max_records=5000, wait_s=0)
    return [RefreshRequest.model_validate_json(record.value or b"") for record in records]


def healing(log: SqliteLog, kinds: Sequence[str] = ("users",)) -> Healing:
    return Healing(log, may_ask=lambda: True, kinds=lambda: kinds, identifier="bench", now=lambda: NOW)


async def test_all_have_their_turn_at_most_a_hundred_at_a_time(log: SqliteLog) -> None:
    await log.append([written(number, f"P{number:03}") for number in range(250)])
    healer = healing(log)
    assert [await healer.ask() for _ in range(3)] == [AT_ONCE] * 3
    names = subjects(await asked_for(log))
    assert names[:250] == [f"P{number:03}" for number in range(250)]
    assert names[250:] == [f"P{number:03}" for number in range(50)]


async def test_letter_that_was_closed_since_is_not_asked_for(log: SqliteLog) -> None:
    await log.append([written(0, "PA"), written(1, "PB")])
    healer = healing(log)
    await healer.ask()
    await log.append([closed(0), written(2, "PC")])
    await healer.ask()
    assert subjects(await asked_for(log)) == ["PA", "PB", "PC", "PB"]


async def test_kind_that_the_mapping_does_not_want_is_left_alone(log: SqliteLog) -> None:
    await log.append([written(0, "PA")])
    assert await healing(log, kinds=["services"]).ask() == 0
    assert await asked_for(log) == []


async def test_it_asks_only_while_it_may(log: SqliteLog) -> None:
    await log.append([written(0, "PA")])
    slept: list[float] = []
    asked = asyncio.Event()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 4:
            asked.set()
            await asyncio.Event().wait()

    healer = Healing(
        log,
        may_ask=lambda: len(slept) == 2,
        kinds=lambda: ["users"],
        identifier="bench",
        now=lambda: NOW,
        sleep=sleep,
    )
    running = asyncio.create_task(healer.run())
    await asked.wait()
    running.cancel()
    assert slept == [300.0] * 4
    assert subjects(await asked_for(log)) == ["PA"]
