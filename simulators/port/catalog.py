"""Holds blueprints and entities, who points at whom, what was written, and every version of every entity."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any, Literal

from simulators.port.answers import not_found
from simulators.port.shelf import Shelf
from simulators.port.stored import StoredEntity, Writer

EntityKey = tuple[str, str]
"""Blueprint identifier and entity identifier."""

Change = Literal["created", "updated", "placeholder", "deleted"]

# Every organisation has these two; they are no part of a state and cannot be given placeholders.
# Source: Port API, OpenAPI, create_missing_related_entities
SYSTEM_BLUEPRINTS = ("_user", "_team")


@dataclass(slots=True)
class WriteCounts:
    """What was stored; a refused write counts nowhere."""

    entity_writes: int = 0
    entities_created: int = 0
    entities_updated: int = 0
    entities_deleted: int = 0
    placeholders_created: int = 0
    blueprint_writes: int = 0


class Catalog:
    """The software catalog of one organisation.

    It stores what it is given: whether that may be stored is decided before, in `entity_writes`.
    """

    def __init__(self) -> None:
        self.counts = WriteCounts()
        self._shelves: dict[str, Shelf] = {}
        self._dependents: dict[EntityKey, dict[EntityKey, None]] = {}
        self._history: dict[EntityKey, list[tuple[Change, StoredEntity]]] = {}
        self._sequence = 0
        self._add_system_blueprints()

    def _add_system_blueprints(self) -> None:
        for identifier in SYSTEM_BLUEPRINTS:
            title = identifier.removeprefix("_").capitalize()
            self._shelves[identifier] = Shelf(
                {"identifier": identifier, "title": title, "schema": {"properties": {}}}
            )

    # Blueprints

    def shelf(self, blueprint: str) -> Shelf:
        """Gives a blueprint with its entities.

        Raises:
            RefusedError: 404, there is no such blueprint.
        """
        shelf = self._shelves.get(blueprint)
        if shelf is None:
            raise not_found(f'Blueprint with identifier "{blueprint}" was not found')
        return shelf

    def has_blueprint(self, blueprint: str) -> bool:
        """Tells whether a blueprint exists."""
        return blueprint in self._shelves

    def shelves(self) -> list[Shelf]:
        """Gives all blueprints, oldest first."""
        return list(self._shelves.values())

    def define_blueprint(self, blueprint: Mapping[str, Any]) -> Shelf:
        """Stores a checked definition, new or in place of the one before."""
        shelf = self._shelves.get(blueprint["identifier"])
        if shelf is None:
            shelf = self._shelves[blueprint["identifier"]] = Shelf(blueprint)
        else:
            for entity in shelf.entities.values():
                self._unlink(entity)
            shelf.define(blueprint)
            for entity in shelf.entities.values():
                self._link(entity)
        self.counts.blueprint_writes += 1
        return shelf

    def drop_blueprint(self, blueprint: str) -> None:
        """Forgets a blueprint that has no entities."""
        del self._shelves[blueprint]
        self.counts.blueprint_writes += 1

    def blueprints_pointing_at(self, blueprint: str) -> list[str]:
        """Gives the other blueprints that have a relation to this one."""
        return [
            identifier
            for identifier, shelf in self._shelves.items()
            if identifier != blueprint
            and any(one["target"] == blueprint for one in shelf.rules.relations.values())
        ]

    # Entities

    def entity(self, key: EntityKey) -> StoredEntity | None:
        """Gives the present version of an entity."""
        shelf = self._shelves.get(key[0])
        return None if shelf is None else shelf.entities.get(key[1])

    def entities(self) -> Iterator[StoredEntity]:
        """Gives all entities, blueprint by blueprint."""
        for shelf in self._shelves.values():
            yield from shelf.after(0)

    def store(self, entity: StoredEntity, before: StoredEntity | None, writer: Writer) -> StoredEntity:
        """Stores a new version and stamps it.

        `updatedAt` grows by a millisecond at least, so that each accepted write can be told from the one
        before.

        Args:
            entity: What to store; times, writer and sequence in it are replaced.
            before: The present version, if any.
            writer: Who writes, and when.
        """
        if before is None:
            self._sequence += 1
            entity = replace(
                entity,
                sequence=self._sequence,
                created_at_ms=writer.at_ms,
                created_by=writer.client_id,
                updated_at_ms=writer.at_ms,
                updated_by=writer.client_id,
                datasource=writer.datasource,
            )
        else:
            entity = replace(
                entity,
                sequence=before.sequence,
                created_at_ms=before.created_at_ms,
                created_by=before.created_by,
                updated_at_ms=max(writer.at_ms, before.updated_at_ms + 1),
                updated_by=writer.client_id,
                datasource=writer.datasource,
            )
        self._keep(entity, before)
        self._count(entity, is_new=before is None)
        return entity

    def delete(self, keys: Iterable[EntityKey]) -> None:
        """Deletes entities; relations that still point at one keep its identifier."""
        for key in keys:
            entity = self._shelves[key[0]].entities[key[1]]
            self._shelves[key[0]].drop(key[1])
            self._unlink(entity)
            self._history[key].append(("deleted", entity))
            self.counts.entities_deleted += 1

    def dependents(self, key: EntityKey) -> list[EntityKey]:
        """Gives the other entities that have a relation to this one."""
        return [dependent for dependent in self._dependents.get(key, ()) if dependent != key]

    def history(self, key: EntityKey) -> list[dict[str, object]] | None:
        """Gives every version that an entity has had, oldest first; None when it never was."""
        versions = self._history.get(key)
        if versions is None:
            return None
        return [
            {"version": number, "change": change, **entity.full_document()}
            for number, (change, entity) in enumerate(versions, start=1)
        ]

    def changes(self, ordered_by: str = "") -> list[dict[str, object]]:
        """Gives what happened to each entity that ever was, in numbers.

        `versions` counts everything, `deletes` the deletes, `repeats` the writes that said nothing new, and
        `falls` those that went back behind an earlier one.

        Args:
            ordered_by: A property whose values, texts or numbers, tell which of two versions is the newer;
                empty: there are no falls.
        """
        told: list[dict[str, object]] = []
        for (blueprint, identifier), versions in self._history.items():
            written = [entity for change, entity in versions if change in {"created", "updated"}]
            values = [entity.properties.get(ordered_by) for entity in written]
            told.append(
                {
                    "blueprint": blueprint,
                    "identifier": identifier,
                    "versions": len(versions),
                    "deletes": sum(change == "deleted" for change, _ in versions),
                    "repeats": sum(
                        before[0] != "deleted"
                        and after[0] == "updated"
                        and _say_the_same(before[1], after[1])
                        for before, after in pairwise(versions)
                    ),
                    "falls": sum(
                        later < earlier
                        for earlier, later in pairwise([value for value in values if value is not None])
                    ),
                }
            )
        return told

    def counters(self) -> dict[str, int]:
        """Gives the counts of writes by name."""
        return asdict(self.counts)

    def _count(self, entity: StoredEntity, *, is_new: bool) -> None:
        counts = self.counts
        if entity.is_placeholder:
            counts.placeholders_created += 1
        else:
            counts.entity_writes += 1
            counts.entities_created += is_new
            counts.entities_updated += not is_new

    def _keep(self, entity: StoredEntity, before: StoredEntity | None) -> None:
        key = (entity.blueprint, entity.identifier)
        if before is not None:
            self._unlink(before)
        self._shelves[entity.blueprint].put(entity)
        self._link(entity)
        change: Change = "created" if before is None else "updated"
        self._history.setdefault(key, []).append(("placeholder" if entity.is_placeholder else change, entity))

    def _link(self, entity: StoredEntity) -> None:
        for target in self._targets(entity):
            self._dependents.setdefault(target, {})[entity.blueprint, entity.identifier] = None

    def _unlink(self, entity: StoredEntity) -> None:
        for target in self._targets(entity):
            dependents = self._dependents.get(target)
            if dependents is not None:
                dependents.pop((entity.blueprint, entity.identifier), None)
                if not dependents:
                    del self._dependents[target]

    def _targets(self, entity: StoredEntity) -> list[EntityKey]:
        relations = self._shelves[entity.blueprint].rules.relations
        targets: list[EntityKey] = []
        for name, value in entity.relations.items():
            if name in relations:
                blueprint = relations[name]["target"]
                identifiers = value if isinstance(value, list) else [value]
                targets.extend((blueprint, identifier) for identifier in identifiers)
        return targets

    # State

    def take_over(self, other: Catalog) -> None:
        """Holds from now on what another catalog holds; its own counts of writes stay."""
        self._shelves = other._shelves
        self._dependents = other._dependents
        self._history = other._history
        self._sequence = other._sequence

    def restore(self, entity: StoredEntity) -> None:
        """Keeps an entity of a state as it is, times and writer included; counts nothing."""
        self._sequence += 1
        self._keep(replace(entity, sequence=self._sequence), None)


def _say_the_same(one: StoredEntity, other: StoredEntity) -> bool:
    return (one.title, one.icon, one.team, one.properties, one.relations, one.is_placeholder) == (
        other.title,
        other.icon,
        other.team,
        other.properties,
        other.relations,
        other.is_placeholder,
    )
