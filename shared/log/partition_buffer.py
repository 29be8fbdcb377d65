"""Holds records that were fetched and not handed on yet, and hands them on fairly over the partitions."""

from collections import deque
from collections.abc import Iterable, Sequence

from shared.log.fair_shares import fair_shares
from shared.log.interface import Record, TopicPartition
from shared.log.turns import Turns


class PartitionBuffer:
    """Records per partition, in offset order."""

    def __init__(self) -> None:
        self._lanes: dict[TopicPartition, deque[Record]] = {}
        self._turns = Turns()

    def __len__(self) -> int:
        return sum(map(len, self._lanes.values()))

    def __bool__(self) -> bool:
        return bool(self._lanes)

    @property
    def places(self) -> frozenset[TopicPartition]:
        """Return the partitions that have records here."""
        return frozenset(self._lanes)

    def first_offset(self, place: TopicPartition) -> int | None:
        """Return the offset of the partition's next record here; None: there is none."""
        lane = self._lanes.get(place)
        return lane[0].offset if lane else None

    def put(self, place: TopicPartition, records: Sequence[Record]) -> None:
        """Add records behind those of the partition that are here."""
        if records:
            self._lanes.setdefault(place, deque()).extend(records)

    def drop(self, places: Iterable[TopicPartition]) -> None:
        """Forget the records of partitions."""
        for place in places:
            self._lanes.pop(place, None)

    def clear(self) -> None:
        """Forget everything."""
        self._lanes.clear()

    def take(self, limit: int) -> list[Record]:
        """Take out up to so many records; who was served least recently comes first."""
        ready = self._turns.in_order(self._lanes)
        shares = fair_shares([len(self._lanes[place]) for place in ready], limit)
        taken: list[Record] = []
        for place, share in zip(ready, shares, strict=True):
            if not share:
                continue
            lane = self._lanes[place]
            taken += [lane.popleft() for _ in range(share)]
            self._turns.serve(place)
            if not lane:
                del self._lanes[place]
        return taken
