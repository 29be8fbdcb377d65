"""Holds one blueprint with its compiled rules and its entities in order of creation."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from operator import itemgetter
from typing import Any

from simulators.port.blueprint_rules import with_defaults
from simulators.port.entity_rules import EntityRules
from simulators.port.stored import StoredEntity


class Shelf:
    """A blueprint and its entities.

    Args:
        blueprint: A checked definition.
    """

    def __init__(self, blueprint: Mapping[str, Any]) -> None:
        self.entities: dict[str, StoredEntity] = {}
        self._order: list[tuple[int, str]] | None = []
        self.define(blueprint)

    def define(self, blueprint: Mapping[str, Any]) -> None:
        """Takes another definition; entities already stored are not judged again."""
        self.blueprint = with_defaults(blueprint)
        self.rules = EntityRules(self.blueprint)

    def put(self, entity: StoredEntity) -> None:
        """Keeps this version in place of the one before."""
        if self._order is not None and entity.identifier not in self.entities:
            self._order.append((entity.sequence, entity.identifier))
        self.entities[entity.identifier] = entity

    def drop(self, identifier: str) -> None:
        """Forgets an entity."""
        self._order = None
        del self.entities[identifier]

    def after(self, sequence: int) -> Iterator[StoredEntity]:
        """Gives the entities created after the one of that sequence, oldest first."""
        if self._order is None:
            self._order = sorted((entity.sequence, name) for name, entity in self.entities.items())
        order = self._order
        start = bisect_right(order, sequence, key=itemgetter(0))
        return (self.entities[order[index][1]] for index in range(start, len(order)))
