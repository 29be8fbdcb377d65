"""Tests how a run is conducted: states, barrier, counts, and every way it can end."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from schemas.mapping import MappingFile, MappingInForce
from schemas.outcome import Count
from schemas.run import KindResult, KindState, RunResult, RunState
from schemas.topics import ENTITIES, RUNS, dlq_topic
from services.fetcher.conductor import NO_SWEEP, Conductor, ListSource
from services.fetcher.leadership import undisputed
from services.fetcher.run_book import Surroundings, Watch
from shared.core import Batch
from shared.errors import FatalError
from shared.groups import MAPPER_GROUP, WRITER_GROUP
from shared.http.waits import WaitLedger
from shared.log.interface import NewRecord, Subscription, TopicPartition
from shared.log.sqlite import SqliteLog
from shared.outcome import Outcome
from shared.runtime import Consumer
from shared.sources import Source

RUN_ID = "20261123T120000.000000Z-ab12"
RAW = "pagerduty.raw.users"
MAPPING = MappingInForce(version=7, config=MappingFile())
USERS = Source(
    kind="users", parameters="", topic=RAW, query=(), entries=(0,), window=None, complete_by_design=True
)


def a_run() -> RunResult:
    return RunResult(run_id=RUN_ID, started_at=datetime.fromtimestamp(1_800_000_000, UTC))


class Passing:
    """A stage that makes one change of each object, or settles each change."""

    def __init__(self, log: SqliteLog, *, maps: bool) -> None:
        self._log = log
        self._maps = maps

    async def handle(self, batch: Batch) -> Sequence[Outcome]:
        if self._maps:
            await self._log.append([NewRecord(ENTITIES.name, one.key, b"{}") for one in batch.records])
        counts = {Count.MAPPED: 1, Count.EMITTED: 1} if self._maps else {Count.WRITTEN: 1}
        return [Outcome(RUN_ID, "users", counts)] * len(batch.records)


@pytest.fixture
async def log() -> AsyncIterator[SqliteLog]:
    log = await SqliteLog.temporary()
    await log.create_topics([RAW, ENTITIES.name, RUNS.name, dlq_topic(RAW), dlq_topic(ENTITIES.name)])
    try:
        yield log
    finally:
        await log.close()


@asynccontextmanager
async def stages(log: SqliteLog) -> AsyncIterator[None]:
    consumers = [
        Consumer(log, MAPPER_GROUP, Subscription.to(RAW), Passing(log, maps=True), on_fatal="raise"),
        Consumer(
            log, WRITER_GROUP, Subscription.to(ENTITIES.name), Passing(log, maps=False), on_fatal="raise"
        ),
    ]
    async with asyncio.TaskGroup() as group:
        for consumer in consumers:
            group.create_task(consumer.run())
        yield
        for consumer in consumers:
            consumer.stop()


def listing(log: SqliteLog, objects: int) -> ListSource:
    async def list_source(source: Source, heard: Callable[[KindResult], None]) -> KindResult:
        await log.append(
            [NewRecord(source.topic, f"PU{number}".encode(), b"{}") for number in range(objects)]
        )
        return KindResult(state=KindState.COMPLETE, announced=objects, fetched=objects, requests=1)

    return list_source


async def no_refresh(source: Source, object_id: str) -> bool:
    raise AssertionError(f"{source.kind} {object_id} asked for again")


def conductor(
    log: SqliteLog,
    list_source: ListSource,
    *,
    stall_timeout_s: float = 600.0,
    seconds_per_look: float = 0.0,
    jump_per_look_s: float = 0.0,
) -> Conductor:
    """A conductor whose clock moves on with each look at the stages, and that of the wall by a jump more."""
    at_s, jumped_s = 0.0, 0.0

    async def sleep(_: float) -> None:
        nonlocal at_s, jumped_s
        at_s += seconds_per_look
        jumped_s += jump_per_look_s
        await asyncio.sleep(0)

    return Conductor(
        Surroundings(
            log=log,
            identifier="test",
            waits=WaitLedger(),
            requests=lambda: {"PagerDuty": 1, "Port": 2},
            successes=lambda: 3,
            watch=Watch(poll_s=0.01, stall_timeout_s=stall_timeout_s, on_snapshot=lambda _: None),
            now=lambda: datetime.fromtimestamp(1_800_000_000 + at_s + jumped_s, UTC),
            clock=lambda: at_s,
            leadership=undisputed(),
            sleep=sleep,
        ),
        list_source=list_source,
        refresh=no_refresh,
    )


async def published(log: SqliteLog) -> list[RunResult]:
    records = await log.read({TopicPartition(RUNS.name, 0): 0}, max_records=100, wait_s=0)
    return [RunResult.model_validate_json(record.value or b"") for record in records]


async def test_green_run_passes_both_stages_and_publishes_every_state(log: SqliteLog) -> None:
    async with stages(log):
        result = await conductor(log, listing(log, 40)).resync(a_run(), MAPPING, [USERS])
    assert (result.state, result.failure_count, result.mapping_version) == (RunState.COMPLETED, 0, 7)
    assert result.kinds == {
        "users": KindResult(
            state=KindState.COMPLETE,
            announced=40,
            fetched=40,
            requests=1,
            mapper={Count.MAPPED: 40, Count.EMITTED: 40},
            writer={Count.WRITTEN: 40},
        )
    }
    assert (result.deletes, result.unmapped, result.unsettled) == (NO_SWEEP, 0, 0)
    states = [one.state for one in await published(log)]
    assert states == [RunState.LISTING, RunState.MAPPING, RunState.WRITING, RunState.COMPLETED]
    assert (await published(log))[-1] == result


async def test_nothing_to_read_is_done_at_once(log: SqliteLog) -> None:
    result = await conductor(log, listing(log, 0)).resync(a_run(), MAPPING, [USERS])
    assert (result.state, result.kinds["users"].fetched) == (RunState.COMPLETED, 0)


async def test_stage_that_never_moves_ends_the_run_and_says_what_is_unfinished(log: SqliteLog) -> None:
    run = conductor(log, listing(log, 3), stall_timeout_s=600, seconds_per_look=50)
    with pytest.raises(FatalError, match=r"no progress for 600 s while waiting for the mapping stage"):
        await run.resync(a_run(), MAPPING, [USERS])
    (*_, last) = await published(log)
    assert (last.state, last.unmapped, last.unsettled) == (RunState.FAILED, 3, 0)
    assert "no progress for 600 s" in last.error


async def test_laptop_that_slept_for_hours_amid_a_run_goes_on_with_it(log: SqliteLog) -> None:
    looks = 0

    async def slow(source: Source, heard: Callable[[KindResult], None]) -> KindResult:
        nonlocal looks
        while looks < 5:
            looks += 1
            await asyncio.sleep(0)
        return KindResult(state=KindState.COMPLETE)

    run = conductor(log, slow, stall_timeout_s=600, jump_per_look_s=3600)
    assert (await run.resync(a_run(), MAPPING, [USERS])).state is RunState.COMPLETED


async def test_unexpected_error_closes_the_result_before_it_is_raised(log: SqliteLog) -> None:
    async def broken(source: Source, heard: Callable[[KindResult], None]) -> KindResult:
        raise RuntimeError("a fault of ours")

    with pytest.raises(RuntimeError, match="a fault of ours"):
        await conductor(log, broken).resync(a_run(), MAPPING, [USERS])
    (*_, last) = await published(log)
    assert (last.state, last.error) == (RunState.FAILED, "a fault of ours")


async def test_stage_that_ends_takes_the_run_with_it(log: SqliteLog) -> None:
    async def ends() -> None:
        raise FatalError("Port refuses the credentials")

    stage = asyncio.create_task(ends())
    with pytest.raises(FatalError, match="Port refuses"):
        await conductor(log, listing(log, 3)).resync(a_run(), MAPPING, [USERS], [stage])
    assert (await published(log))[-1].state is RunState.FAILED


async def test_interrupted_run_says_so_in_its_result(log: SqliteLog) -> None:
    task = asyncio.create_task(conductor(log, listing(log, 3)).resync(a_run(), MAPPING, [USERS]))
    assert await log.read({TopicPartition(RUNS.name, 0): 0}, max_records=1, wait_s=5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await published(log))[-1].state is RunState.INTERRUPTED
