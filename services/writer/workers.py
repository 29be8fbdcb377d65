"""Runs jobs side by side, never more than so many."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable

from shared.port.transport import LeavingError

Job = Callable[[], Awaitable["Iterable[Job]"]]
"""Does one thing and returns the jobs that came of it."""


async def run_jobs(jobs: Iterable[Job], *, concurrency: int, leaving: asyncio.Event) -> None:
    """Run all jobs, or stop starting them once `leaving` is set.

    Raises:
        PagerportError: What a job raised first; the others are cancelled.
    """
    queue = deque(jobs)

    async def work() -> None:
        while queue and not leaving.is_set():
            try:
                queue.extend(await queue.popleft()())
            except LeavingError:
                return

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(concurrency, len(queue))):
                group.create_task(work())
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
