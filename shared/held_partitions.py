"""Remembers which partitions are held at a record that must not be handled here, and says why, once."""

import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from shared.installations import Foreign, held_line
from shared.log.interface import Record, TopicPartition

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Newer:
    """A record of a schema version that this release does not know: it stays where it is.

    Attributes:
        version: The version it has.
    """

    version: int


def says_held(record: Record, why: Newer | Foreign, *, stage: str, identifier: str) -> str:
    """Return the line that says at which record a partition is held, and what to do.

    Args:
        record: The record.
        why: It stays where it is.
        stage: What is to be upgraded for newer records: `fetcher`, `mapper`, `writer`.
        identifier: Integration identifier of this installation.
    """
    if isinstance(why, Foreign):
        return held_line(record, why, identifier)
    return (
        f"{record.topic}/{record.partition} is held at offset {record.offset}: schema version {why.version} "
        f"is newer than this release; upgrade the {stage}"
    )


class HeldPartitions:
    """Those of one stage, also ones that have gone to another process since.

    Args:
        stage: What is to be upgraded for newer records: `mapper`, `writer`.
        identifier: Integration identifier of this installation.
    """

    def __init__(self, stage: str, identifier: str) -> None:
        self._stage = stage
        self._identifier = identifier
        self._lines: dict[TopicPartition, str] = {}

    def hold(self, record: Record, why: Newer | Foreign) -> None:
        """Hold a partition at a record; it is handed in again and again, and said once."""
        line = says_held(record, why, stage=self._stage, identifier=self._identifier)
        if self._lines.get(record.place) != line:
            self._lines[record.place] = line
            logger.error(line)

    def release(self, places: Iterable[TopicPartition]) -> None:
        """Note that partitions go on."""
        for place in places:
            self._lines.pop(place, None)

    def why(self, owned: Collection[TopicPartition]) -> str:
        """Return why one of our partitions is held (readiness); empty: none is."""
        return next((line for place, line in self._lines.items() if place in owned), "")
