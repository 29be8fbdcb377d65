"""Reads a topic of one partition from its start on, as nobody's group member."""

from collections.abc import Sequence

from shared.log.interface import Log, OffsetOutOfRangeError, Record, TopicPartition
from shared.topic_scan import PATIENCE_S, RECORDS_PER_READ


class TopicReader:
    """Knows how far it has read; each record is returned once.

    Args:
        log: The log.
        topic: Topic of one partition; it may not be there yet.
    """

    def __init__(self, log: Log, topic: str) -> None:
        self._log = log
        self._topic = topic
        self._at = 0

    async def to_end(self) -> list[Record]:
        """Return the records that are there now and were not returned before."""
        places = await self._log.partitions(self._topic.__eq__)
        if not places:
            return []
        (place,) = places
        end = (await self._log.end_offsets([place]))[place]
        found: list[Record] = []
        while self._at < end:
            records = await self._read(place, PATIENCE_S)
            if not records:
                break
            found += records
        return found

    async def more(self, wait_s: float) -> Sequence[Record]:
        """Return the next records as soon as there are any, none when that takes longer than `wait_s`.

        Raises:
            KeyError: The topic is not there.
        """
        return await self._read(TopicPartition(self._topic, 0), wait_s)

    async def _read(self, place: TopicPartition, wait_s: float) -> list[Record]:
        try:
            records = await self._log.read({place: self._at}, max_records=RECORDS_PER_READ, wait_s=wait_s)
        except OffsetOutOfRangeError as error:
            self._at = error.starts[place]
            records = await self._log.read({place: self._at}, max_records=RECORDS_PER_READ, wait_s=wait_s)
        if records:
            self._at = records[-1].offset + 1
        return records
