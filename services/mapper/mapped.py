"""Holds what goes into the mapping of one object and what comes out of it."""

from dataclasses import dataclass, field

from schemas.outcome import Count
from services.mapper.evaluate import Failed, Omission


@dataclass(frozen=True, slots=True)
class RawObject:
    """A record of a raw topic, its headers read.

    Attributes:
        topic: Raw topic.
        partition: Its partition.
        offset: Its offset.
        object_id: Record key.
        deleted: The object is gone; `value` is the best body known.
        omitted: Enrichment keys that could not be had this time.
        value: JSON of the object; None: only its id is known.
        in_run: A run has it mapped: what only a previous mapping made of it is proposed for delete.
    """

    topic: str
    partition: int
    offset: int
    object_id: str
    deleted: bool
    omitted: tuple[str, ...]
    value: bytes | None
    in_run: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """An entity change, ready to be published: record key, operation, EntityChange as JSON."""

    key: str
    operation: str
    value: bytes


@dataclass(slots=True)
class Mapped:
    """What became of one object."""

    counts: dict[str, int] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    failures: list[Failed] = field(default_factory=list)
    omissions: list[Omission] = field(default_factory=list)

    def count(self, count: Count, number: int = 1) -> None:
        """Add to a counter."""
        if number:
            self.counts[count.value] = self.counts.get(count.value, 0) + number
