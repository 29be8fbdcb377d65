"""Stands in for the runtime where a test drives a member of a group by hand."""

import asyncio

from shared.log.interface import Assignment, Record, TopicPartition
from tests.kafka.cluster import DEADLINE_S


class Ears:
    """Notes what a member hears."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def on_assigned(self, partitions: frozenset[TopicPartition]) -> None:
        self.heard.append(f"assigned {len(partitions)}")

    async def on_revoked(self, partitions: frozenset[TopicPartition]) -> None:
        self.heard.append(f"revoked {len(partitions)}")


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
