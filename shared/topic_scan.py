"""Reads partitions from their start to where they end now, as nobody's group member."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

from shared.log.interface import Log, OffsetOutOfRangeError, Record, TopicPartition

RECORDS_PER_READ: Final = 500
PATIENCE_S: Final = 5.0
"""Longest wait for a record that must be there: a broker needs a round trip, a file none."""


async def scan(
    log: Log, places: Sequence[TopicPartition], starts: Mapping[TopicPartition, int] | None = None
) -> AsyncIterator[Sequence[Record]]:
    """Yield the records in lists, in offset order per partition.

    Args:
        log: The log.
        places: Partitions that exist.
        starts: First offset to read; where one is missing or forgotten, the first one there is.
    """
    ends = await log.end_offsets(list(places))
    at = {place: (starts or {}).get(place, 0) for place in places}
    while waiting := {place: offset for place, offset in at.items() if offset < ends[place]}:
        try:
            records = await log.read(waiting, max_records=RECORDS_PER_READ, wait_s=PATIENCE_S)
        except OffsetOutOfRangeError as error:
            at.update(error.starts)
            continue
        if not records:
            # What is left has been forgotten: there is nothing before the end.
            return
        for record in records:
            at[record.place] = record.offset + 1
        yield [record for record in records if record.offset < ends[record.place]]


async def read_one(log: Log, place: TopicPartition, offset: int) -> Record | None:
    """Return the record at an offset; None: the log has forgotten it, or never had it."""
    if offset < 0 or offset >= (await log.end_offsets([place]))[place]:
        return None
    try:
        records = await log.read({place: offset}, max_records=1, wait_s=PATIENCE_S)
    except OffsetOutOfRangeError:
        return None
    return records[0] if records and records[0].offset == offset else None
