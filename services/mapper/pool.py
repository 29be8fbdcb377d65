"""Maps batches in worker processes; an object that hangs or kills a worker costs only itself."""

import asyncio
from collections.abc import Sequence
from typing import Final, Self

from schemas.outcome import Count, Reason
from services.mapper.evaluate import Failed
from services.mapper.mapped import Mapped, RawObject
from services.mapper.plan_shape import Plan
from services.mapper.worker_process import MEMORY_LIMIT_BYTES, WorkerGoneError, WorkerProcess
from shared.errors import FatalError

CHUNK_OBJECTS: Final = 200
"""Most objects a worker gets at once: all of them share one deadline."""
CHUNK_BYTES: Final = 8 * 1024 * 1024
START_ATTEMPTS: Final = 2
"""One start may end because somebody kills the process; two in a row have a cause that stays."""
_ALONE_SHARE: Final = 6
_ALONE_LEAST_S: Final = 1.0


class WorkerPool:
    """A fixed number of workers, started when they are first needed. Use as an async context manager."""

    def __init__(
        self, workers: int, *, batch_timeout_s: float, memory_limit_bytes: int = MEMORY_LIMIT_BYTES
    ) -> None:
        self._count = workers
        self._batch_timeout_s = batch_timeout_s
        self._alone_timeout_s = min(batch_timeout_s, max(_ALONE_LEAST_S, batch_timeout_s / _ALONE_SHARE))
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

    async def close(self) -> None:
        """End all workers and wait until they are gone."""
        for worker in tuple(self._alive):
            await self._end(worker)

    async def map_objects(self, plan: Plan, objects: Sequence[RawObject]) -> list[Mapped]:
        """Map objects by a plan, spread over the workers, results in their order.

        Raises:
            FatalError: A worker cannot be started; the message has the last line it wrote.
        """
        chunks = plan_chunks(objects, self._count)
        tasks = [asyncio.create_task(self._map_chunk(plan, chunk)) for chunk in chunks]
        try:
            results = await asyncio.gather(*tasks)
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise
        return [mapped for chunk in results for mapped in chunk]

    async def _map_chunk(
        self, plan: Plan, objects: Sequence[RawObject], *, suspected: bool = False
    ) -> list[Mapped]:
        """Map a chunk; when a worker is lost over it, find the object that did it and map the others again.

        A worker may also die of something else (the kernel wants memory, somebody kills it), so an object is
        blamed for a death only when a second worker dies over it alone.
        """
        alone = len(objects) == 1
        try:
            return await self._ask(plan, objects, self._alone_timeout_s if alone else self._batch_timeout_s)
        except WorkerGoneError as error:
            if alone and (suspected or error.timed_out):
                return [_lost(error, self._alone_timeout_s)]
            if alone:
                return await self._map_chunk(plan, objects, suspected=True)
            at = min(error.index, len(objects) - 1)
        parts = [part for part in (objects[:at], objects[at : at + 1], objects[at + 1 :]) if part]
        return [mapped for part in parts for mapped in await self._map_chunk(plan, part)]

    async def _ask(self, plan: Plan, objects: Sequence[RawObject], timeout_s: float) -> list[Mapped]:
        worker = await self._idle.get()
        try:
            if worker is None or worker.plan is not plan:
                worker = await self._ready(worker, plan)
            return await worker.map_objects(objects, timeout_s)
        except BaseException:
            # Whatever it was, the worker may be in the middle of something.
            if worker is not None:
                await self._end(worker)
            worker = None
            raise
        finally:
            self._idle.put_nowait(worker)

    async def _ready(self, worker: WorkerProcess | None, plan: Plan) -> WorkerProcess:
        """Return a worker that has the plan: this one, or a new one where it was idle and died."""
        if worker is not None:
            try:
                await worker.configure(plan, self._batch_timeout_s)
            except WorkerGoneError:
                await self._end(worker)
            else:
                return worker
        says = ""
        for _ in range(START_ATTEMPTS):
            worker = WorkerProcess(memory_limit_bytes=self._memory_limit_bytes)
            self._alive.add(worker)
            try:
                await worker.start()
                await worker.configure(plan, self._batch_timeout_s)
            except (OSError, WorkerGoneError) as error:
                await self._end(worker)
                says = worker.last_words() or str(error)
            except BaseException:
                await self._end(worker)
                raise
            else:
                return worker
        raise FatalError(f"a JQ worker cannot start: {says}; see that the installation is whole") from None

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


def _lost(error: WorkerGoneError, timeout_s: float) -> Mapped:
    mapped = Mapped()
    if error.timed_out:
        detail = f"the expressions did not end within {timeout_s:g} s"
        mapped.failures.append(Failed(Reason.JQ_TIMEOUT, detail, -1))
    else:
        mapped.failures.append(Failed(Reason.JQ_CRASH, "the expressions ended the JQ process", -1))
    mapped.count(Count.FAILED)
    return mapped
