"""Reads the value of a property, relation or meta property of a stored entity."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from simulators.port.formats import iso_from_ms
from simulators.port.stored import StoredEntity

# Source: Port, Meta-properties; `$datasource` from Ocean, which searches by it
META_PROPERTIES: Mapping[str, Callable[[StoredEntity], object]] = {
    "$identifier": lambda entity: entity.identifier,
    "$title": lambda entity: entity.title,
    "$icon": lambda entity: entity.icon,
    "$team": lambda entity: list(entity.team),
    "$blueprint": lambda entity: entity.blueprint,
    "$datasource": lambda entity: entity.datasource,
    "$createdAt": lambda entity: iso_from_ms(entity.created_at_ms),
    "$updatedAt": lambda entity: iso_from_ms(entity.updated_at_ms),
    "$createdBy": lambda entity: entity.created_by,
    "$updatedBy": lambda entity: entity.updated_by,
}


def value_of(entity: StoredEntity, name: str) -> object:
    """Gives the value that an entity has under a name; None when it has none."""
    meta = META_PROPERTIES.get(name)
    if meta is not None:
        return meta(entity)
    if name in entity.properties:
        return entity.properties[name]
    return entity.relations.get(name)
