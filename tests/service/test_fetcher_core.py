"""Tests what the fetcher's core does with commands and events."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import pytest

from schemas.command import Command, CommandType
from schemas.dead_letter import DeadLetter
from schemas.outcome import Reason
from schemas.topics import COMMANDS, WEBHOOKS, dlq_topic
from schemas.versions import SCHEMA_VERSION
from services.fetcher.core import FetcherCore
from shared.commands_topic import command_record
from shared.core import Batch
from shared.dead_letters import read_dead_letter
from shared.errors import FatalError
from shared.log.interface import NewRecord, Record, TopicPartition
from shared.log.sqlite import SqliteLog
from shared.outcome import DONE, Outcome

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)


class Desk:
    """Takes commands; some it cannot carry out at once."""

    def __init__(self, *, late: str = "") -> None:
        self.taken: list[tuple[str, CommandType, tuple[str, ...]]] = []
        self.late = late

    async def obey(self, command_id: str, command: Command) -> bool:
        self.taken.append((command_id, command.type, command.kinds))
        return command_id != self.late


class Hydration:
    """Settles every other event."""

    async def handle(self, batch: Batch) -> Sequence[Outcome | None]:
        return [DONE if record.offset % 2 == 0 else None for record in batch.records]


@pytest.fixture
async def log() -> AsyncIterator[SqliteLog]:
    log = await SqliteLog.temporary()
    names = [COMMANDS.name, WEBHOOKS.name]
    await log.create_topics([*names, *map(dlq_topic, names)])
    yield log
    await log.close()


def a_command(command_id: str, command: CommandType = CommandType.RESYNC, *kinds: str) -> NewRecord:
    given = Command(type=command, kinds=kinds, asked_by="command line")
    return command_record(given, command_id, identifier="me", made_at=AT)


async def published(log: SqliteLog, *records: NewRecord) -> Batch:
    await log.append(records)
    places = {TopicPartition(name, 0): 0 for name in (COMMANDS.name, WEBHOOKS.name)}
    return Batch(await log.read(places, max_records=100, wait_s=0), asyncio.Event())


def done(batch: Batch, outcomes: Sequence[Outcome | None]) -> list[tuple[str, int]]:
    return [
        (record.topic, record.offset)
        for record, outcome in zip(batch.records, outcomes, strict=True)
        if outcome is not None
    ]


async def test_commands_are_carried_out_in_order_and_events_hydrated_beside_them(log: SqliteLog) -> None:
    desk = Desk()
    events = [NewRecord(WEBHOOKS.name, b"incidents/Q1", b"{}")] * 3
    batch = await published(log, a_command("c1", CommandType.RESYNC, "users"), *events, a_command("c2"))
    outcomes = await FetcherCore(
        log, desk.obey, now=lambda: AT, identifier="me", hydration=Hydration()
    ).handle(batch)
    assert desk.taken == [("c1", CommandType.RESYNC, ("users",)), ("c2", CommandType.RESYNC, ())]
    assert sorted(done(batch, outcomes)) == [
        (WEBHOOKS.name, 0),
        (WEBHOOKS.name, 2),
        (COMMANDS.name, 0),
        (COMMANDS.name, 1),
    ]


async def test_commands_go_on_while_nobody_may_know_which_mapping_is_in_force(log: SqliteLog) -> None:
    desk = Desk()
    problems: list[Exception] = [FatalError("a mapping of a newer release")]

    async def catch_up() -> None:
        if problems:
            raise problems.pop()

    core = FetcherCore(
        log, desk.obey, now=lambda: AT, identifier="me", hydration=Hydration(), catch_up=catch_up
    )
    batch = await published(log, NewRecord(WEBHOOKS.name, b"incidents/Q1", b"{}"), a_command("c1"))
    assert done(batch, await core.handle(batch)) == [(COMMANDS.name, 0)]
    assert sorted(done(batch, await core.handle(batch))) == [(WEBHOOKS.name, 0), (COMMANDS.name, 0)]


async def test_command_that_is_not_carried_out_yet_holds_those_behind_it(log: SqliteLog) -> None:
    desk = Desk(late="c2")
    batch = await published(log, a_command("c1"), a_command("c2"), a_command("c3"))
    outcomes = await FetcherCore(log, desk.obey, now=lambda: AT, identifier="me").handle(batch)
    assert outcomes == [DONE, None, None]
    assert [command_id for command_id, _, _ in desk.taken] == ["c1", "c2"]


@pytest.mark.parametrize(
    "broken",
    [
        NewRecord(COMMANDS.name, b"c1", b"{"),
        NewRecord(COMMANDS.name, b"c1", b'{"type": "explode"}'),
        NewRecord(COMMANDS.name, b"c1", None),
        NewRecord(COMMANDS.name, None, b'{"type": "resync"}'),
        NewRecord(COMMANDS.name, b"\xff", b'{"type": "resync"}'),
        NewRecord(COMMANDS.name, b"c1", b"[1]"),
    ],
    ids=["no-json", "unknown-type", "null", "no-key", "no-text", "no-object"],
)
async def test_record_that_is_no_command_is_a_dead_letter_and_the_next_is_carried_out(
    log: SqliteLog, broken: NewRecord
) -> None:
    desk = Desk()
    batch = await published(log, broken, a_command("c2"))
    assert await FetcherCore(log, desk.obey, now=lambda: AT, identifier="me").handle(batch) == [DONE, DONE]
    (letter,) = await letters(log)
    assert (letter.offset, letter.failures[0].reason) == (0, Reason.UNREADABLE)
    assert [command_id for command_id, _, _ in desk.taken] == ["c2"]


async def letters(log: SqliteLog) -> list[DeadLetter]:
    place = TopicPartition(dlq_topic(COMMANDS.name), 0)
    records: list[Record] = await log.read({place: 0}, max_records=10, wait_s=0)
    return [read_dead_letter(record) for record in records]


async def test_command_of_a_newer_release_is_held_not_guessed_at(
    log: SqliteLog, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk()
    newer = NewRecord(
        COMMANDS.name, b"c1", b'{"type": "resync", "schema_version": %d}' % (SCHEMA_VERSION + 1)
    )
    batch = await published(log, newer, a_command("c2"))
    core = FetcherCore(log, desk.obey, now=lambda: AT, identifier="me")
    assert [await core.handle(batch) for _ in range(2)] == [[None, None], [None, None]]
    assert [record.getMessage().split(": ")[1] for record in caplog.records] == [
        "schema version 2 is newer than this release; upgrade the fetcher"
    ]
    assert (desk.taken, await letters(log)) == ([], [])
    batch.leaving.set()
    assert core.held == ""
    batch.leaving.clear()
    assert core.held != ""
    # A release that knows the version carries it out.
    monkeypatch.setattr("services.fetcher.core.SCHEMA_VERSION", SCHEMA_VERSION + 1)
    assert await core.handle(batch) == [DONE, DONE]
