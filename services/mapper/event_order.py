"""Remembers up to when each entity is known by events, so that one that comes late does not take it back."""

from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime
from typing import Final

ENTITIES_KEPT: Final = 20_000
"""A few megabytes. Beyond it the entities that no event has changed for longest are forgotten."""


class EventOrder:
    """The newest event of each entity, of the entities that events have changed last.

    Args:
        limit: Most entities that are remembered.
    """

    def __init__(self, limit: int = ENTITIES_KEPT) -> None:
        self._limit = limit
        self._newest: OrderedDict[str, datetime] = OrderedDict()

    def is_late(self, key: str, at: datetime) -> bool:
        """Return whether an event that occurred later has changed the entity."""
        newest = self._newest.get(key)
        return newest is not None and at < newest

    def note(self, changed: Mapping[str, datetime]) -> None:
        """Take over which entities were changed by events, and when the newest of these occurred."""
        for key, at in changed.items():
            self._newest[key] = max(at, self._newest.get(key, at))
            self._newest.move_to_end(key)
        while len(self._newest) > self._limit:
            self._newest.popitem(last=False)


class BatchOrder:
    """What the events of a batch change, until it is known that the log has it.

    Args:
        before: What events before have changed.

    Attributes:
        changed: Entities, and when the newest event occurred that changes them.
        late: Changes that came too late.
    """

    def __init__(self, before: EventOrder) -> None:
        self.changed: dict[str, datetime] = {}
        self.late = 0
        self._before = before

    def takes(self, key: str, at: datetime | None) -> bool:
        """Return whether an event may change an entity.

        Args:
            key: The entity.
            at: When the event occurred; None: it does not say, and may.
        """
        if at is None:
            return True
        if self._before.is_late(key, at) or at < self.changed.get(key, at):
            self.late += 1
            return False
        self.changed[key] = at
        return True
