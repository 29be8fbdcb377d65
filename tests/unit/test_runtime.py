"""Tests the runtime over a real embedded log: what is committed, what is tried again, what ends it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.outcome import Count
from schemas.topics import COMMANDS, DAY_MS, ENTITIES
from shared.core import Batch
from shared.errors import ConfigurationError, FatalError, LostError, NotOwnerError, RetryableError
from shared.log.interface import Committed, NewRecord, Record, Subscription, TopicPartition
from shared.log.sqlite import SqliteLog
from shared.outcome import Outcome
from shared.progress import Progress, sum_counts
from shared.runtime import Consumer
from shared.service.readiness import is_ready, membership_checks

GROUP = "writer"
TOPIC = ENTITIES.name
PLACES = [TopicPartition(TOPIC, partition) for partition in range(6)]
ONE_PLACE = TopicPartition(COMMANDS.name, 0)
RUN = "20260102T000000Z-bb"
ONE = Outcome(RUN, "users", {Count.WRITTEN: 1})
DEADLINE_S = 60.0

Behaviour = Callable[[Batch], Awaitable[Sequence[Outcome | None]]]


class Core:
    """A core that behaves as told, once per call, and well when it was told nothing more.

    It notes every record it gave an outcome to and every overlap of two calls on one partition.
    """

    def __init__(self, *behaviours: Behaviour) -> None:
        self.behaviours = list(behaviours)
        self.seen: list[Record] = []
        self.done: list[Record] = []
        self.clashes: list[TopicPartition] = []
        self.called = asyncio.Event()
        self._busy: set[TopicPartition] = set()

    async def handle(self, batch: Batch) -> Sequence[Outcome | None]:
        places = {record.place for record in batch.records}
        self.clashes += sorted(places & self._busy)
        self._busy |= places
        self.seen += batch.records
        self.called.set()
        try:
            behave = self.behaviours.pop(0) if self.behaviours else well
            outcomes = await behave(batch)
        finally:
            self._busy -= places
        self.done += [
            record for record, outcome in zip(batch.records, outcomes, strict=False) if outcome is not None
        ]
        return outcomes


async def well(batch: Batch) -> Sequence[Outcome | None]:
    return [ONE] * len(batch.records)


def raises(error: BaseException) -> Behaviour:
    async def behave(batch: Batch) -> Sequence[Outcome | None]:
        raise error

    return behave


def gives(*outcomes: Outcome | None) -> Behaviour:
    async def behave(batch: Batch) -> Sequence[Outcome | None]:
        return outcomes

    return behave


async def waits_for_a_remote(batch: Batch) -> Sequence[Outcome | None]:
    """Do the first record, then wait until the partitions are taken away."""
    await batch.leaving.wait()
    return [ONE, *[None] * (len(batch.records) - 1)]


async def cancels_something_inside(batch: Batch) -> Sequence[Outcome | None]:
    inner = asyncio.ensure_future(asyncio.Event().wait())
    inner.cancel()
    await inner
    return []


class Waits:
    """Returns from every wait at once and notes how long it was to be."""

    def __init__(self) -> None:
        self.delays_s: list[float] = []

    async def __call__(self, delay_s: float) -> None:
        self.delays_s.append(delay_s)
        await asyncio.sleep(0)


class Stand:
    """A log with one consumer on the topic of one partition."""

    def __init__(self, log: SqliteLog) -> None:
        self.log = log
        self.waits = Waits()
        self.progressed = asyncio.Event()
        self.reports: list[Mapping[TopicPartition, Progress]] = []

    def consumer(self, core: Core, topic: str = ONE_PLACE.topic, **settings: Any) -> Consumer:
        return Consumer(
            self.log,
            GROUP,
            Subscription.to(topic),
            core,
            **{
                "sleep": self.waits,
                "jitter": lambda: 1.0,
                "on_fatal": "raise",
                "on_progress": self._hear,
                **settings,
            },
        )

    def _hear(self, progress: Mapping[TopicPartition, Progress]) -> None:
        self.reports.append(progress)
        self.progressed.set()

    async def append(self, count: int) -> None:
        await self.log.append([NewRecord(ONE_PLACE.topic, b"k", b"%d" % number) for number in range(count)])

    async def committed(self) -> tuple[int, int]:
        """Return the committed offset and how many outcomes are counted."""
        found = await self.log.committed(GROUP, [ONE_PLACE])
        if ONE_PLACE not in found:
            return 0, 0
        counts = Progress.decode(found[ONE_PLACE].metadata).counts
        return found[ONE_PLACE].offset, counts.get("users", {}).get(Count.WRITTEN, 0)

    async def reaches(self, offset: int) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while (await self.committed())[0] != offset:
                self.progressed.clear()
                await self.progressed.wait()

    async def run_to(self, offset: int, consumer: Consumer) -> None:
        """Run a consumer until so much is committed, then stop it."""
        task = asyncio.create_task(consumer.run())
        await self.reaches(offset)
        consumer.stop()
        await task


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    log = await SqliteLog.temporary()
    await log.create_topics([TOPIC, COMMANDS.name])
    yield Stand(log)
    await log.close()


def offsets(records: Sequence[Record]) -> list[int]:
    return [record.offset for record in records]


# commits


async def test_every_record_is_handled_once_and_counted_once(stand: Stand) -> None:
    await stand.append(25)
    core = Core()
    await stand.run_to(25, stand.consumer(core, max_records=10))
    assert offsets(core.seen) == list(range(25))
    assert await stand.committed() == (25, 25)
    assert [list(report) for report in stand.reports] == [[ONE_PLACE]] * 3
    assert stand.waits.delays_s == []


async def test_records_after_the_first_without_an_outcome_are_read_again(stand: Stand) -> None:
    await stand.append(4)
    core = Core(gives(ONE, None, ONE, ONE))
    await stand.run_to(4, stand.consumer(core))
    assert offsets(core.seen) == [0, 1, 2, 3, 1, 2, 3]
    assert await stand.committed() == (4, 4)
    assert stand.waits.delays_s == []


async def test_next_member_goes_on_behind_the_commit_with_its_counts(stand: Stand) -> None:
    await stand.append(3)
    await stand.run_to(3, stand.consumer(Core()))
    await stand.append(2)
    core = Core()
    await stand.run_to(5, stand.consumer(core))
    assert offsets(core.seen) == [3, 4]
    assert await stand.committed() == (5, 5)


async def test_records_appended_later_wake_the_consumer(stand: Stand) -> None:
    consumer = stand.consumer(Core(), poll_wait_s=DEADLINE_S)
    task = asyncio.create_task(consumer.run())
    await stand.append(1)
    await stand.reaches(1)
    await stand.append(1)
    await stand.reaches(2)
    consumer.stop()
    await task


async def test_unreadable_metadata_restarts_the_counts_only(
    stand: Stand, caplog: pytest.LogCaptureFixture
) -> None:
    await stand.append(3)
    await stand.log.commit(GROUP, {ONE_PLACE: Committed(1, "replay=r7")})
    await stand.run_to(3, stand.consumer(Core()))
    assert await stand.committed() == (3, 2)
    assert "unreadable commit metadata" in caplog.text


# errors


@pytest.mark.parametrize(
    ("behaviour", "logged"),
    [
        (raises(RuntimeError("bug")), "bug"),
        (raises(RetryableError("Port is down")), "Port is down"),
        (gives(ONE), "1 outcomes for 2 records"),
        (gives(ONE, ONE, ONE), "3 outcomes for 2 records"),
        (cancels_something_inside, "cancelled from inside"),
    ],
)
async def test_batch_that_fails_commits_nothing_and_is_read_again(
    stand: Stand, caplog: pytest.LogCaptureFixture, behaviour: Behaviour, logged: str
) -> None:
    await stand.append(2)
    core = Core(behaviour)
    await stand.run_to(2, stand.consumer(core))
    assert offsets(core.seen) == [0, 1, 0, 1]
    assert await stand.committed() == (2, 2)
    assert stand.waits.delays_s == [0.1]
    assert logged in caplog.text


async def test_back_off_doubles_up_to_its_limit_and_restarts_after_progress(stand: Stand) -> None:
    await stand.append(2)
    nothing = gives(None, None)
    core = Core(*[nothing] * 11, gives(ONE, None), gives(None))
    await stand.run_to(2, stand.consumer(core))
    assert stand.waits.delays_s == pytest.approx(
        [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0, 0.1]
    )


async def test_back_off_is_jittered_by_half(stand: Stand) -> None:
    await stand.append(1)
    await stand.run_to(1, stand.consumer(Core(gives(None)), jitter=lambda: 0.0))
    assert stand.waits.delays_s == [0.05]


async def test_wait_that_a_host_asks_for_is_obeyed(stand: Stand) -> None:
    await stand.append(1)
    core = Core(raises(RetryableError("429", retry_after_s=17.0)))
    await stand.run_to(1, stand.consumer(core))
    assert stand.waits.delays_s == [17.0]


async def test_fatal_error_ends_a_one_shot_run(stand: Stand) -> None:
    await stand.append(1)
    with pytest.raises(FatalError, match="401"):
        await stand.consumer(Core(raises(FatalError("401")))).run()
    assert await stand.committed() == (0, 0)
    await stand.run_to(1, stand.consumer(Core()))


async def test_fatal_error_holds_an_always_on_process(stand: Stand) -> None:
    await stand.append(1)
    core = Core(raises(FatalError("401: check OCEAN__PORT__CLIENT_ID")))
    held: list[str] = []
    consumer: Consumer

    async def sleep(delay_s: float) -> None:
        stand.waits.delays_s.append(delay_s)
        held.append(consumer.held)

    consumer = stand.consumer(core, on_fatal="hold", sleep=sleep)
    await stand.run_to(1, consumer)
    assert stand.waits.delays_s == [60.0]
    assert held == ["401: check OCEAN__PORT__CLIENT_ID"]
    assert consumer.held == ""


async def test_batch_that_fails_again_and_again_is_told_until_it_does_not(stand: Stand) -> None:
    await stand.append(1)
    held: list[str] = []
    consumer: Consumer

    async def sleep(_: float) -> None:
        held.append(consumer.held)

    core = Core(*[raises(KeyError("a secret"))] * 11)
    consumer = stand.consumer(core, on_fatal="hold", sleep=sleep)
    await stand.run_to(1, consumer)
    assert held[:9] == [""] * 9
    assert held[9:] == [
        f"a batch has failed {times} times in a row (KeyError); the log lines tell more" for times in (10, 11)
    ]
    assert consumer.held == ""


async def test_a_batch_that_waits_long_has_not_failed(stand: Stand) -> None:
    await stand.append(1)
    held: list[str] = []
    consumer: Consumer

    async def sleep(_: float) -> None:
        held.append(consumer.held)

    core = Core(*[gives(None)] * 20, raises(KeyError("once")), *[gives(None)] * 3)
    consumer = stand.consumer(core, on_fatal="hold", sleep=sleep)
    await stand.run_to(1, consumer)
    assert held == [""] * 24


@pytest.mark.parametrize("call", ["committed", "read"])
async def test_hold_for_what_the_log_refuses_ends_once_it_answers_though_nothing_is_there_to_read(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    answer = getattr(stand.log, call)
    refusals = [ConfigurationError("this user may not use a topic")]
    held: list[str] = []
    consumer: Consumer

    async def refuse_once(*asked: Any, **more: Any) -> Any:
        if refusals:
            raise refusals.pop()
        return await answer(*asked, **more)

    async def sleep(_: float) -> None:
        held.append(consumer.held)

    monkeypatch.setattr(stand.log, call, refuse_once)
    consumer = stand.consumer(Core(), on_fatal="hold", sleep=sleep, poll_wait_s=0.01)
    task = asyncio.create_task(consumer.run())
    async with asyncio.timeout(DEADLINE_S):
        while consumer.membership.polled_at_s is None:  # noqa: ASYNC110 - nobody tells of an empty read
            await asyncio.sleep(0.001)
    assert (held, consumer.held) == (["this user may not use a topic"], "")
    consumer.stop()
    await task


async def test_hold_of_a_batch_outlives_a_read_that_brings_nothing(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stand.append(1)
    read = stand.log.read
    reads: list[int] = []
    held: list[str] = []
    consumer: Consumer

    async def nothing_the_second_time(*asked: Any, **more: Any) -> list[Record]:
        records = [] if len(reads) == 1 else await read(*asked, **more)
        reads.append(len(records))
        return records

    async def notes_held(batch: Batch) -> Sequence[Outcome | None]:
        held.append(consumer.held)
        return await well(batch)

    monkeypatch.setattr(stand.log, "read", nothing_the_second_time)
    consumer = stand.consumer(Core(raises(FatalError("401")), notes_held), on_fatal="hold")
    await stand.run_to(1, consumer)
    assert (reads[:3], held, consumer.held) == ([1, 0, 1], ["401"], "")


async def test_long_batch_is_no_silence_of_the_log_once_it_is_done(stand: Stand) -> None:
    await stand.append(1)
    seconds = 0.0
    judged: list[bool] = []
    consumer: Consumer

    async def takes_ten_minutes(batch: Batch) -> Sequence[Outcome | None]:
        nonlocal seconds
        seconds += 600
        return await well(batch)

    def judge(_: Mapping[TopicPartition, Progress]) -> None:
        judged.append(is_ready(membership_checks(consumer.membership, seconds)))
        stand.progressed.set()

    consumer = stand.consumer(Core(takes_ten_minutes), clock=lambda: seconds, on_progress=judge)
    await stand.run_to(1, consumer)
    assert judged == [True]


# lost records


async def lose_two_of_three(stand: Stand) -> int:
    """Let retention take two unread records of a partition; return the log's start."""
    await stand.append(3)
    await stand.log.commit(GROUP, {ONE_PLACE: Committed(1)})
    await stand.log.maintain(2**42)
    await stand.append(1)
    return 3


