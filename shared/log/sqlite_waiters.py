"""Lets readers wait for records of some partitions."""

import asyncio
from collections.abc import Iterable

from shared.log.interface import TopicPartition


class Waiters:
    """Readers at the end of their partitions."""

    def __init__(self) -> None:
        self._waiters: dict[asyncio.Future[None], frozenset[TopicPartition]] = {}

    async def wait(self, places: frozenset[TopicPartition], deadline_s: float) -> bool:
        """Wait until one of the partitions is woken; False: the loop's clock has reached the deadline."""
        loop = asyncio.get_running_loop()
        if loop.time() >= deadline_s:
            return False
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiters[waiter] = places
        timer = loop.call_at(deadline_s, waiter.cancel)
        try:
            await asyncio.wait((waiter,))
        finally:
            timer.cancel()
            del self._waiters[waiter]
        return not waiter.cancelled()

    def wake(self, places: Iterable[TopicPartition]) -> None:
        """Wake whoever waits for one of the partitions."""
        for waiter, wanted in self._waiters.items():
            if not waiter.done() and not wanted.isdisjoint(places):
                waiter.set_result(None)

    def wake_all(self) -> None:
        """Wake everybody."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
