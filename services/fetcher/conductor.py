"""Conducts a run: lists and publishes, waits for the stages by their committed offsets, writes the result."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from schemas.headers import Origin, RecordHeaders
from schemas.mapping import MappingInForce
from schemas.outcome import Count
from schemas.run import KindResult, KindState, RunResult, RunState
from schemas.topics import ENTITIES, RUNS, dlq_topic
from services.fetcher.run_counts import (
    add_letter,
    add_listing_failures,
    add_warnings,
    count_failures,
    count_unfinished,
    final_state,
    merge_listings,
)
from services.fetcher.run_letters import OpenLetter, read_open_letters
from services.fetcher.unmet import Refresh, redrive_unmet, settle_counts
from services.fetcher.waves import plan_waves, searching_entries
from shared.errors import FatalError
from shared.groups import MAPPER_GROUP, WRITER_GROUP
from shared.http.waits import WaitLedger
from shared.log.interface import Log, NewRecord, Sleep, TopicPartition
from shared.progress import Progress, sum_counts
from shared.sources import Source
from shared.tasks import all_of

logger = logging.getLogger(__name__)

NO_SWEEP = "this run deletes nothing: the sweep of stale entities is not part of this release"

ListSource = Callable[[Source, Callable[[KindResult], None]], Awaitable[KindResult]]
"""Lists a source and publishes its objects; tells the state so far; returns when all is acknowledged."""


_Stage = tuple[dict[str, dict[Count, int]], int]
"""Counts of a stage per kind, and the sum of its committed offsets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How a run is watched.

    Attributes:
        poll_s: Seconds between two looks at the committed offsets.
        stall_timeout_s: Seconds without any progress after which the run is given up.
        on_snapshot: Hears of the run's state at each look; must not block.
        on_close: Adds to the result what only the caller knows, before it is written; must not block.
    """

    poll_s: float
    stall_timeout_s: float
    on_snapshot: Callable[[RunResult], None]
    on_close: Callable[[RunResult], None] = lambda _: None


@dataclass(slots=True)
class _Run:
    """What the conductor knows of the run in hand."""

    result: RunResult
    kind_of: dict[str, str]
    """Raw topic to kind."""
    creates_missing: bool = True
    searching: frozenset[int] = frozenset()
    """Entries that search Port: what they look for may not have been there."""
    closed: list[OpenLetter] = field(default_factory=list)
    """Letters whose objects were asked for again."""
    listings: dict[str, KindResult] = field(default_factory=dict)
    letters_from: dict[TopicPartition, int] = field(default_factory=dict)
    is_closing: bool = False
    """The result is being written: the watcher keeps its hands off it."""
    moved: tuple[int, ...] = ()
    moved_at_s: float = 0.0


class Conductor:
    """Runs one resync at a time.

    There are no marks in the data: committed offsets are the barrier, the log is the list of what was seen.
    """

    def __init__(
        self,
        log: Log,
        *,
        list_source: ListSource,
        refresh: Refresh,
        identifier: str,
        waits: WaitLedger,
        requests: Callable[[], dict[str, int]],
        successes: Callable[[], int],
        watch: Watch,
        now: Callable[[], datetime],
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._log = log
        self._list_source = list_source
        self._refresh = refresh
        self._identifier = identifier
        self._waits = waits
        self._requests = requests
        self._successes = successes
        self._watch = watch
        self._now = now
        self._sleep = sleep

    async def resync(
        self,
        run_id: str,
        mapping: MappingInForce,
        sources: Sequence[Source],
        stages: Sequence[asyncio.Task[None]] = (),
    ) -> RunResult:
        """List the sources, wait until all they gave has reached Port, and return the result.

        Args:
            run_id: Begins with the time, so that a greater id is a newer run.
            mapping: In force for the whole run.
            sources: What is listed.
            stages: The stages where they run in this process: the run ends when one of them does.

        Raises:
            FatalError: PagerDuty or Port refuses us, or nothing moved for the stall timeout.
        """
        run = _Run(
            result=RunResult(run_id=run_id, mapping_version=mapping.version, started_at=self._now()),
            kind_of={source.topic: source.kind for source in sources},
            creates_missing=mapping.config.create_missing_related_entities,
            searching=searching_entries(mapping.config),
        )
        run.result.kinds = {source.kind: KindResult() for source in sources}
        run.listings = {source.topic: KindResult() for source in sources}
        run.letters_from = await self._ends([dlq_topic(name) for name in (*run.kind_of, ENTITIES.name)])
        run.moved_at_s = self._now().timestamp()
        steps = asyncio.create_task(self._steps(run, sources))
        watcher = asyncio.create_task(self._look_on(run))
        try:
            await _first_of(steps, watcher, stages)
        except asyncio.CancelledError:
            await self._close_early(run, RunState.INTERRUPTED, "")
            raise
        except Exception as error:
            await self._close_early(run, RunState.FAILED, str(error) or type(error).__name__)
            raise
        return run.result

    async def _steps(self, run: _Run, sources: Sequence[Source]) -> None:
        for wave in plan_waves(sources, create_missing=run.creates_missing, searching=run.searching):
            await self._enter(run, RunState.LISTING)
            await self._list(run, wave)
            await self._barrier(run)
        await self._redrive(run, {source.topic: source for source in sources})
        run.result.deletes = NO_SWEEP
        await self._close(run, None)

    async def _barrier(self, run: _Run) -> None:
        """Wait until all that was published has been mapped, and all that came of it written."""
        await self._enter(run, RunState.MAPPING)
        await self._passed(MAPPER_GROUP, await self._ends(list(run.kind_of)))
        await self._enter(run, RunState.WRITING)
        await self._passed(WRITER_GROUP, await self._ends([ENTITIES.name]))

    async def _redrive(self, run: _Run, sources: Mapping[str, Source]) -> None:
        """Give unmet relations a second chance, now that everything else has been written."""
        if run.creates_missing and not run.searching:
            return
        letters = await self._letters(run)
        run.closed = await redrive_unmet(self._log, letters, sources, self._refresh, self._now)
        if run.closed:
            await self._barrier(run)

    async def _enter(self, run: _Run, state: RunState) -> None:
        run.result.state = state
        await self._publish(run.result)

    async def _list(self, run: _Run, sources: Sequence[Source]) -> None:
        async def one(source: Source) -> None:
            def heard(state: KindResult) -> None:
                run.listings[source.topic] = state

            heard(KindResult(state=KindState.LISTING))
            heard(await self._list_source(source, heard))

        await all_of(*map(one, sources))

    async def _passed(self, group: str, ends: dict[TopicPartition, int]) -> None:
        """Wait until the group has committed past all ends. An end of 0 needs no commit."""
        waited_for = {place: end for place, end in ends.items() if end}
        while waited_for:
            committed = await self._log.committed(group, list(waited_for))
            waited_for = {
                place: end
                for place, end in waited_for.items()
                if place not in committed or committed[place].offset < end
            }
            if waited_for:
                await self._sleep(self._watch.poll_s)

    async def _look_on(self, run: _Run) -> None:
        while True:
            await self._sleep(self._watch.poll_s)
            await self._update(run)
            if run.is_closing:
                continue
            self._watch.on_snapshot(run.result)
            still_s = self._now().timestamp() - run.moved_at_s
            if still_s > self._watch.stall_timeout_s:
                cause = self._waits.waiting_for() or f"the {run.result.state} stage"
                raise FatalError(
                    f"no progress for {self._watch.stall_timeout_s:.0f} s while waiting for {cause}; "
                    "mend it and run the sync again, or raise OCEAN__SYNC__STALL_TIMEOUT_S"
                )

    async def _update(self, run: _Run) -> None:
        """Bring the result up to date with what the stages have committed, unless it is closed meanwhile."""
        stages = await self._stages(run)
        if not run.is_closing:
            self._apply(run, stages)

    async def _stages(self, run: _Run) -> tuple[_Stage, _Stage]:
        mapper = await self._stage(MAPPER_GROUP, list(run.kind_of), run.result.run_id)
        return mapper, await self._stage(WRITER_GROUP, [ENTITIES.name], run.result.run_id)

    def _apply(self, run: _Run, stages: tuple[_Stage, _Stage]) -> None:
        (mapped, mapper_at), (written, writer_at) = stages
        for kind in run.result.kinds:
            listed = merge_listings(run.listings[topic] for topic, of in run.kind_of.items() if of == kind)
            listed.mapper, listed.writer = mapped.get(kind, {}), written.get(kind, {})
            run.result.kinds[kind] = listed
        run.result.failure_count = count_failures(run.result.kinds)
        run.result.requests = self._requests()
        run.result.waits = self._waits.waits()
        fetched = sum(kind.fetched for kind in run.result.kinds.values())
        moved = (mapper_at, writer_at, fetched, self._successes())
        if moved != run.moved:
            run.moved, run.moved_at_s = moved, self._now().timestamp()

    async def _stage(self, group: str, topics: Sequence[str], run_id: str) -> _Stage:
        """Return the stage's counts for the run per kind, and how far it has come in all."""
        committed = await self._log.committed(group, await self._places(topics))
        counts = sum_counts((Progress.decode(one.metadata) for one in committed.values()), run_id)
        return counts, sum(one.offset for one in committed.values())

    async def _close(self, run: _Run, state: RunState | None) -> None:
        """Write the result: counts, dead letters, times. State None: judge by what happened."""
        run.is_closing = True
        self._apply(run, await self._stages(run))
        await self._judge_letters(run)
        add_warnings(run.result)
        run.result.state = state or final_state(run.result)
        run.result.unmapped, run.result.unsettled = count_unfinished(run.result.kinds)
        run.result.ended_at = self._now()
        self._watch.on_close(run.result)
        await self._publish(run.result)
        self._watch.on_snapshot(run.result)

    async def _close_early(self, run: _Run, state: RunState, error: str) -> None:
        """Write the result of a run that did not get to its end, as far as the log still allows."""
        run.result.error = error
        try:
            await self._close(run, state)
        except Exception:
            # What ended the run is raised; that the log fails as well (a full disk) must not hide it.
            logger.exception("the result of run %s could not be written to the log", run.result.run_id)
            run.result.state, run.result.ended_at = state, self._now()
            self._watch.on_snapshot(run.result)

    async def _judge_letters(self, run: _Run) -> None:
        """List what is open at the end, and let the counts say the same."""
        letters = await self._letters(run)
        settle_counts(run.result.kinds, run.closed, [one for one in letters if not one.letter.run_id])
        run.result.failure_count = count_failures(run.result.kinds)
        run.result.failures, run.result.failures_by_reason = [], {}
        add_listing_failures(run.result)
        for one in letters:
            add_letter(run.result, one.letter)

    async def _letters(self, run: _Run) -> list[OpenLetter]:
        asked_again = {(one.letter.kind, one.letter.object_id) for one in run.closed}
        return await read_open_letters(self._log, run.letters_from, run.result.run_id, asked_again)

    async def _publish(self, result: RunResult) -> None:
        now = self._now()
        headers = RecordHeaders(
            id=f"{result.run_id}@{result.state}",
            source=f"pagerport/{self._identifier}/fetcher",
            type="pagerport.run",
            subject=result.run_id,
            time=now,
            origin=Origin.RESYNC,
            runid=result.run_id,
        )
        value = result.model_dump_json(exclude_none=True).encode()
        await self._log.append([NewRecord(RUNS.name, result.run_id.encode(), value, headers.encode())])

    async def _places(self, topics: Sequence[str]) -> list[TopicPartition]:
        return await self._log.partitions(frozenset(topics).__contains__)

    async def _ends(self, topics: Sequence[str]) -> dict[TopicPartition, int]:
        return await self._log.end_offsets(await self._places(topics))


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
