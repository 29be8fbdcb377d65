"""Knows which partitions were served least recently, so that none starves."""

from collections.abc import Iterable
from itertools import count

from shared.log.interface import TopicPartition


class Turns:
    """The turns of the partitions that one reader takes from."""

    def __init__(self) -> None:
        self._served: dict[TopicPartition, int] = {}
        self._serving = count(1)

    def in_order(self, places: Iterable[TopicPartition]) -> list[TopicPartition]:
        """Return partitions, those first that were served least recently."""
        return sorted(places, key=lambda place: self._served.get(place, 0))

    def serve(self, place: TopicPartition) -> None:
        """Note that something was taken from a partition."""
        self._served[place] = next(self._serving)
