"""Tests runs of an installation that is always on: first start, commands, replay, take-over, schedule."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from schemas.command import CommandType
from schemas.headers import Operation, RecordHeaders
from schemas.mapping import MappingInForce
from schemas.outcome import Count
from schemas.run import KindState, RunResult, RunState
from schemas.topics import ENTITIES, WEBHOOKS
from services.fetcher.mapping_authority import MappingAuthority
from services.fetcher.run_journal import RunJournal
from services.fetcher.run_requests import RunRequest
from services.fetcher.service import FetcherService
from shared.core import Batch, Core
from shared.errors import ConfigurationError
from shared.groups import FETCHER_GROUP
from shared.log.interface import Committed, NewRecord, TopicPartition
from shared.log.sqlite import SqliteLog
from shared.lost_records import ASKED_BY
from shared.mapping_file import LoadedMapping, parse_mapping
from shared.outcome import DONE, Outcome
from shared.topic_scan import scan
from tests.pipeline.mappings import SPINE
from tests.service.always_on import IDENTIFIER, PATIENCE_S, Installation, installation, utc_now

OTHER = SPINE.replace("title: .name", 'title: .name + " (" + .id + ")"').replace(
    "responder: .assignments[0].assignee.summary", "responder: .assignments[0].assignee.id"
)
THIRD = OTHER.replace('" ("', '" <"').replace('")"', '">"')
KINDS = ["incidents", "services", "teams", "users"]


@pytest.fixture
async def here() -> AsyncIterator[Installation]:
    async with installation(SPINE) as one:
        yield one


def told(run: RunResult) -> tuple[str, RunState, int, list[str], list[str]]:
    return run.type, run.state, run.mapping_version, run.asked_by, run.only_kinds


def fetched(run: RunResult) -> dict[str, int]:
    return {kind: one.fetched for kind, one in run.kinds.items()}


async def test_first_start_lists_everything_and_fills_the_catalog(here: Installation) -> None:
    async with here.running():
        (run,) = await here.until_ended(1)
    assert told(run) == ("resync", RunState.COMPLETED, 1, ["mapping"], [])
    assert sorted(run.kinds) == KINDS
    assert await asyncio.to_thread(here.differences, SPINE) == []


async def test_changed_mapping_is_applied_from_the_log_alone(here: Installation) -> None:
    async with here.running():
        await here.until_ended(1)
        before = here.requests_to_pagerduty()
        here.mapping = OTHER
        runs = await here.until_ended(2)
        assert here.requests_to_pagerduty() == before
    assert told(runs[-1]) == ("replay", RunState.COMPLETED, 2, ["mapping"], [])
    fetched = {kind: one.fetched for kind, one in runs[0].kinds.items()}
    replayed = {
        kind: (one.state, one.fetched, one.mapper[Count.MAPPED]) for kind, one in runs[-1].kinds.items()
    }
    assert replayed == {kind: (KindState.COMPLETE, number, number) for kind, number in fetched.items()}
    assert await asyncio.to_thread(here.differences, OTHER) == []


class Halting:
    """A core that does so many records of a replay, and then waits until it must go."""

    def __init__(self, core: Core, limit: int) -> None:
        self._core = core
        self._left = limit
        self.halted = asyncio.Event()

    async def handle(self, batch: Batch) -> Sequence[Outcome | None]:
        if not all(progress.mapping_version == 2 for progress in batch.progress.values()):
            return await self._core.handle(batch)
        if self._left <= 0:
            self.halted.set()
            await batch.leaving.wait()
            return [None] * len(batch.records)
        self._left -= len(batch.records)
        return await self._core.handle(batch)


async def test_mapper_that_is_replaced_in_the_middle_of_a_replay_changes_nothing(here: Installation) -> None:
    async with here.writer(), FetcherService(here.parts()):
        halting: list[Halting] = []

        def around(core: Core) -> Core:
            halting.append(Halting(core, limit=60))
            return halting[-1]

        mapper = here.start_mapper(around)
        await here.until_ended(1)
        here.mapping = OTHER
        await asyncio.wait_for(halting[0].halted.wait(), PATIENCE_S)
        await mapper.stop()
        mapper = here.start_mapper()
        (first, second) = await here.until_ended(2)
        await mapper.stop()
    assert told(second) == ("replay", RunState.COMPLETED, 2, ["mapping"], [])
    assert fetched(second) == fetched(first)
    assert await asyncio.to_thread(here.differences, OTHER) == []


async def test_of_a_mapping_changed_twice_the_last_wins_everywhere(here: Installation) -> None:
    async with here.running():
        await here.until_ended(1)
        before = here.requests_to_pagerduty()
        here.mapping = OTHER
        await here.until(lambda runs: len(runs) == 2 and runs[1].mapping_version == 2)
        here.mapping = THIRD
        runs = await here.until_ended(3)
        assert here.requests_to_pagerduty() == before
    assert [told(run) for run in runs[1:]] == [
        ("replay", RunState.COMPLETED, 2, ["mapping"], []),
        ("replay", RunState.COMPLETED, 3, ["mapping"], []),
    ]
    assert await asyncio.to_thread(here.differences, THIRD) == []


async def test_kind_that_is_fetched_otherwise_is_listed_before_the_rest_is_replayed(
    here: Installation,
) -> None:
    changed = OTHER.replace(
        '- kind: users\n    selector:\n      query: "true"',
        '- kind: users\n    selector:\n      query: "true"\n      apiQueryParams:\n        include: [teams]',
    )
    assert changed != OTHER
    async with here.running():
        await here.until_ended(1)
        before = here.requests_to_pagerduty()
        here.mapping = changed
        runs = await here.until_ended(3)
        paths = {request.path for request in here.pagerduty.log.requests[before:]}
    assert [told(run) for run in runs[1:]] == [
        ("resync", RunState.COMPLETED, 2, ["mapping"], ["users"]),
        ("replay", RunState.COMPLETED, 3, ["mapping"], []),
    ]
    assert paths == {"/users"}
    assert await asyncio.to_thread(here.differences, changed) == []


async def test_replay_asked_for_publishes_a_new_version_of_the_same_mapping(here: Installation) -> None:
    async with here.running():
        await here.until_ended(1)
        before = here.requests_to_pagerduty()
        command = await here.command(CommandType.REPLAY)
        runs = await here.until_ended(2)
        assert here.requests_to_pagerduty() == before
    assert told(runs[1]) == ("replay", RunState.COMPLETED, 2, ["command line"], [])
    assert runs[1].commands == [command]
    assert runs[1].requests["PagerDuty"] == 0
    written = sum(one.writer.get(Count.WRITTEN, 0) for one in runs[1].kinds.values())
    assert written == 0


async def test_replay_without_a_complete_listing_becomes_a_resync(here: Installation) -> None:
    here.pagerduty.script.replace([{"match": {"path": "/.*"}, "action": {"status": 403}}])
    async with here.running():
        (first,) = await here.until_ended(1)
        here.pagerduty.script.replace([])
        command = await here.command(CommandType.REPLAY)
        runs = await here.until_ended(2)
    assert first.state is RunState.COMPLETED_WITH_FAILURES
    assert told(runs[1]) == ("resync", RunState.COMPLETED, 1, ["command line"], [])
    assert runs[1].commands == [command]


async def test_commands_given_during_a_run_merge_into_one_that_follows(here: Installation) -> None:
    here.pagerduty.script.replace([{"match": {"path": "/users"}, "action": {"delay_ms": 500}, "times": 1}])
    async with here.running():
        await here.until(lambda runs: bool(runs) and runs[0].state is RunState.LISTING)
        commands = [
            await here.command(CommandType.RESYNC, "users"),
            await here.command(CommandType.RESYNC, "teams"),
            await here.command(CommandType.RESYNC, "users"),
        ]
        runs = await here.until_ended(2)
    assert [told(run) for run in runs] == [
        ("resync", RunState.COMPLETED, 1, ["mapping"], []),
        ("resync", RunState.COMPLETED, 1, ["command line"], ["teams", "users"]),
    ]
    assert runs[1].commands == commands
    assert sorted(runs[1].kinds) == ["teams", "users"]


async def test_commands_that_nobody_was_there_for_become_one_run(here: Installation) -> None:
    async with here.running():
        await here.until_ended(1)
    commands = [await here.command(CommandType.RESYNC) for _ in range(3)]
    async with here.running():
        runs = await here.until_ended(2)
    assert [run.commands for run in runs] == [[], commands]


async def test_what_the_subscription_asks_for_at_the_first_start_joins_the_first_run(
    here: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    looked: list[bool] = []
    mapper = here.start_mapper()
    async with (
        here.writer(),
        FetcherService(replace(here.parts(), may_begin=lambda: bool(looked))) as service,
    ):

        async def look() -> None:
            await service.catch_up("the subscription was made just now")
            looked.append(True)

        await service.while_leading(look)
        (run,) = await here.until_ended(1)
    await mapper.stop()
    assert told(run) == ("resync", RunState.COMPLETED, 1, ["subscription", "mapping"], [])
    assert [one.getMessage() for one in caplog.records if one.levelname == "WARNING"] == []


async def test_stop_ends_the_run_in_hand_and_the_next_request_is_run(here: Installation) -> None:
    here.pagerduty.script.replace([{"match": {"path": "/users"}, "action": {"delay_ms": 30_000}}])
    async with here.running():
        await here.until(lambda runs: bool(runs) and runs[0].state is RunState.LISTING)
        stop = await here.command(CommandType.STOP)
        (run,) = await here.until_ended(1)
        assert told(run) == ("resync", RunState.INTERRUPTED, 1, ["mapping"], [])
        assert run.commands == [stop]
        here.pagerduty.script.replace([])
        await here.command(CommandType.RESYNC)
        runs = await here.until_ended(2)
    assert runs[1].state is RunState.COMPLETED
    assert await asyncio.to_thread(here.differences, SPINE) == []


async def test_run_that_its_fetcher_left_is_restarted_by_the_next_one(here: Installation) -> None:
    here.pagerduty.script.replace([{"match": {"path": "/users"}, "action": {"delay_ms": 30_000}}])
    mapper = here.start_mapper()
    async with here.writer():
        async with FetcherService(here.parts()):
            await here.until(
                lambda runs: bool(runs) and sum(one.fetched for one in runs[0].kinds.values()) > 0
            )
        (left,) = await here.runs()
        here.pagerduty.script.replace([])
        async with FetcherService(here.parts()):
            (run,) = await here.until_ended(1)
    await mapper.stop()
    assert (left.state, left.attempt) == (RunState.LISTING, 1)
    assert (run.run_id, run.state, run.attempt) == (left.run_id, RunState.COMPLETED, 2)
    assert {kind: one.mapper[Count.MAPPED] for kind, one in run.kinds.items()} == {
        kind: one.fetched for kind, one in run.kinds.items()
    }
    assert await asyncio.to_thread(here.differences, SPINE) == []


async def test_replay_that_its_fetcher_left_goes_on_with_the_same_version(here: Installation) -> None:
    mapper = here.start_mapper()
    async with here.writer():
        async with FetcherService(here.parts()):
            await here.until_ended(1)
            await mapper.stop()
            here.mapping = OTHER
            await here.until(lambda runs: len(runs) == 2 and runs[1].mapping_version == 2)
        left = (await here.runs())[1]
        before = here.requests_to_pagerduty()
        mapper = here.start_mapper()
        async with FetcherService(here.parts()):
            runs = await here.until_ended(2)
    await mapper.stop()
    assert here.requests_to_pagerduty() == before
    assert (runs[1].run_id, runs[1].attempt, runs[1].noted) == (left.run_id, 2, left.noted)
    assert told(runs[1]) == ("replay", RunState.COMPLETED, 2, ["mapping"], [])
    assert fetched(runs[1]) == fetched(runs[0])
    assert await asyncio.to_thread(here.differences, OTHER) == []


async def test_run_passes_to_a_replica_that_stood_by(here: Installation) -> None:
    here.pagerduty.script.replace([{"match": {"path": "/users"}, "action": {"delay_ms": 30_000}}])
    mapper = here.start_mapper()
    async with here.writer():
        first = FetcherService(here.parts())
        async with first:
            await here.until(lambda runs: bool(runs) and runs[0].state is RunState.LISTING)
            second = await FetcherService(here.parts()).__aenter__()
            assert (first.leads(), second.leads()) == (True, False)
            here.pagerduty.script.replace([])
        (run,) = await here.until_ended(1)
        assert (run.state, run.attempt) == (RunState.COMPLETED, 2)
        await second.__aexit__(None, None, None)
    await mapper.stop()


async def test_schedule_asks_when_it_is_due_and_not_again_after_a_restart() -> None:
    async with installation(SPINE, interval=timedelta(seconds=4)) as here:
        async with here.running():
            await here.until_ended(1)
        async with here.running():
            runs = await here.until_ended(2)
    assert [run.asked_by for run in runs] == [["mapping"], ["schedule"]]
    assert (runs[1].started_at - runs[0].started_at).total_seconds() >= 4


async def test_broken_mapping_is_refused_and_the_last_good_one_stays(here: Installation) -> None:
    is_broken = False

    async def load() -> LoadedMapping:
        if is_broken:
            raise ConfigurationError("mapping.yaml:3:1: resources[0].kind: is missing; add it")
        return parse_mapping(SPINE, "mapping.yaml")

    mapper = here.start_mapper()
    async with here.writer(), FetcherService(here.parts(load=load)) as service:
        await here.until_ended(1)
        is_broken = True
        await here.until(lambda _: service.mapping_problem != "")
        await here.command(CommandType.RESYNC, "users")
        runs = await here.until_ended(2)
        assert service.mapping_problem == "mapping.yaml:3:1: resources[0].kind: is missing; add it"
        assert service.held == ""
    await mapper.stop()
    assert told(runs[1]) == ("resync", RunState.COMPLETED, 1, ["command line"], ["users"])


async def test_replica_that_leads_no_more_holds_nothing_for_a_mapping_that_is_not_its_to_read(
    here: Installation,
) -> None:
    async def load() -> LoadedMapping:
        raise ConfigurationError("there is no mapping")

    async with FetcherService(here.parts(load=load)) as service:
        await here.until(lambda _: service.held != "")
        assert (service.held, service.mapping_problem) == ("there is no mapping", "there is no mapping")
        await service.consumer.on_revoked(service.consumer.owned)
        assert (service.held, service.mapping_problem) == ("", "")


async def test_kind_that_the_mapping_does_not_have_fails_its_run_alone(here: Installation) -> None:
    async with here.running():
        await here.until_ended(1)
        await here.command(CommandType.RESYNC, "schedules")
        runs = await here.until_ended(2)
        await here.command(CommandType.RESYNC, "schedules", "teams")
        runs = await here.until_ended(3)
    assert [(run.state, run.error) for run in runs[1:]] == [
        (RunState.FAILED, "no entry of the mapping has the kind schedules; add one or leave it out"),
        (RunState.COMPLETED, ""),
    ]
    assert runs[2].warnings == ["no entry of the mapping has the kind schedules"]


REFUSED = {"match": {"path": "/.*"}, "action": {"status": 401}}


async def test_refused_token_holds_the_run_and_it_goes_on_once_it_is_taken_again(here: Installation) -> None:
    here.pagerduty.script.replace([REFUSED])
    async with here.running() as service:
        (held,) = await here.until(lambda runs: bool(runs) and bool(runs[0].error))
        await here.until(lambda _: "OCEAN__INTEGRATION__CONFIG__TOKEN" in service.held)
        assert (held.ended, held.attempt) == (False, 1)
        assert "OCEAN__INTEGRATION__CONFIG__TOKEN" in held.error
        here.pagerduty.script.replace([])
        # It would be tried again in a minute; whoever asks for something has it tried at once.
        await here.command(CommandType.RESYNC, "users")
        runs = await here.until_ended(2)
        assert service.held == ""
    assert [(run.run_id == held.run_id, run.state, run.attempt, run.error) for run in runs] == [
        (True, RunState.COMPLETED, 2, ""),
        (False, RunState.COMPLETED, 1, ""),
    ]


async def test_run_that_is_held_can_be_stopped(here: Installation) -> None:
    here.pagerduty.script.replace([REFUSED])
    async with here.running() as service:
        await here.until(lambda _: service.held != "")
        stop = await here.command(CommandType.STOP)
        runs = await here.until(lambda runs: runs[0].ended)
    assert (runs[0].state, runs[0].commands) == (RunState.INTERRUPTED, [stop])


async def test_stop_without_a_run_ends_nothing_that_comes_later(here: Installation) -> None:
    async with here.running():
        await here.until_ended(1)
        await here.command(CommandType.STOP)
        await here.command(CommandType.RESYNC, "teams")
        runs = await here.until_ended(2)
    assert [run.state for run in runs] == [RunState.COMPLETED, RunState.COMPLETED]


async def test_replay_begins_at_the_last_complete_listing() -> None:
    async with installation(SPINE.replace("kind: incidents", "kind: priorities")) as here, here.running():
        await here.until_ended(1)
        await here.command(CommandType.RESYNC)
        await here.until_ended(2)
        await here.command(CommandType.REPLAY)
        (_, second, replay) = await here.until_ended(3)
    assert replay.type == "replay"
    assert fetched(replay) == fetched(second)


async def test_kind_dropped_in_one_edit_with_a_change_of_what_is_fetched_is_proposed_for_deletion(
    here: Installation,
) -> None:
    changed = SPINE.partition("  - kind: teams")[0].replace(
        '- kind: users\n    selector:\n      query: "true"',
        '- kind: users\n    selector:\n      query: "true"\n      apiQueryParams:\n        include: [teams]',
    )
    async with here.running():
        await here.until_ended(1)
        here.mapping = changed
        runs = await here.until_ended(3)
    assert [run.type for run in runs] == ["resync", "resync", "replay"]
    gone = set()
    async for records in scan(here.log, await here.log.partitions(ENTITIES.name.__eq__)):
        for record in records:
            headers = RecordHeaders.decode(record.headers)
            if (headers.operation, headers.runid) == (Operation.DELETE, runs[-1].run_id):
                gone.add((record.key or b"").decode())
    assert gone == {f"pagerdutyTeam/{team}" for team in here.pagerduty.store.rows("teams")}


async def test_events_forgotten_before_the_fetcher_read_them_are_an_alarm_and_a_resync(
    here: Installation,
) -> None:
    place = TopicPartition(WEBHOOKS.name, 0)
    assert isinstance(here.log, SqliteLog)
    await here.log.create_topics([WEBHOOKS.name])
    await here.log.commit(FETCHER_GROUP, {place: Committed(0)})
    await here.log.append([NewRecord(WEBHOOKS.name, b"services/P1", b"{}")])
    await here.log.maintain(int((utc_now() + timedelta(days=8)).timestamp() * 1000))
    await here.log.append([NewRecord(WEBHOOKS.name, b"services/P1", b"{}")])
    parts = replace(here.parts(), make_hydration=lambda *_: Settling())
    async with FetcherService(parts):
        runs = await here.until(lambda runs: any(ASKED_BY in run.asked_by for run in runs))
    (run,) = [run for run in runs if ASKED_BY in run.asked_by]
    assert (run.type, run.is_whole) == ("resync", True)


async def test_replica_that_leads_again_follows_the_mapping_that_came_into_force_meanwhile(
    here: Installation,
) -> None:
    seen: asyncio.Queue[int] = asyncio.Queue()

    def make_hydration(_: object, mapping: Callable[[], MappingInForce | None]) -> Core:
        return Following(mapping, seen)

    mapper = here.start_mapper()
    try:
        async with (
            here.writer(),
            FetcherService(replace(here.parts(), make_hydration=make_hydration)) as service,
        ):
            await here.until_ended(1)
            consumer, owned = service.consumer, service.consumer.owned
            await consumer.on_revoked(owned)
            other = MappingAuthority(here.log, IDENTIFIER, utc_now)
            await other.publish(parse_mapping(OTHER, "mapping.yaml"))
            await here.log.append([NewRecord(WEBHOOKS.name, b"services/P1", b"{}")])
            await consumer.on_assigned(owned)
            assert await asyncio.wait_for(seen.get(), PATIENCE_S) == 2
    finally:
        await mapper.stop()


async def test_replica_that_leads_again_does_not_go_back_to_the_mapping_that_it_knew(
    here: Installation,
) -> None:
    mapper = here.start_mapper()
    try:
        parts = replace(here.parts(), mapping_interval=timedelta(hours=1))
        async with here.writer(), FetcherService(parts) as service:
            await here.until_ended(1)
            consumer, owned = service.consumer, service.consumer.owned
            await consumer.on_revoked(owned)
            # The user has changed it, and the other replica has put it in force.
            here.mapping = OTHER
            other = MappingAuthority(here.log, IDENTIFIER, utc_now)
            await other.publish(parse_mapping(OTHER, "mapping.yaml"))
            await consumer.on_assigned(owned)
            await here.command(CommandType.RESYNC, "teams")
            runs = await here.until_ended(2)
    finally:
        await mapper.stop()
    assert [told(run) for run in runs[1:]] == [("resync", RunState.COMPLETED, 2, ["command line"], ["teams"])]


class Following:
    """A core that tells by which version of the mapping it handles events."""

    def __init__(self, mapping: Callable[[], MappingInForce | None], seen: asyncio.Queue[int]) -> None:
        self._mapping = mapping
        self._seen = seen

    async def handle(self, batch: Batch) -> Sequence[Outcome | None]:
        mapping = self._mapping()
        await self._seen.put(0 if mapping is None else mapping.version)
        return [DONE] * len(batch.records)


class Settling:
    """A core that has nothing to do."""

    async def handle(self, batch: Batch) -> Sequence[Outcome | None]:
        return [DONE] * len(batch.records)


async def test_runs_asked_for_at_once_answer_everybody(here: Installation) -> None:
    journal = RunJournal(here.log, IDENTIFIER, utc_now)
    asked = [
        RunRequest(type="resync", kinds=(kind,), asked_by=kind, command=f"command-{kind}") for kind in KINDS
    ]
    await asyncio.gather(*map(journal.ask, asked))
    (run,) = await here.runs()
    assert (run.commands, run.only_kinds) == ([one.command for one in asked], KINDS)
