"""Conducts a run: notes where the log ends, lists or replays, waits for the stages, sweeps, closes.

There are no marks in the data: committed offsets are the barrier, the log is the list of what was seen.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from schemas.complete_listing import CompleteListing
from schemas.mapping import MappingInForce
from schemas.run import KindResult, KindState, RunResult, RunState
from schemas.topics import DLQ_PREFIX, ENTITIES, dlq_topic
from services.fetcher.barrier import Barrier
from services.fetcher.healed_letters import close_healed
from services.fetcher.mapping_versions import fetch_digests, kind_of_topic
from services.fetcher.run_book import RunBook, Surroundings
from services.fetcher.run_in_hand import RunInHand
from services.fetcher.sweep.interface import Sweep, SweptRun
from services.fetcher.unmet import Refresh, redrive_unmet
from services.fetcher.waves import plan_waves
from shared.errors import ConfigurationError, FatalError, NotOwnerError, RetryableError
from shared.groups import MAPPER_GROUP, WRITER_GROUP
from shared.log.interface import TopicFilter, TopicPartition
from shared.log.offsets import by_place
from shared.sources import Source
from shared.tasks import all_of

NO_SWEEP: Final = "this run deletes nothing: it has no sweep"

ListSource = Callable[[Source, Callable[[KindResult], None]], Awaitable[KindResult]]
"""Lists a source and publishes its objects; tells the state so far; returns when all is acknowledged."""
NoteListing = Callable[[CompleteListing], Awaitable[None]]


class Conductor:
    """Conducts one run at a time.

    Args:
        around: What every run has around it.
        list_source: See `ListSource`.
        refresh: Asks for one object again.
        sweep: Deletes what is gone; None: nothing is deleted.
        port_time: Asks Port what time it has; None: nobody needs it.
        note_listing: Hears of each complete listing; None: nobody needs it.
    """

    def __init__(
        self,
        around: Surroundings,
        *,
        list_source: ListSource,
        refresh: Refresh,
        sweep: Sweep | None = None,
        port_time: Callable[[], Awaitable[datetime | None]] | None = None,
        note_listing: NoteListing | None = None,
    ) -> None:
        self._around = around
        self._log = around.log
        self._now = around.now
        self._leadership = around.leadership
        self._barrier = Barrier(around.log, poll_s=around.watch.poll_s, sleep=around.sleep)
        self._list_source = list_source
        self._refresh = refresh
        self._sweep = sweep
        self._port_time = port_time
        self._note_listing = note_listing

    async def resync(
        self,
        result: RunResult,
        mapping: MappingInForce,
        sources: Sequence[Source],
        stages: Sequence[asyncio.Task[None]] = (),
    ) -> RunResult:
        """List the sources, wait until all they gave has reached Port, and return the result.

        Cancelled, the run is interrupted, or left to the next leader when it was given up.

        Args:
            result: The run as it was asked for; what becomes of it is written into it.
            mapping: In force for the whole run.
            sources: What is listed.
            stages: The stages where they run in this process: the run ends when one of them does.

        Raises:
            FatalError: PagerDuty or Port refuses us, or nothing moved for the stall timeout.
            NotOwnerError: Another process leads.
        """
        result.mapping_version = mapping.version
        result.kinds = {source.kind: KindResult() for source in sources}
        kind_of = {source.topic: source.kind for source in sources}
        run = RunInHand(result=result, sources=sources, kind_of=kind_of, mapping=mapping)
        run.listings = {source.topic: KindResult() for source in sources}
        book = RunBook(run, self._around)
        return await self._conduct(run, book, self._resync_steps(run, book, mapping), stages)

    async def replay(
        self,
        result: RunResult,
        publish: Callable[[], Awaitable[MappingInForce]],
        sources: Sequence[Source],
        stages: Sequence[asyncio.Task[None]] = (),
    ) -> RunResult:
        """Have the raw topics mapped again, wait until all that came of it has reached Port.

        PagerDuty is asked for nothing, unless the sweep has something confirmed.

        Args:
            result: The run as it was asked for, or as another process has left it.
            publish: Puts the version in force that is the command; for the same run always the same one.
            sources: What the mapping asks for.
            stages: As `resync` has them.

        Raises:
            FatalError: Port refuses us, or nothing moved for the stall timeout.
            NotOwnerError: Another process leads.
        """
        run = RunInHand(result=result, sources=sources, kind_of={}, mapping=None)
        book = RunBook(run, self._around)
        return await self._conduct(run, book, self._replay_steps(run, book, publish), stages)

    async def _conduct(
        self,
        run: RunInHand,
        book: RunBook,
        steps: Coroutine[Any, Any, None],
        stages: Sequence[asyncio.Task[None]],
    ) -> RunResult:
        try:
            await _first_of(asyncio.create_task(steps), asyncio.create_task(book.look_on()), stages)
        except asyncio.CancelledError:
            if not self._leadership.is_given_up:
                await book.close_early(RunState.INTERRUPTED, "")
            raise
        except NotOwnerError:
            raise
        except (FatalError, RetryableError, ConfigurationError) as error:
            if self._around.watch.holds:
                await book.hold(str(error))
            else:
                await book.close_early(RunState.FAILED, str(error))
            raise
        except Exception as error:
            await book.close_early(RunState.FAILED, str(error) or type(error).__name__)
            raise
        return run.result

    async def _resync_steps(self, run: RunInHand, book: RunBook, mapping: MappingInForce) -> None:
        raw = list(run.kind_of)
        await self._note_ends(run, {*raw, ENTITIES.name, *map(dlq_topic, [*raw, ENTITIES.name])}.__contains__)
        waves = plan_waves(
            run.sources,
            create_missing=run.creates_missing,
            searching=run.searching,
            relating=run.relating,
        )
        for wave in waves:
            await book.enter(RunState.LISTING)
            await self._list(run, wave)
            await self._note_complete(run, wave, mapping)
            await self._stages_passed(run, book)
        await self._redrive(run, book)
        await self._sweep_up(run, book, mapping)
        await close_healed(self._log, run, self._now())
        await book.close()

    async def _replay_steps(
        self, run: RunInHand, book: RunBook, publish: Callable[[], Awaitable[MappingInForce]]
    ) -> None:
        if not run.result.noted:
            await self._note_ends(run, lambda topic: topic == ENTITIES.name or topic.startswith(DLQ_PREFIX))
        # Before the version: whoever takes the run over must know where it began.
        await book.enter(RunState.MAPPING)
        await self._leadership.gate()
        mapping = run.mapping = await publish()
        run.result.mapping_version = mapping.version
        run.kind_of = {topic: kind for topic in mapping.replay_to if (kind := kind_of_topic(topic))}
        run.listings = {topic: KindResult(state=KindState.LISTING) for topic in run.kind_of}
        run.result.kinds = {kind: KindResult() for kind in run.kind_of.values()}
        await book.enter(RunState.MAPPING)
        await self._barrier.remapped(mapping.version, by_place(mapping.replay_to))
        run.listings = {topic: KindResult(state=KindState.COMPLETE) for topic in run.kind_of}
        await book.enter(RunState.WRITING)
        await self._barrier.passed(WRITER_GROUP, await self._ends(ENTITIES.name.__eq__))
        await self._sweep_up(run, book, mapping)
        await close_healed(self._log, run, self._now())
        await book.close()

    async def _note_ends(self, run: RunInHand, topics: TopicFilter) -> None:
        """Note where the run begins: in the log, and in Port's time."""
        noted: dict[str, dict[int, int]] = {}
        for place, end in (await self._ends(topics)).items():
            noted.setdefault(place.topic, {})[place.partition] = end
        run.result.noted = noted
        if self._port_time is not None:
            # Port always says its time. What stands in its place may not: then it is the time of the answer's
            # receipt, and clocks have to agree. Source: RFC 9110, Date.
            run.result.port_started_at = await self._port_time() or self._now().replace(microsecond=0)

    async def _list(self, run: RunInHand, sources: Sequence[Source]) -> None:
        async def one(source: Source) -> None:
            def heard(state: KindResult) -> None:
                run.listings[source.topic] = state

            heard(KindResult(state=KindState.LISTING))
            heard(await self._list_source(source, heard))

        await all_of(*map(one, sources))

    async def _note_complete(self, run: RunInHand, wave: Sequence[Source], mapping: MappingInForce) -> None:
        """Tell where replays of what was listed completely begin from now on."""
        complete = [source for source in wave if run.listings[source.topic].state is KindState.COMPLETE]
        if self._note_listing is None or not complete:
            return
        digests = fetch_digests(mapping.config)
        for source in complete:
            await self._leadership.gate()
            await self._note_listing(
                CompleteListing(
                    topic=source.topic,
                    kind=source.kind,
                    fetch=digests[source.topic],
                    is_windowed=not source.complete_by_design,
                    run_id=run.result.run_id,
                    started_at=run.result.started_at,
                    ended_at=self._now(),
                    objects=run.listings[source.topic].fetched,
                    starts=run.result.noted.get(source.topic, {}),
                )
            )

    async def _stages_passed(self, run: RunInHand, book: RunBook) -> None:
        """Wait until all that was published has been mapped, and all that came of it written."""
        await book.enter(RunState.MAPPING)
        await self._barrier.passed(MAPPER_GROUP, await self._ends(run.kind_of.__contains__))
        await book.enter(RunState.WRITING)
        await self._barrier.passed(WRITER_GROUP, await self._ends(ENTITIES.name.__eq__))

    async def _redrive(self, run: RunInHand, book: RunBook) -> None:
        """Give unmet relations a second chance, now that everything else has been written."""
        if run.creates_missing and not run.searching:
            return
        letters = await book.letters()
        sources = {source.topic: source for source in run.sources}
        await self._leadership.gate()
        run.closed = await redrive_unmet(self._log, letters, sources, self._refresh, self._now)
        if run.closed:
            await self._stages_passed(run, book)

    async def _sweep_up(self, run: RunInHand, book: RunBook, mapping: MappingInForce) -> None:
        """Have deleted what is gone, and wait for it."""
        if self._sweep is None:
            run.result.deletes = NO_SWEEP
            return
        await book.enter(RunState.SWEEPING)
        await book.judge()
        await self._leadership.gate()
        await self._sweep(
            SweptRun(
                result=run.result,
                mapping=mapping,
                sources=run.sources,
                is_whole=run.result.is_whole,
                starts=run.noted([ENTITIES.name]),
                ends=await self._ends(ENTITIES.name.__eq__),
                port_started_at=run.result.port_started_at,
                settle=partial(self._settle, run),
                gate=self._leadership.gate,
            )
        )
        await self._settle(run)

    async def _settle(self, run: RunInHand) -> None:
        """Wait until all that is published by now is written, also what the sweep found to be there."""
        await self._barrier.passed(MAPPER_GROUP, await self._ends(run.kind_of.__contains__))
        await self._barrier.passed(WRITER_GROUP, await self._ends(ENTITIES.name.__eq__))

    async def _ends(self, topics: TopicFilter) -> dict[TopicPartition, int]:
        return await self._log.end_offsets(await self._log.partitions(topics))


async def _first_of(
    steps: asyncio.Task[None], watcher: asyncio.Task[None], stages: Sequence[asyncio.Task[None]]
) -> None:
    """Wait for the steps, unless the watcher or a stage ends before them, and raise what ended them."""
    try:
        done, _ = await asyncio.wait({steps, watcher, *stages}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (steps, watcher):
            task.cancel()
        await asyncio.gather(steps, watcher, return_exceptions=True)
    for task in done:
        task.result()
