"""Stands in for the runtime where a test drives a member of a group by hand."""

import asyncio

from shared.log.interface import Assignment, Record, TopicPartition
from tests.kafka.cluster import DEADLINE_S


class Ears:
    """Notes what a member hears."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self._heard = asyncio.Event()

    async def on_assigned(self, partitions: frozenset[TopicPartition]) -> None:
        self._hear(f"assigned {len(partitions)}")

    async def on_revoked(self, partitions: frozenset[TopicPartition]) -> None:
        self._hear(f"revoked {len(partitions)}")

    async def hears(self, news: str) -> None:
        """Return when these are the latest news."""
        async with asyncio.timeout(DEADLINE_S):
            while self.heard[-1:] != [news]:
                self._heard.clear()
                await self._heard.wait()

    def _hear(self, news: str) -> None:
        self.heard.append(news)
        self._heard.set()


async def read_on(
    member: Assignment, positions: dict[TopicPartition, int], count: int, *, max_records: int = 500
) -> list[Record]:
    """Read so many records and move the positions behind them."""
    records: list[Record] = []
    async with asyncio.timeout(DEADLINE_S):
        while len(records) < count:
            for record in await member.read(positions, max_records=max_records, wait_s=1.0):
                assert record.offset >= positions[record.place]
                positions[record.place] = record.offset + 1
                records.append(record)
    return records