async def test_lost_records_end_a_one_shot_run(stand: Stand) -> None:
    await lose_two_of_three(stand)
    with pytest.raises(LostError, match=r"pagerport.commands/0 \(unread from 1, now 3\)"):
        await stand.consumer(Core()).run()


async def test_lost_records_are_an_alarm_once_and_the_rest_goes_on(
    stand: Stand, caplog: pytest.LogCaptureFixture
) -> None:
    start = await lose_two_of_three(stand)
    alarms: list[Mapping[TopicPartition, int]] = []

    async def on_lost(starts: Mapping[TopicPartition, int]) -> None:
        alarms.append(starts)

    for count in (1, 2):
        core = Core()
        await stand.run_to(start + count, stand.consumer(core, on_fatal="hold", on_lost=on_lost))
        assert offsets(core.seen) == [start + count - 1]
        await stand.append(1)
    assert alarms == [{ONE_PLACE: start}]
    assert "has lost records" in caplog.text


async def test_alarm_is_not_raised_again_by_a_restart_before_the_next_commit(stand: Stand) -> None:
    start = await lose_two_of_three(stand)
    core = Core(waits_for_a_remote)
    consumer = stand.consumer(core, on_fatal="hold")
    task = asyncio.create_task(consumer.run())
    await core.called.wait()
    assert await stand.committed() == (start, 0)
    consumer.stop()
    await task


