"""Holds positions against what the embedded log has: which lie outside, and how much one read may take."""

from collections.abc import Mapping

from shared.log.fair_shares import fair_shares
from shared.log.interface import OffsetOutOfRangeError, TopicPartition
from shared.log.sqlite_store import Lane
from shared.log.turns import Turns

Lanes = Mapping[TopicPartition, Lane]


def outside(lanes: Lanes, positions: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
    """Return, for each partition whose position cannot be read from, the first offset that can."""
    return {
        place: lanes[place].start
        for place, position in positions.items()
        if not lanes[place].start <= position <= lanes[place].end
    }


def refuse_outside(lanes: Lanes, positions: Mapping[TopicPartition, int]) -> None:
    """Return if all positions can be read from.

    Raises:
        OffsetOutOfRangeError: Some cannot.
    """
    starts = outside(lanes, positions)
    if starts:
        raise OffsetOutOfRangeError(starts)


def share(
    lanes: Lanes, positions: Mapping[TopicPartition, int], turns: Turns, max_records: int
) -> list[tuple[TopicPartition, int, int]]:
    """Return partition, position and count of what to read now, least recently served first."""
    ready = turns.in_order(place for place, position in positions.items() if lanes[place].end > position)
    shares = fair_shares([lanes[place].end - positions[place] for place in ready], max_records)
    return [(place, positions[place], count) for place, count in zip(ready, shares, strict=True) if count]
