"""Which letters of held deletes are closed without a release, and which stay open."""

import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from schemas.dead_letter import DeadLetter, LetterFailure
from schemas.headers import Origin
from schemas.outcome import Reason
from schemas.topics import ENTITIES, dlq_topic
from services.fetcher import held_letters
from services.fetcher.held_letters import HeldLetters
from shared.dead_letters import Resolution, dead_letter_record
from shared.errors import RetryableError
from shared.groups import WRITER_GROUP
from shared.kept_letters import read_letters
from shared.log.interface import Committed, NewRecord, Position, Record, Subscription, TopicPartition
from shared.log.sqlite import SqliteLog
from tests.service.port_setting import Setting, port_setting
from tests.service.writer_setting import delete, upsert

LIVE, RESYNC, SWEEP = Origin.LIVE, Origin.RESYNC, Origin.SWEEP
DLQ = dlq_topic(ENTITIES.name)


class Nobody:
    """Listens to an assignment that does not change."""

    async def on_revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """Do nothing."""

    async def on_assigned(self, partitions: frozenset[TopicPartition]) -> None:
        """Do nothing."""


@dataclass
class Bench:
    """A log with changes of one entity and their letters, and a Port that has the entity or not."""

    log: SqliteLog
    setting: Setting
    held: HeldLetters
    records: list[Record] = field(default_factory=list)

    async def change(self, said: Any, reason: Reason | None = None, identifier: str = "a") -> None:
        """Append a change that the writer has handled, and its letter where it has failed."""
        headers, value = said
        key = f"app/{identifier}".encode()
        await self.log.append([NewRecord(ENTITIES.name, key, value, headers)])
        record = (await self.changes())[-1]
        if reason is None:
            return
        failure = LetterFailure(reason=reason, blueprint="app", identifier=identifier)
        letter = DeadLetter(
            topic=ENTITIES.name,
            partition=record.partition,
            offset=record.offset,
            stage="writer",
            failures=(failure,),
            failed_at=self.setting.clock.now(),
            original_key=base64.b64encode(key).decode(),
        )
        await self.log.append([dead_letter_record(record, letter)])

    async def changes(self) -> list[Record]:
        places = await self.log.partitions(ENTITIES.name.__eq__)
        found = await self.log.read(dict.fromkeys(places, 0), max_records=1000, wait_s=0)
        new = [record for record in found if record not in self.records]
        self.records += new
        return self.records

    async def written(self) -> None:
        """Commit as the writer does behind what it has handled."""
        assignment = await self.log.assignment(WRITER_GROUP, Subscription.to(ENTITIES.name), Nobody())
        ends = await self.log.end_offsets(sorted(assignment.partitions))
        await assignment.commit({place: Committed(end, "") for place, end in ends.items()})
        await assignment.leave()

    async def in_port(self, *identifiers: str) -> None:
        for identifier in identifiers:
            body = f'{{"identifier":"{identifier}"}}'.encode()
            answer = await self.setting.port.bulk_upsert("app", [body], merge=True, create_missing=True)
            assert answer.ok

    async def look(self) -> tuple[int, list[str]]:
        """Close what can be closed; return how many, and how each letter stands."""
        closed = await self.held.close()
        return closed, [
            one.resolution.value if one.resolution else "open" for one in await read_letters(self.log)
        ]


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    async with port_setting() as setting:
        log = await SqliteLog.temporary()
        try:
            await log.create_topics([ENTITIES.name, DLQ])
            yield Bench(log, setting, HeldLetters(log, setting.port, now=setting.clock.now))
        finally:
            await log.close()


HELD = delete("a")
CLOSED = [Resolution.HEALED.value]


