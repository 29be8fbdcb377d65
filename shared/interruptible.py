"""Holds the wait of one task, which others may cut short."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Interruptible:
    """The waits of one task, one after another."""

    def __init__(self) -> None:
        self._waiting: asyncio.Task[Any] | None = None

    def interrupt(self) -> None:
        """End the wait that is under way, if there is one."""
        if self._waiting is not None:
            self._waiting.cancel()

    async def wait(self, wait: Coroutine[Any, Any, T]) -> T | None:
        """Return the result of a wait, or None when it was cut short."""
        task = asyncio.ensure_future(wait)
        self._waiting = task
        try:
            await asyncio.wait((task,))
        finally:
            self._waiting = None
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        return None if task.cancelled() else task.result()
