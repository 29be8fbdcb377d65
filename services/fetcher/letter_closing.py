"""Closes dead letters by their addresses."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from schemas.refresh_request import RefreshCause
from schemas.topics import DLQ_PREFIX
from shared.dead_letters import Resolution, closing_record
from shared.log.interface import Log, NewRecord, Record, TopicPartition
from shared.topic_scan import read_one

_NUMBER: Final = re.compile("[0-9]{1,18}")


def resolution_for(cause: RefreshCause) -> Resolution:
    """Return how a letter is closed when its object was asked for with that cause."""
    return Resolution.HEALED if cause is RefreshCause.HEAL else Resolution.REDRIVEN


async def close_letters(log: Log, letters: Mapping[str, RefreshCause], resolved_at: datetime) -> int:
    """Close those letters that are still there, and return how many those were.

    Args:
        log: The log.
        letters: Address `<dlq topic>/<partition>/<offset>` to the reason why its object was asked for.
        resolved_at: Now.
    """
    closing: list[NewRecord] = []
    for address, cause in letters.items():
        record = await _read(log, address)
        if record is not None:
            closing.append(closing_record(record, resolution_for(cause), resolved_at=resolved_at))
    if closing:
        await log.append(closing)
    return len(closing)


async def _read(log: Log, address: str) -> Record | None:
    """Return the record at an address; None: it is none, or forgotten (it was closed long ago)."""
    topic, _, rest = address.partition("/")
    partition, _, offset = rest.partition("/")
    if not topic.startswith(DLQ_PREFIX) or not _NUMBER.fullmatch(partition) or not _NUMBER.fullmatch(offset):
        return None
    place = TopicPartition(topic, int(partition))
    if place not in await log.partitions(topic.__eq__):
        return None
    return await read_one(log, place, int(offset))
