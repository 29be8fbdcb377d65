"""States as tests what poison does in the topics of state and commands; each log's module runs them."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from schemas.command import Command, CommandType
from schemas.complete_listing import CompleteListing
from schemas.mapping import MappingFile
from schemas.outcome import Reason
from schemas.run import RunState
from schemas.topics import COMMANDS, MAPPING, RUNS, dlq_topic, raw_topic
from services.fetcher.core import FetcherCore
from services.fetcher.mapping_authority import MappingAuthority
from services.fetcher.run_journal import RunJournal
from services.fetcher.run_requests import RunRequest
from shared.commands_topic import command_record
from shared.groups import FETCHER_GROUP, MAPPER_GROUP
from shared.kept_letters import read_letters
from shared.log.interface import Committed, Log, NewRecord, Subscription, TopicPartition
from shared.mapping_file import LoadedMapping
from shared.mapping_topic import MappingRecords
from shared.progress import Progress
from shared.runs_topic import run_record
from shared.runtime import Consumer
from shared.topic_reader import TopicReader

MakeLog = Callable[[], Awaitable[Log]]
ME = "me"
AT = datetime(2026, 11, 23, tzinfo=UTC)
USERS = raw_topic("users")
DEADLINE_S = 60.0
UNREADABLE = (b'{"version": ', b"", b"\xff\xfe", b"[]", b'{"version": "1"}', b"x" * 2 * 1024 * 1024)
ODD_HEADERS = (("ce_time", None), ("ce_source", b"\xff"))


def now() -> datetime:
    return AT


def loaded(blueprint: str) -> LoadedMapping:
    mappings = {"identifier": ".id", "blueprint": f'"{blueprint}"'}
    entry = {"kind": "users", "port": {"entity": {"mappings": mappings}}}
    return LoadedMapping(MappingFile.model_validate({"resources": [entry]}), "a test")


def left_out(caplog: pytest.LogCaptureFixture) -> int:
    return sum("cannot be read" in line for line in caplog.messages)


class StateTopicsContract:
    """Subclass it with a fixture `make_log`."""

    async def test_mapping_stays_in_force_whatever_is_written_over_it(
        self, make_log: MakeLog, caplog: pytest.LogCaptureFixture
    ) -> None:
        log = await make_log()
        authority = MappingAuthority(log, ME, now)
        first = await authority.publish(loaded("user"))
        listing = CompleteListing(
            topic=USERS, kind="users", fetch="f", run_id="r", started_at=AT, ended_at=AT, starts={0: 0}
        )
        await authority.note_listing(listing)
        poison = [NewRecord(MAPPING.name, ME.encode(), value) for value in (*UNREADABLE, None)]
        of_listing = NewRecord(MAPPING.name, b"complete/pagerduty.raw.teams", b"{")
        await log.append([*poison[:3], of_listing, *poison[3:]])

        assert await authority.catch_up() == first
        assert (authority.left_out, left_out(caplog)) == (len(poison) + 1, len(poison) + 1)
        assert authority.listings == {USERS: listing}
        # What compaction would keep is the mapping, for those that start later.
        records = await TopicReader(log, MAPPING.name).to_end()
        later = MappingRecords(ME)
        later.take([next(one for one in reversed(records) if one.key == ME.encode())])
        assert later.in_force == first
        assert await authority.catch_up() == first
        assert await TopicReader(log, MAPPING.name).to_end() == records, "it is written again once"
        assert (await authority.publish(loaded("person"))).version == 2

    async def test_headers_are_nothing_that_the_state_is_read_from(self, make_log: MakeLog) -> None:
        log = await make_log()
        authority = MappingAuthority(log, ME, now)
        first = await authority.publish(loaded("user"))
        (record,) = await TopicReader(log, MAPPING.name).to_end()
        await log.append([NewRecord(MAPPING.name, record.key, record.value, ODD_HEADERS)])
        later = MappingAuthority(log, ME, now)
        assert (await later.catch_up(), later.left_out) == (first, 0)

    async def test_version_is_counted_on_from_what_mappers_used_where_the_topic_has_none(
        self, make_log: MakeLog
    ) -> None:
        log = await make_log()
        await log.create_topics([USERS, MAPPING.name])
        await log.append([NewRecord(USERS, b"U1", b"{}")])
        (place,) = [one for one, end in (await _ends(log, USERS)).items() if end]
        await log.commit(MAPPER_GROUP, {place: Committed(1, Progress(5).encode())})
        await log.append([NewRecord(MAPPING.name, ME.encode(), b"{")])
        assert (await MappingAuthority(log, ME, now).publish(loaded("user"))).version == 6

    async def test_runs_are_read_around_what_nobody_can_read(
        self, make_log: MakeLog, caplog: pytest.LogCaptureFixture
    ) -> None:
        log = await make_log()
        journal = RunJournal(log, ME, now)
        first = await journal.ask(RunRequest(type="resync", asked_by="one"))
        assert first is not None
        ended = first.model_copy(update={"state": RunState.COMPLETED, "ended_at": AT})
        await journal.write(ended)
        poison = [NewRecord(RUNS.name, first.run_id.encode(), value) for value in UNREADABLE]
        # Under another key: it would take a run back to how it began.
        stray = run_record(first, identifier=ME, made_at=AT)
        poison.append(NewRecord(RUNS.name, b"\xff", stray.value, stray.headers))
        await log.append(poison)
        second = await journal.ask(RunRequest(type="resync", asked_by="two"))
        assert (await journal.catch_up(), journal.left_out) == ([ended, second], len(poison))
        assert left_out(caplog) == len(poison)

    async def test_poison_among_commands_is_dead_letters_and_the_next_command_is_carried_out(
        self, make_log: MakeLog
    ) -> None:
        log = await make_log()
        await log.create_topics([COMMANDS.name, dlq_topic(COMMANDS.name)])
        sound = command_record(Command(type=CommandType.RESYNC), "first", identifier=ME, made_at=AT)
        poison = [
            *(NewRecord(COMMANDS.name, b"c", value, sound.headers) for value in (*UNREADABLE, None)),
            *(NewRecord(COMMANDS.name, b"c", sound.value, (one,)) for one in ODD_HEADERS),
            *(NewRecord(COMMANDS.name, key, sound.value, sound.headers) for key in (None, b"", b"\xff")),
        ]
        last = command_record(Command(type=CommandType.REPLAY), "last", identifier=ME, made_at=AT)
        await log.append([sound, *poison, last])
        taken: list[str] = []
        is_done = asyncio.Event()

        async def obey(command_id: str, _: Command) -> bool:
            taken.append(command_id)
            if command_id == "last":
                is_done.set()
            return True

        core = FetcherCore(log, obey, now=now, identifier=ME)
        consumer = Consumer(log, FETCHER_GROUP, Subscription.to(COMMANDS.name), core, on_fatal="raise")
        running = asyncio.create_task(consumer.run())
        async with asyncio.timeout(DEADLINE_S):
            await is_done.wait()
        consumer.stop()
        await running
        letters = await read_letters(log)
        assert taken == ["first", "last"]
        assert [one.original_address for one in letters] == [
            f"{COMMANDS.name}/0/{offset}" for offset in range(1, len(poison) + 1)
        ]
        assert {one.reasons for one in letters} == {frozenset({Reason.UNREADABLE})}


async def _ends(log: Log, topic: str) -> dict[TopicPartition, int]:
    return await log.end_offsets(await log.partitions(topic.__eq__))
