"""Maps batches in worker processes; an object that hangs or kills a worker costs only itself."""

import asyncio
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Self

from schemas.outcome import Reason
from services.mapper.blame import SHORT_TIMEOUT_S, Blame, Hanging
from services.mapper.mapped import Mapped, RawObject
from services.mapper.patience import Patience, WorkerGoneError
from services.mapper.plan_shape import Plan
from services.mapper.worker_process import MEMORY_LIMIT_BYTES, WorkerProcess
from shared.errors import FatalError
from shared.jq_choice import JqEngine
from shared.jq_engines import require_engine

CHUNK_OBJECTS: Final = 200
"""Most objects a worker gets at once."""
CHUNK_BYTES: Final = 8 * 1024 * 1024
CHANGES_AT_ONCE: Final = 20_000
"""With so many changes a batch is as good as done: a mapping of thousands of entries makes them of few
objects, and they are held in memory until they are published."""
START_ATTEMPTS: Final = 2
"""One start may end because somebody kills the process; two in a row have a cause that stays."""
_ALONE_SHARE: Final = 6
_ALONE_LEAST_S: Final = 1.0


@dataclass(slots=True)
class _Job:
    """Objects to be mapped and what became of them so far."""

    plan: Plan
    objects: Sequence[RawObject]
    found: list[Mapped | None]
    enough: asyncio.Event
    most_changes: int
    changes: int = field(default=0)


class _Span:
    """A part of a job that one worker at a time has in hand; `start` is the first that is not done."""

    def __init__(self, job: _Job, start: int, end: int, *, hurried: bool = True) -> None:
        self.job = job
        self.start = start
        self.end = end
        self.hurried = hurried

    @property
    def is_wanted(self) -> bool:
        """Whether there is something left to map; the first object is, also when it is enough."""
        return self.start < self.end and not (self.hurried and self.start and self.job.enough.is_set())

    @property
    def objects(self) -> Sequence[RawObject]:
        """Return those that are left."""
        return self.job.objects[self.start : self.end]

    def take(self, mapped: Sequence[Mapped]) -> None:
        """Keep what became of the next objects."""
        job = self.job
        job.found[self.start : self.start + len(mapped)] = mapped
        self.start += len(mapped)
        job.changes += sum(len(one.changes) for one in mapped)
        if job.changes >= job.most_changes:
            job.enough.set()