async def test_commit_above_the_end_of_the_log_is_lost_too(stand: Stand) -> None:
    await stand.append(1)
    await stand.log.commit(GROUP, {ONE_PLACE: Committed(5)})
    with pytest.raises(LostError, match="unread from 5, now 0"):
        await stand.consumer(Core()).run()


async def test_group_that_never_committed_begins_where_the_log_does(stand: Stand) -> None:
    await stand.append(3)
    await stand.log.maintain(2**42 + DAY_MS)
    await stand.append(1)
    core = Core()
    await stand.run_to(4, stand.consumer(core))
    assert offsets(core.seen) == [3]


# leaving


async def test_stop_lets_a_held_batch_give_up_and_commits_what_is_done(stand: Stand) -> None:
    await stand.append(3)
    core = Core(waits_for_a_remote)
    consumer = stand.consumer(core)
    task = asyncio.create_task(consumer.run())
    await core.called.wait()
    consumer.stop()
    await task
    assert await stand.committed() == (1, 1)
    assert consumer.owned == frozenset()


async def test_held_batch_is_not_polled_past(stand: Stand) -> None:
    await stand.append(3)
    core = Core(waits_for_a_remote)
    consumer = stand.consumer(core)
    task = asyncio.create_task(consumer.run())
    await core.called.wait()
    await stand.append(5)
    for _ in range(50):
        await asyncio.sleep(0)
    assert offsets(core.seen) == [0, 1, 2]
    consumer.stop()
    await task


