"""Decides what a write of one entity does to the catalog, and does it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from simulators.port.answers import conflict, entity_not_found, not_found
from simulators.port.catalog import SYSTEM_BLUEPRINTS, Catalog, EntityKey
from simulators.port.meta import value_of
from simulators.port.search_object import matches_search_object, refuse_count
from simulators.port.shelf import Shelf
from simulators.port.stored import StoredEntity, Writer

# Source: Port, Mapping relations using search queries: at most 100 related entities per query
SEARCHED_RELATION_MAX_ENTITIES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteFlags:
    """The query parameters of a write.

    Attributes:
        upsert: An entity that exists is written, not refused.
        merge: Only with upsert: what is not sent is kept, not cleared.
        validation_only: Judge, store nothing.
        create_missing_related_entities: A relation's missing target is made, with nothing but its identifier.
    """

    upsert: bool = False
    merge: bool = False
    validation_only: bool = False
    create_missing_related_entities: bool = False


def write_entity(
    catalog: Catalog, shelf: Shelf, body: Mapping[str, Any], flags: WriteFlags, writer: Writer
) -> tuple[StoredEntity, bool]:
    """Creates or updates an entity.

    Args:
        catalog: Changed, unless the flags ask for validation only.
        shelf: The entity's blueprint.
        body: The entity; it has passed the route's schema.
        flags: What may happen.
        writer: Who writes, and when.

    Returns:
        The entity as stored (or as it would be), and whether it is new.

    Raises:
        RefusedError: 404 for a missing relation target or an identifier search without a match, 409 when the
            entity exists and `upsert` is false, 422 for what the blueprint does not allow. Nothing is stored
            then.
    """
    identifier = find_identifier(shelf, body["identifier"])
    before = shelf.entities.get(identifier)
    if before is not None and not flags.upsert:
        name = shelf.blueprint["identifier"]
        raise conflict(f'Entity with identifier "{identifier}" of blueprint "{name}" already exists')
    keeps_unsent = before is not None and flags.merge
    shelf.rules.check(body, is_partial=keeps_unsent)
    blueprint = shelf.blueprint["identifier"]
    base = (
        before
        if before is not None and keeps_unsent
        else StoredEntity(blueprint=blueprint, identifier=identifier, sequence=0)
    )
    relations = _resolved_relations(catalog, shelf, body.get("relations", {}))
    missing = _missing_targets(catalog, shelf, relations, (blueprint, identifier))
    if missing:
        _refuse_missing(missing, may_create=flags.create_missing_related_entities)
    entity = _applied(catalog, base, body, relations)
    if flags.validation_only:
        return entity, before is None
    for target, missing_identifier in missing.values():
        if catalog.entity((target, missing_identifier)) is None:
            placeholder = StoredEntity(
                blueprint=target, identifier=missing_identifier, sequence=0, is_placeholder=True
            )
            catalog.store(placeholder, None, writer)
    return catalog.store(entity, before, writer), before is None


def find_identifier(shelf: Shelf, identifier: str | dict[str, object]) -> str:
    """Gives an identifier, or that of the one entity which a search matches.

    Raises:
        RefusedError: 404 when the search matches none, 422 when it matches several.
    """
    if isinstance(identifier, str):
        return identifier
    matches = [
        entity.identifier for entity in shelf.after(0) if matches_search_object(identifier, entity, value_of)
    ]
    if len(matches) != 1:
        raise refuse_count("identifier", len(matches))
    return matches[0]


def _resolved_relations(catalog: Catalog, shelf: Shelf, sent: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _searched(catalog, shelf.rules.relations[name], name, value)
        if isinstance(value, dict)
        else value
        for name, value in sent.items()
    }


def _searched(catalog: Catalog, relation: dict[str, Any], name: str, search: dict[str, object]) -> object:
    found: list[str] = []
    for entity in catalog.shelf(relation["target"]).after(0):
        if matches_search_object(search, entity, value_of):
            found.append(entity.identifier)
            if len(found) == SEARCHED_RELATION_MAX_ENTITIES:
                break
    if relation["many"]:
        return found
    if len(found) > 1:
        raise refuse_count(f"relations/{name}", len(found))
    return found[0] if found else None


def _missing_targets(
    catalog: Catalog, shelf: Shelf, relations: Mapping[str, Any], own_key: EntityKey
) -> dict[str, EntityKey]:
    missing: dict[str, EntityKey] = {}
    for name, value in relations.items():
        if value is None:
            continue
        target = shelf.rules.relations[name]["target"]
        if isinstance(value, list):
            for index, identifier in enumerate(value):
                if catalog.entity((target, identifier)) is None and (target, identifier) != own_key:
                    missing[f"relations/{name}/{index}"] = (target, identifier)
        elif catalog.entity((target, value)) is None and (target, value) != own_key:
            missing[f"relations/{name}"] = (target, value)
    return missing


def _refuse_missing(missing: Mapping[str, EntityKey], *, may_create: bool) -> None:
    for path, (target, identifier) in missing.items():
        if not may_create or target in SYSTEM_BLUEPRINTS:
            raise not_found(f'"{path}" {entity_not_found(target, identifier).message}')


def _applied(
    catalog: Catalog, base: StoredEntity, body: Mapping[str, Any], relations: Mapping[str, Any]
) -> StoredEntity:
    """Lays what was sent over a version; a null clears."""
    changes: dict[str, Any] = {key: body[key] for key in ("title", "icon") if key in body}
    if "team" in body:
        changes["team"] = _teams(catalog, body["team"])
    return replace(
        base,
        properties=_laid_over(base.properties, body.get("properties", {})),
        relations=_laid_over(base.relations, relations),
        is_placeholder=False,
        **changes,
    )


def _laid_over(base: Mapping[str, Any], sent: Mapping[str, Any]) -> dict[str, Any]:
    laid = {**base, **sent}
    return {name: value for name, value in laid.items() if value is not None}


def _teams(catalog: Catalog, team: object) -> tuple[str, ...]:
    if team is None:
        return ()
    if isinstance(team, dict):
        entities = catalog.shelf("_team").after(0)
        return tuple(
            entity.identifier for entity in entities if matches_search_object(team, entity, value_of)
        )
    return (team,) if isinstance(team, str) else tuple(team)  # type: ignore[arg-type] # a list of str, by its schema
