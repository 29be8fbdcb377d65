"""Reads a range of `port.entities` to its end, in chunks, and never takes a part of it for the whole."""

from collections.abc import AsyncIterator, Mapping

from shared.log.interface import Log, OffsetOutOfRangeError, Record, TopicPartition

CHUNK_RECORDS = 1000
_WAIT_S = 5.0
_EMPTY_READS = 6
"""In a row, each as long as the wait: records that lie below an end offset are there."""


class RangeLostError(Exception):
    """A part of the range cannot be read (any more); the message says why."""


async def read_range(
    log: Log, starts: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
) -> AsyncIterator[list[Record]]:
    """Yield the records from the starts up to the ends, per partition in their order.

    Args:
        log: The log.
        starts: First offset per partition; one that is missing begins at 0.
        ends: The offset behind the last one.

    Raises:
        RangeLostError: Records were forgotten before they were read, or do not come.
    """
    at = {place: starts.get(place, 0) for place in ends}
    empty = 0
    while waiting := {place: offset for place, offset in at.items() if offset < ends[place]}:
        try:
            records = await log.read(waiting, max_records=CHUNK_RECORDS, wait_s=_WAIT_S)
        except OffsetOutOfRangeError:
            raise RangeLostError(
                "the log has forgotten a part of what the run published: keep records longer than a run takes"
            ) from None
        empty = 0 if records else empty + 1
        if empty == _EMPTY_READS:
            raise RangeLostError("the log does not give all that the run published")
        for record in records:
            at[record.place] = record.offset + 1
        yield [record for record in records if record.offset < ends[record.place]]