async def test_partitions_are_drained_before_another_member_has_them(stand: Stand) -> None:
    records = [NewRecord(TOPIC, b"P%d" % number, b"") for number in range(60)]
    await stand.log.append(records)
    first, second = Core(waits_for_a_remote), Core()
    consumers = [stand.consumer(core, TOPIC) for core in (first, second)]
    tasks = [asyncio.create_task(consumers[0].run())]
    await first.called.wait()
    tasks.append(asyncio.create_task(consumers[1].run()))
    await all_committed(stand.log, stand.progressed)
    for consumer in consumers:
        consumer.stop()
    await asyncio.gather(*tasks)
    assert len(first.done + second.done) == 60
    assert {(record.partition, record.offset) for record in first.done + second.done} == {
        (record.partition, record.offset) for record in first.seen
    }


async def test_cancelled_consumer_leaves_its_group(stand: Stand) -> None:
    await stand.append(2)
    core = Core(waits_for_a_remote)
    task = asyncio.create_task(stand.consumer(core).run())
    await core.called.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await stand.committed() == (0, 0)
    await stand.run_to(2, stand.consumer(Core()))


async def test_member_without_partitions_waits_for_one(stand: Stand) -> None:
    await stand.append(1)
    first, second = stand.consumer(Core()), stand.consumer(Core())
    tasks = [asyncio.create_task(each.run()) for each in (first, second)]
    await stand.reaches(1)
    first.stop()
    await tasks[0]
    await stand.append(1)
    await stand.reaches(2)
    second.stop()
    await tasks[1]


