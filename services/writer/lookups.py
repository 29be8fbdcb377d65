"""Looks several blueprints up side by side, and gives each as soon as it is known."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

from shared.port.call import LeavingError

PROMPT_S = 0.5
"""Most answers take less, and all at once make for full calls; what takes longer is not waited for."""

ShapeT = TypeVar("ShapeT")


class Lookups(Generic[ShapeT]):
    """Lookups under way; false once all have been given.

    Args:
        tasks: Lookup to the blueprint that it is about.
        leaving: Ends the waiting.
    """

    def __init__(self, tasks: dict[asyncio.Task[ShapeT], str], leaving: asyncio.Event) -> None:
        self._tasks = tasks
        self._leaving = leaving
        self._is_first = True

    def __bool__(self) -> bool:
        return bool(self._tasks)

    async def found(self, *, may_wait: bool) -> list[tuple[str, ShapeT]]:
        """Return what has become known since the last time.

        Args:
            may_wait: There is nothing else to do until something becomes known.

        Raises:
            PagerportError: What a lookup raised.
        """
        if not self._tasks:
            return []
        if self._is_first:
            self._is_first = False
            await asyncio.wait(self._tasks, timeout=PROMPT_S)
        if may_wait and not any(task.done() for task in self._tasks):
            await self._wait()
        done = [task for task in self._tasks if task.done()]
        try:
            return [(self._tasks.pop(task), task.result()) for task in done]
        except LeavingError:
            return []

    async def _wait(self) -> None:
        left = asyncio.ensure_future(self._leaving.wait())
        try:
            await asyncio.wait({left, *self._tasks}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            left.cancel()


@asynccontextmanager
async def lookups(
    blueprints: Iterable[str],
    get: Callable[[str, asyncio.Event], Awaitable[ShapeT]],
    leaving: asyncio.Event,
) -> AsyncIterator[Lookups[ShapeT]]:
    """Look blueprints up for the time of the block.

    Args:
        blueprints: What is looked up.
        get: Looks one up; may raise `LeavingError` once we are to leave.
        leaving: Ends the waiting.
    """

    async def one(blueprint: str) -> ShapeT:
        return await get(blueprint, leaving)

    tasks = {asyncio.create_task(one(blueprint)): blueprint for blueprint in sorted(blueprints)}
    started = list(tasks)
    try:
        yield Lookups(tasks, leaving)
    finally:
        for task in started:
            task.cancel()
        await asyncio.gather(*started, return_exceptions=True)
