"""Runs jobs side by side, never more than so many."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from shared.port.call import LeavingError

Job = Callable[[], Awaitable["Iterable[Job]"]]
"""Does one thing and returns the jobs that came of it."""


async def run_jobs(jobs: Iterable[Job], *, concurrency: int, leaving: asyncio.Event) -> None:
    """Run all jobs, or stop starting them once `leaving` is set.

    Raises:
        PagerportError: What a job raised first; the others are cancelled.
    """
    slots = asyncio.Semaphore(concurrency)

    async def work(job: Job) -> None:
        async with slots:
            if leaving.is_set():
                return
            try:
                more = await job()
            except LeavingError:
                return
        for one in more:
            group.create_task(work(one))

    try:
        async with asyncio.TaskGroup() as group:
            for job in jobs:
                group.create_task(work(job))
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