@pytest.mark.parametrize(
    ("later", "is_in_port", "states"),
    [
        (None, True, ["open"]),
        (upsert("a", LIVE), True, CLOSED),
        (upsert("a", RESYNC), True, CLOSED),
        (delete("a", SWEEP), False, CLOSED),
        # The writer has left it: others depend on it.
        (delete("a", SWEEP), True, ["open"]),
        (delete("a", LIVE), False, CLOSED),
        (delete("a", LIVE), True, ["open"]),
        # What the mapper proposes, the writer does not do.
        (delete("a", RESYNC), False, ["open"]),
        (delete("a", Origin.REPLAY), False, ["open"]),
        ((upsert("a", LIVE)[0], b"no JSON"), True, ["open"]),
        (((), upsert("a", LIVE)[1]), True, ["open"]),
    ],
)
async def test_later_change_closes_the_letter_if_it_has_done_the_job(
    later: Any, is_in_port: bool, states: list[str]
) -> None:
    async with bench() as one:
        if is_in_port:
            await one.in_port("a")
        await one.change(HELD, Reason.DELETE_HELD)
        if later is not None:
            await one.change(later)
        await one.written()
        assert await one.look() == (states.count("healed"), states)


async def test_later_change_that_has_failed_or_was_held_itself_closes_nothing() -> None:
    async with bench() as one:
        await one.change(HELD, Reason.DELETE_HELD)
        await one.change(upsert("a", LIVE), Reason.REFUSED)
        await one.change(delete("a", LIVE), Reason.DELETE_HELD)
        await one.written()
        assert await one.look() == (0, ["open"] * 3)


async def test_change_before_the_delete_or_of_another_entity_closes_nothing() -> None:
    async with bench() as one:
        await one.change(upsert("a", LIVE))
        await one.change(HELD, Reason.DELETE_HELD)
        await one.change(upsert("b", LIVE), identifier="b")
        await one.written()
        assert await one.look() == (0, ["open"])


async def test_change_that_the_writer_has_not_reached_is_waited_for() -> None:
    async with bench() as one:
        await one.change(HELD, Reason.DELETE_HELD)
        # Of another entity, in the same partition.
        await one.change(upsert("g", LIVE), identifier="g")
        await one.written()
        await one.change(upsert("a", LIVE))
        assert len({record.partition for record in one.records}) == 1
        assert await one.look() == (0, ["open"])
        await one.written()
        assert await one.look() == (1, ["healed"])
        assert await one.look() == (0, ["healed"])


async def test_letters_of_one_entity_are_all_closed_by_what_comes_behind_them() -> None:
    async with bench() as one:
        await one.change(HELD, Reason.DELETE_HELD)
        await one.change(HELD, Reason.DELETE_HELD)
        await one.change(delete("a", SWEEP))
        await one.change(HELD, Reason.DELETE_HELD)
        await one.written()
        assert await one.look() == (2, ["healed", "healed", "open"])


async def test_letters_beyond_those_kept_have_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_letters, "KEPT", 4)
    async with bench() as one:
        names = [f"a{number}" for number in range(10)]
        for name in names:
            await one.change(delete(name), Reason.DELETE_HELD, identifier=name)
        for name in names:
            await one.change(delete(name, SWEEP), identifier=name)
        await one.written()
        assert [(await one.look())[0] for _ in range(4)] == [4, 4, 2, 0]


async def test_port_that_does_not_tell_keeps_the_letter_until_it_does() -> None:
    async with bench() as one:
        await one.change(HELD, Reason.DELETE_HELD)
        await one.change(delete("a", SWEEP))
        await one.written()
        search = {"path": ".*/entities/search"}
        await one.setting.script({"match": search, "action": {"status": 422}})
        assert await one.look() == (0, ["open"])
        await one.setting.script()
        await one.change(delete("a", SWEEP))
        await one.written()
        assert await one.look() == (1, ["healed"])


async def test_letters_that_the_log_would_not_close_are_closed_at_the_next_look() -> None:
    async with bench() as one:
        await one.change(HELD, Reason.DELETE_HELD)
        await one.change(upsert("a", LIVE))
        await one.written()
        torn: Any = TornLog(one.log)
        one.held = HeldLetters(torn, one.setting.port, now=one.setting.clock.now)
        with pytest.raises(RetryableError):
            await one.look()
        assert await one.look() == (1, ["healed"])


class TornLog:
    """A log that does not take what it is given first."""

    def __init__(self, log: SqliteLog) -> None:
        self._log = log
        self._is_torn = True

    async def append(self, records: Sequence[NewRecord]) -> list[Position]:
        if self._is_torn:
            self._is_torn = False
            raise RetryableError("the broker is away")
        return await self._log.append(records)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)