class WorkerPool:
    """A fixed number of workers, started when they are first needed. Use as an async context manager.

    Args:
        workers: How many.
        batch_timeout_s: Longest time for a batch; an object has a sixth of it.
        memory_limit_bytes: Address space of each.
        engine: What runs the expressions.
        clock: Tells when an expression that did not end is to be tried in full again, in seconds.

    Raises:
        ConfigurationError: The engine is not installed.
    """

    def __init__(
        self,
        workers: int,
        *,
        batch_timeout_s: float,
        memory_limit_bytes: int = MEMORY_LIMIT_BYTES,
        engine: JqEngine = JqEngine.LIBJQ,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        require_engine(engine)
        self._count = workers
        self._batch_timeout_s = batch_timeout_s
        self._alone_timeout_s = min(batch_timeout_s, max(_ALONE_LEAST_S, batch_timeout_s / _ALONE_SHARE))
        self._blame = Blame(self._alone_timeout_s, clock)
        self._engine = engine
        self._memory_limit_bytes = memory_limit_bytes
        self._idle: asyncio.LifoQueue[WorkerProcess | None] = asyncio.LifoQueue()
        for _ in range(workers):
            self._idle.put_nowait(None)
        self._alive: set[WorkerProcess] = set()

    async def __aenter__(self) -> Self:
        """Return the pool; workers start with the first objects."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """End all workers."""
        await self.close()

    @property
    def pids(self) -> list[int]:
        """Return the process ids of the workers that run."""
        return [worker.pid for worker in self._alive if worker.pid]

    @property
    def hanging(self) -> list[Hanging]:
        """Return the expressions that have proved not to end."""
        return self._blame.hanging

    @property
    def lost(self) -> Mapping[Reason, int]:
        """Return over how many objects a worker was lost, by reason."""
        return self._blame.lost

    async def close(self) -> None:
        """End all workers and wait until they are gone."""
        for worker in tuple(self._alive):
            await self._end(worker)

    async def map_objects(self, plan: Plan, objects: Sequence[RawObject]) -> list[Mapped]:
        """Map objects by a plan, spread over the workers, results in their order.

        Raises:
            FatalError: A worker cannot be started; the message has the last line it wrote.
        """
        found: list[Mapped | None] = [None] * len(objects)
        await self._run(_Job(plan, objects, found, asyncio.Event(), sys.maxsize))
        return [mapped for mapped in found if mapped is not None]

    async def map_into(
        self, plan: Plan, objects: Sequence[RawObject], found: list[Mapped | None], enough: asyncio.Event
    ) -> None:
        """Map objects until all are done or it is enough; at least the first one is done.

        Args:
            plan: The plan.
            objects: The objects, those of a partition in their order.
            found: One None per object; what becomes of them is put there as it comes.
            enough: When set, workers stop behind the object in hand. Set here when there are many changes.

        Raises:
            FatalError: A worker cannot be started; the message has the last line it wrote.
        """
        await self._run(_Job(plan, objects, found, enough, CHANGES_AT_ONCE))

    async def _run(self, job: _Job) -> None:
        start = 0
        tasks = []
        for chunk in plan_chunks(job.objects, self._count):
            tasks.append(asyncio.create_task(self._map_span(_Span(job, start, start + len(chunk)))))
            start += len(chunk)
        try:
            await asyncio.gather(*tasks)
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise

    async def _map_span(self, span: _Span) -> None:
        """Map a span; an object over which a worker is lost is judged, and it goes on behind it."""
        job = span.job
        while span.is_wanted:
            asked = span.start
            try:
                await self._ask(job.plan, span.objects, span.take, partial(self._patience, span))
            except WorkerGoneError as error:
                lost = min(asked + error.place.number, span.end - 1)
                # The answers before it were not sent yet; they took no time, so they are not given up either.
                await self._map_span(_Span(job, span.start, lost, hurried=False))
                span.start = lost
                span.take([await self._judge(job.plan, job.objects[lost], error)])

    async def _judge(self, plan: Plan, raw: RawObject, error: WorkerGoneError) -> Mapped:
        """Return what becomes of an object that a worker was lost over.

        A worker may also be lost over something else (the kernel wants memory, somebody kills it), so the
        object is mapped once more on its own, each expression apart: that names the one to be blamed.
        """
        if error.timed_out and self._blame.is_known(plan, raw.topic):
            return self._blame.charge(plan, raw, error)
        expression_s = max(SHORT_TIMEOUT_S, self._blame.object_timeout_s(plan, raw.topic) / 2)
        patience = Patience(object_s=self._alone_timeout_s, expression_s=expression_s)
        got: list[Mapped] = []
        try:
            await self._ask(plan, [raw], got.extend, lambda: patience, apart=True)
        except WorkerGoneError as again:
            return self._blame.charge(plan, raw, again)
        return got[0]

    def _patience(self, span: _Span) -> Patience | None:
        if not span.is_wanted:
            return None
        enough = span.job.enough if span.hurried else None
        topics = {raw.topic for raw in span.objects}
        object_s = min(self._blame.object_timeout_s(span.job.plan, topic) for topic in topics)
        return Patience(object_s=object_s, expression_s=object_s, enough=enough)

    async def _ask(
        self,
        plan: Plan,
        objects: Sequence[RawObject],
        take: Callable[[list[Mapped]], None],
        patience: Callable[[], Patience | None],
        *,
        apart: bool = False,
    ) -> None:
        """Ask a worker when one is free; only then is `patience` asked, None: it is not wanted any more."""
        worker = await self._idle.get()
        topics = {raw.topic for raw in objects}
        try:
            allowed = patience()
            if allowed is None:
                return
            if worker is None or worker.plan is not plan or not topics <= worker.prepared:
                worker = await self._ready(worker, plan, topics)
            await worker.map_objects(objects, take, allowed, apart=apart)
        except BaseException:
            # Whatever it was, the worker may be in the middle of something.
            if worker is not None:
                await self._end(worker)
            worker = None
            raise
        finally:
            self._idle.put_nowait(worker)

    async def _ready(
        self, worker: WorkerProcess | None, plan: Plan, topics: Collection[str]
    ) -> WorkerProcess:
        """Return a worker that has the plan: this one, or a new one where it was idle and died."""
        if worker is not None:
            try:
                await self._equip(worker, plan, topics)
            except WorkerGoneError:
                await self._end(worker)
            else:
                return worker
        says = ""
        for attempt in range(START_ATTEMPTS + 1):
            worker = WorkerProcess(memory_limit_bytes=self._memory_limit_bytes, engine=self._engine)
            self._alive.add(worker)
            try:
                await worker.start()
                if attempt == START_ATTEMPTS:
                    # What ends it may be an expression: the first object of its topic will find out which.
                    self._blame.leave_unprepared(plan, topics)
                await self._equip(worker, plan, topics)
            except (OSError, WorkerGoneError) as error:
                await self._end(worker)
                says = worker.last_words() or str(error)
            except BaseException:
                await self._end(worker)
                raise
            else:
                return worker
        raise FatalError(f"a JQ worker cannot start: {says}; see that the installation is whole") from None

    async def _equip(self, worker: WorkerProcess, plan: Plan, topics: Collection[str]) -> None:
        if worker.plan is not plan:
            await worker.configure(plan, self._batch_timeout_s)
        new = set(topics) - worker.prepared
        worth = new - self._blame.unprepared(plan)
        entries = [
            entry for topic in worth & plan["topics"].keys() for entry in plan["topics"][topic]["entries"]
        ]
        if worth:
            await worker.prepare(worth, sum(len(entry["texts"]) for entry in entries))
        worker.prepared |= new

    async def _end(self, worker: WorkerProcess) -> None:
        self._alive.discard(worker)
        await worker.stop()


def plan_chunks(objects: Sequence[RawObject], workers: int) -> list[Sequence[RawObject]]:
    """Cut objects into chunks of like numbers, so many that every worker has one, and none too large."""
    most = max(1, min(CHUNK_OBJECTS, -(-len(objects) // workers)))
    chunks: list[Sequence[RawObject]] = []
    start, size_bytes = 0, 0
    for index, raw in enumerate(objects):
        value_bytes = len(raw.value or b"")
        if index > start and (index - start == most or size_bytes + value_bytes > CHUNK_BYTES):
            chunks.append(objects[start:index])
            start, size_bytes = index, 0
        size_bytes += value_bytes
    if start < len(objects):
        chunks.append(objects[start:])
    return chunks
