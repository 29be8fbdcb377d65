"""Packs entities into as few bulk upserts as Port's limits allow."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from services.writer.change import EntityFlags

ENVELOPE_BYTES = len(b'{"entities":[]}')
_COMMA_BYTES = 1

ItemT = TypeVar("ItemT")


class Packed(NamedTuple, Generic[ItemT]):
    """An entity that is to be sent.

    Attributes:
        item: Whatever the caller knows it by.
        flags: Entities of one bulk have the same.
        name: Its identity within the blueprint; no bulk holds the same one twice.
        body: The entity as JSON.
    """

    item: ItemT
    flags: EntityFlags
    name: str
    body: bytes


@dataclass(slots=True)
class Bulk(Generic[ItemT]):
    """The entities of one call, in their order."""

    flags: EntityFlags
    entities: list[Packed[ItemT]] = field(default_factory=list)
    size_bytes: int = ENVELOPE_BYTES
    names: set[str] = field(default_factory=set)

    def add(self, entity: Packed[ItemT]) -> None:
        """Take in one entity more."""
        self.size_bytes += len(entity.body) + (_COMMA_BYTES if self.entities else 0)
        self.entities.append(entity)
        self.names.add(entity.name)

    def halves(self) -> "tuple[Bulk[ItemT], Bulk[ItemT]]":
        """Return two bulks of the same entities."""
        first, second = Bulk[ItemT](self.flags), Bulk[ItemT](self.flags)
        middle = len(self.entities) // 2
        for index, entity in enumerate(self.entities):
            (first if index < middle else second).add(entity)
        return first, second


def single(flags: EntityFlags, entity: Packed[ItemT]) -> Bulk[ItemT]:
    """Return a bulk of one entity."""
    bulk = Bulk[ItemT](flags)
    bulk.add(entity)
    return bulk


def fits(body: bytes, limit_bytes: int) -> bool:
    """Whether an entity can be sent at all."""
    return ENVELOPE_BYTES + len(body) <= limit_bytes


def plan_bulks(
    entities: Iterable[Packed[ItemT]], *, limit_entities: int, limit_bytes: int
) -> list[Bulk[ItemT]]:
    """Return bulks that hold every entity once; those of one name stay in their order.

    Args:
        entities: Each fits by itself.
        limit_entities: Most entities of a bulk.
        limit_bytes: Most bytes of its body.
    """
    bulks: list[Bulk[ItemT]] = []
    open_bulks: dict[EntityFlags, Bulk[ItemT]] = {}
    for entity in entities:
        bulk = open_bulks.get(entity.flags)
        if (
            bulk is None
            or len(bulk.entities) >= limit_entities
            or bulk.size_bytes + len(entity.body) + _COMMA_BYTES > limit_bytes
            or entity.name in bulk.names
        ):
            bulk = open_bulks[entity.flags] = Bulk(entity.flags)
            bulks.append(bulk)
        bulk.add(entity)
    return bulks