# rewinding


async def test_rewind_commits_first_and_reads_again(stand: Stand) -> None:
    await stand.append(5)
    core = Core()
    consumer = stand.consumer(core, mapping_version=lambda: 4)
    task = asyncio.create_task(consumer.run())
    await stand.reaches(5)
    await consumer.rewind({ONE_PLACE: 2})
    committed = (await stand.log.committed(GROUP, [ONE_PLACE]))[ONE_PLACE]
    assert (committed.offset, Progress.decode(committed.metadata).mapping_version) == (2, 4)
    await stand.reaches(5)
    consumer.stop()
    await task
    assert offsets(core.seen) == [0, 1, 2, 3, 4, 2, 3, 4]


async def test_rewind_of_a_partition_of_somebody_else_is_refused(stand: Stand) -> None:
    await stand.append(1)
    consumer = stand.consumer(Core())
    task = asyncio.create_task(consumer.run())
    await stand.reaches(1)
    with pytest.raises(NotOwnerError):
        await consumer.rewind({ONE_PLACE: 0, PLACES[0]: 0})
    assert await stand.committed() == (1, 1)
    consumer.stop()
    await task


async def test_rewind_waits_for_the_batch_in_hand(stand: Stand) -> None:
    await stand.append(3)
    release = asyncio.Event()

    async def slowly(batch: Batch) -> Sequence[Outcome | None]:
        await release.wait()
        return [ONE] * len(batch.records)

    core = Core(slowly)
    consumer = stand.consumer(core)
    task = asyncio.create_task(consumer.run())
    await core.called.wait()
    rewinding = asyncio.create_task(consumer.rewind({ONE_PLACE: 1}))
    await asyncio.sleep(0)
    release.set()
    await rewinding
    await stand.reaches(3)
    consumer.stop()
    await task
    assert offsets(core.seen) == [0, 1, 2, 1, 2]


async def test_core_that_rewinds_itself_is_told_so(stand: Stand, caplog: pytest.LogCaptureFixture) -> None:
    await stand.append(1)
    consumer: Consumer

    async def rewinds(batch: Batch) -> Sequence[Outcome | None]:
        await consumer.rewind({ONE_PLACE: 0})
        return [ONE]

    consumer = stand.consumer(Core(rewinds))
    await stand.run_to(1, consumer)
    assert "it would wait for itself" in caplog.text


async def test_newer_mapping_is_replayed_once_by_whoever_owns_the_partition(stand: Stand) -> None:
    await stand.append(4)
    version = 1
    first = Core()
    replays: dict[str, Any] = {"mapping_version": lambda: version, "replay_from": lambda _: 2}
    await stand.run_to(4, stand.consumer(first, **replays))
    assert offsets(first.seen) == [0, 1, 2, 3]
    version = 2
    second, third = Core(), Core()
    await stand.append(1)
    await stand.run_to(5, stand.consumer(second, **replays))
    assert offsets(second.seen) == [2, 3, 4]
    await stand.append(1)
    await stand.run_to(6, stand.consumer(third, **replays))
    assert offsets(third.seen) == [5]


