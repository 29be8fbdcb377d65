"""Decides where the embedded log's blocking calls run: in a thread of their own, or in place."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Worker(Protocol):
    """Runs one blocking call at a time, in the order of asking."""

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run the call and return what it returns."""

    def close(self) -> None:
        """End the worker once nothing is running."""


class ThreadWorker:
    """For a durable log: waiting for the disk never blocks the event loop."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="log")

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run the call in the thread."""
        return await asyncio.wrap_future(self._executor.submit(call, *args, **kwargs))

    def close(self) -> None:
        """End the thread."""
        self._executor.shutdown()


class InlineWorker:
    """For a temporary log: nothing waits for the disk, so a thread would only cost its switches.

    A thread that shares the interpreter lock with a busy event loop waits up to 5 ms (the switch interval)
    for each SQLite call that gave the lock away.
    """

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run the call here, after the other tasks had their turn."""
        await asyncio.sleep(0)
        return call(*args, **kwargs)

    def close(self) -> None:
        """Do nothing: there is no thread."""
