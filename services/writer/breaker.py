"""Lets so many live deletes of a blueprint pass in ten minutes, so that a fault upstream cannot empty it."""

import asyncio
import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from shared.delete_window import WINDOW_MIN, DeleteWindow
from shared.log.interface import Clock
from shared.port.client import PortClient

LEAST: Final = 20
"""Live deletes of a blueprint that always pass in ten minutes."""
FRACTION: Final = 0.05
"""Part of a blueprint's entities that passes where that is more."""


def allowance(entities: int, *, owned: int, partitions: int) -> int:
    """Return how many live deletes of a blueprint a writer lets pass in ten minutes, at least one.

    Args:
        entities: What the blueprint has.
        owned: Partitions of the entity topic that this writer has: the others have their share.
        partitions: All of them.
    """
    whole = max(LEAST, math.floor(entities * FRACTION))
    return max(1, math.ceil(whole * owned / partitions))


@dataclass(slots=True, kw_only=True)
class Breaker:
    """Judges the live deletes of one batch.

    What is held counts, too: while deletes go on coming in at too high a rate, none of them passes.

    Attributes:
        windows: What is committed for each partition of this writer.
        owned: How many of the partitions this process has.
        partitions: Number of all partitions of the topic.
        minute: Minutes since the epoch.
        judged: Deletes of this batch so far, by blueprint.
        passed: Places in the batch of those that passed: what is tried again is not judged again.
        held: Deletes of this batch that did not pass, by blueprint.
        lanes: The newest breaker of each member of the group in this process, this one among them: they count
            together.
    """

    windows: Collection[DeleteWindow]
    owned: int
    partitions: int
    minute: int
    judged: Counter[str] = field(default_factory=Counter)
    passed: set[int] = field(default_factory=set)
    held: Counter[str] = field(default_factory=Counter)
    lanes: Collection["Breaker"] = ()

    def judge(self, blueprint: str, places: Sequence[int], entities: int) -> int:
        """Return how many of some deletes pass, the first ones; the others are held.

        Args:
            blueprint: Of the entities.
            places: The deletes, by place in the batch.
            entities: How many the blueprint has.
        """
        passing = max(0, self.limit(entities) - self._before(blueprint))
        self.judged[blueprint] += len(places)
        self.passed.update(places[:passing])
        self.held[blueprint] += len(places[passing:])
        return min(passing, len(places))

    def limit(self, entities: int) -> int:
        """Return how many live deletes of a blueprint with so many entities pass in ten minutes."""
        return allowance(entities, owned=self.owned, partitions=self.partitions)

    def is_surely_within(self, blueprint: str, wanted: int) -> bool:
        """Whether some deletes pass however few entities the blueprint has."""
        return self._before(blueprint) + wanted <= self.limit(0)

    def known(self, blueprint: str, minute: int) -> int:
        """Return how many deletes this breaker knows of in the ten minutes up to a minute."""
        judged = self.judged[blueprint] if minute - self.minute < WINDOW_MIN else 0
        return sum(window.number(blueprint, minute) for window in self.windows) + judged

    def _before(self, blueprint: str) -> int:
        others = (one for one in self.lanes if one is not self)
        return sum(one.known(blueprint, self.minute) for one in (self, *others))


class Sizes:
    """How many entities blueprints have, asked of Port at most every ten minutes.

    Args:
        port: Is asked.
        clock: Monotonic seconds.
    """

    def __init__(self, port: PortClient, clock: Clock) -> None:
        self._port = port
        self._clock = clock
        self._kept: dict[str, tuple[float, int]] = {}

    async def get(self, blueprint: str, leaving: asyncio.Event) -> int:
        """Return the number of a blueprint's entities; 0: Port does not tell.

        Raises:
            LeavingError, FatalError: See `PortClient`.
        """
        kept = self._kept.get(blueprint)
        if kept is not None and self._clock() - kept[0] < WINDOW_MIN * 60:
            return kept[1]
        number = await self._port.count_entities(blueprint, leaving=leaving)
        if number is None:
            return 0
        self._kept[blueprint] = (self._clock(), number)
        return number