async def test_mapping_that_changes_while_running_is_replayed_on_demand(stand: Stand) -> None:
    await stand.append(4)
    version = 1
    core = Core()
    consumer = stand.consumer(core, mapping_version=lambda: version, replay_from=lambda _: 3)
    task = asyncio.create_task(consumer.run())
    await stand.reaches(4)
    version = 2
    await stand.append(1)
    await stand.reaches(5)
    committed = (await stand.log.committed(GROUP, [ONE_PLACE]))[ONE_PLACE]
    assert Progress.decode(committed.metadata).mapping_version == 1
    await consumer.replay()
    await consumer.replay()
    await stand.reaches(5)
    consumer.stop()
    await task
    committed = (await stand.log.committed(GROUP, [ONE_PLACE]))[ONE_PLACE]
    assert Progress.decode(committed.metadata).mapping_version == 2
    assert offsets(core.seen) == [0, 1, 2, 3, 4, 3, 4]


# everything at once

patterns = st.lists(st.booleans(), min_size=1, max_size=6)
behaviours = st.one_of(
    patterns,
    st.sampled_from(["raise", "retry", "cancel", "too few", "hold"]),
)
events = st.one_of(
    st.integers(1, 30),
    st.sampled_from(["join", "leave", "kill", "let run", "let run long"]),
)


def scripted(behaviour: list[bool] | str) -> Behaviour:
    """Return what the core does: a pattern of outcomes and Nones that is repeated, or a failure."""

    async def behave(batch: Batch) -> Sequence[Outcome | None]:
        await asyncio.sleep(0)
        if behaviour == "raise":
            raise RuntimeError("bug")
        if behaviour == "retry":
            raise RetryableError("down", retry_after_s=1.0)
        if behaviour == "cancel":
            return await cancels_something_inside(batch)
        if behaviour == "too few":
            return [ONE] * (len(batch.records) - 1)
        if behaviour == "hold":
            for _ in range(30):
                await asyncio.sleep(0)
                if batch.leaving.is_set():
                    return [None] * len(batch.records)
            return [ONE] * len(batch.records)
        return [ONE if behaviour[index % len(behaviour)] else None for index in range(len(batch.records))]

    return behave


async def all_committed(log: SqliteLog, progressed: asyncio.Event) -> dict[TopicPartition, Committed]:
    """Return the commits once everything appended is committed."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            progressed.clear()
            committed = await log.committed(GROUP, PLACES)
            ends = await log.end_offsets(PLACES)
            if {place: each.offset for place, each in committed.items()} == {
                place: end for place, end in ends.items() if end
            }:
                return committed
            await progressed.wait()


@settings(max_examples=100, deadline=None)
@given(st.lists(behaviours, max_size=12), st.lists(events, max_size=14), st.sampled_from([1, 7, 500]))
async def test_nothing_is_lost_nor_counted_twice_whatever_happens(
    misbehaviours: list[list[bool] | str], script: list[int | str], max_records: int
) -> None:
    log = await SqliteLog.temporary()
    await log.create_topics([TOPIC])
    stand = Stand(log)
    core = Core(*(scripted(each) for each in misbehaviours))
    running: list[tuple[Consumer, asyncio.Task[None]]] = []
    appended = 0

    def join() -> None:
        consumer = stand.consumer(core, TOPIC, max_records=max_records)
        running.append((consumer, asyncio.create_task(consumer.run())))

    join()
    for event in script:
        if isinstance(event, int):
            await log.append([NewRecord(TOPIC, b"P%d" % (appended + each), b"") for each in range(event)])
            appended += event
        elif event == "join":
            join()
        elif event == "leave" and running:
            consumer, task = running.pop(0)
            consumer.stop()
            await task
        elif event == "kill" and running:
            _, task = running.pop()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        else:
            for _ in range(60 if event == "let run long" else 3):
                await asyncio.sleep(0)
    join()
    committed = await all_committed(log, stand.progressed)
    for consumer, _ in running:
        consumer.stop()
    await asyncio.gather(*(task for _, task in running))
    counts = sum_counts([Progress.decode(each.metadata) for each in committed.values()], RUN)
    await log.close()

    assert core.clashes == []
    assert counts == ({"users": {Count.WRITTEN: appended}} if appended else {})
    for place in PLACES:
        end = committed[place].offset if place in committed else 0
        first_done: dict[int, None] = dict.fromkeys(
            record.offset for record in core.done if record.place == place
        )
        assert sorted(first_done) == list(range(end))
