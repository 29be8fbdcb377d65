"""Waits for a stage: its committed offsets are past the ends noted before."""

import asyncio
from collections.abc import Mapping

from schemas.topics import RAW_PREFIX
from shared.groups import MAPPER_GROUP
from shared.log.interface import Log, Sleep, TopicPartition
from shared.progress import Progress


class Barrier:
    """The look at what groups have committed.

    Args:
        log: The log.
        poll_s: Seconds between two looks.
        sleep: Waits for seconds.
    """

    def __init__(self, log: Log, *, poll_s: float, sleep: Sleep = asyncio.sleep) -> None:
        self._log = log
        self._poll_s = poll_s
        self._sleep = sleep

    async def passed(self, group: str, ends: Mapping[TopicPartition, int]) -> None:
        """Return when the group has committed past all ends. An end of 0 needs no commit."""
        waited_for = {place: end for place, end in ends.items() if end}
        while waited_for:
            committed = await self._log.committed(group, list(waited_for))
            waited_for = {
                place: end
                for place, end in waited_for.items()
                if place not in committed or committed[place].offset < end
            }
            if waited_for:
                await self._sleep(self._poll_s)

    async def remapped(self, version: int, ends: Mapping[TopicPartition, int]) -> None:
        """Return when every raw partition stands at a version of the mapping, and past the ends given.

        The offset alone tells nothing: before a partition is rewound it lies behind the end.

        Args:
            version: The version; a newer one will do.
            ends: Ends of the partitions that are mapped again.
        """
        places = await self._log.partitions(lambda topic: topic.startswith(RAW_PREFIX))
        standing = await self._log.end_offsets(places)
        waited_for = {place: ends.get(place, 0) for place, end in standing.items() if end}
        while waited_for:
            committed = await self._log.committed(MAPPER_GROUP, list(waited_for))
            waited_for = {
                place: end
                for place, end in waited_for.items()
                if place not in committed
                or committed[place].offset < end
                or Progress.decode(committed[place].metadata).mapping_version < version
            }
            if waited_for:
                await self._sleep(self._poll_s)
