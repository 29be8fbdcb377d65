"""Compares a mapping with the blueprints that Port has."""

import difflib
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from schemas.mapping import EntityMapping, MappingFile, Resource, WebhookEntity
from services.fetcher.default_resources import default_blueprints
from services.writer.shape import PropertyShape, RelationShape, Shape, read_shape
from shared.http.waits import WaitLedger
from shared.jq_engine import ExpressionError, runnable_text
from shared.jq_shape import Shape as ValueShape
from shared.jq_text import constant_text
from shared.mapping_advice import TypedLeaf, typed_leaves
from shared.mapping_check import Problem, deletes
from shared.paths import item_path, member_path
from shared.port.client import PortClient
from shared.port.opening import open_port
from shared.settings import Settings
from shared.tasks import all_of

Json = Any
_COMPUTED: Final = ("calculationProperties", "mirrorProperties", "aggregationProperties")
_FITTING: Final[Mapping[str, frozenset[str]]] = {
    "string": frozenset({"string", "number", "boolean"}),
    "number": frozenset({"number", "string"}),
    "boolean": frozenset({"boolean", "string"}),
    "object": frozenset({"object"}),
}
"""What can be made to fit a property; see `services.writer.coercion`. A list of one value may, too."""


async def compare_with_port(config: MappingFile, settings: Settings) -> list[Problem]:
    """Return what does not go with the blueprints that Port has, asked of Port now.

    Raises:
        FatalError: Port refuses us or cannot be reached.
        RetryableError: Port fails for a blueprint.
    """
    names = sorted({name for _, name, _ in _entries(config)})
    async with open_port(settings, WaitLedger()) as client:
        definitions = await _definitions(client, names)
    created = (
        {one["identifier"] for one in default_blueprints()} if settings.initialize_port_resources else set()
    )
    return list(compare(config, definitions, created))


async def _definitions(port: PortClient, names: list[str]) -> dict[str, Mapping[str, Json]]:
    found: dict[str, Mapping[str, Json]] = {}

    async def ask(name: str) -> None:
        definition = await port.get_blueprint(name)
        if definition is not None:
            found[name] = definition

    await all_of(*map(ask, names))
    return found


def compare(
    config: MappingFile, definitions: Mapping[str, Mapping[str, Json]], created: Collection[str]
) -> Iterator[Problem]:
    """Return what does not go with the blueprints.

    Args:
        config: The mapping.
        definitions: The blueprints that there are, by identifier.
        created: Blueprints that the first sync creates where they are missing.
    """
    typed = {one.leaf.path: one for one in typed_leaves(config)}
    mapped: dict[str, set[str]] = {}
    first: dict[str, str] = {}
    for path, name, entity in _entries(config):
        definition = definitions.get(name)
        if definition is None:
            yield _missing(_blueprint_path(path), name, definitions, created)
            continue
        at = f"{path}.entity" if isinstance(entity, WebhookEntity) else f"{path}.port.entity.mappings"
        first.setdefault(name, _blueprint_path(path))
        mapped.setdefault(name, set()).update(entity.properties, entity.relations)
        shape = read_shape(definition)
        for key in entity.properties:
            where = member_path(f"{at}.properties", key)
            yield from _property(where, name, key, shape, definition, typed.get(where))
        for key in entity.relations:
            where = member_path(f"{at}.relations", key)
            yield from _relation(where, name, key, shape, typed.get(where))
    for name, keys in mapped.items():
        yield from _required(first[name], name, keys, read_shape(definitions[name]))


def _entries(config: MappingFile) -> Iterator[tuple[str, str, EntityMapping | WebhookEntity]]:
    """Return the entries whose blueprint is known: path, blueprint, entity."""
    for index, resource in enumerate(config.resources):
        name = _named(resource)
        if name is not None:
            yield item_path("resources", index), name, resource.port.entity.mappings
    for index, webhook in enumerate(config.webhook_mappings):
        if not deletes(webhook):
            yield item_path("webhookMappings", index), webhook.blueprint, webhook.entity


def _named(resource: Resource) -> str | None:
    try:
        return constant_text(runnable_text(resource.port.entity.mappings.blueprint))
    except ExpressionError:
        return None


def _blueprint_path(path: str) -> str:
    return f"{path}.blueprint" if path.startswith("webhook") else f"{path}.port.entity.mappings.blueprint"


def _missing(where: str, name: str, there: Collection[str], created: Collection[str]) -> Problem:
    if name in created:
        return Problem("warning", 0, 0, where, f"Port has no blueprint {name} yet; the first sync creates it")
    near = difflib.get_close_matches(name, [*there, *created], n=1)
    hint = f"did you mean {near[0]}?" if near else "create it in Port, or mend its name"
    return Problem("error", 0, 0, where, f"Port has no blueprint {name}; {hint}")


def _property(
    where: str,
    blueprint: str,
    key: str,
    shape: Shape,
    definition: Mapping[str, Json],
    typed: TypedLeaf | None,
) -> Iterator[Problem]:
    known = shape.properties.get(key)
    if known is None:
        computed = next((part for part in _COMPUTED if key in (definition.get(part) or {})), None)
        if computed:
            says = f"{blueprint} computes {key} ({computed}): it cannot be written; leave it out"
        else:
            says = f"{blueprint} has no property {key}: it is never sent{_near(key, shape.properties)}"
        yield Problem("warning", 0, 0, where, says)
    elif typed is not None:
        says = _misfit(typed.found.gives, known)
        if says:
            yield Problem("warning", 0, 0, where, says)


def _misfit(gives: ValueShape, known: PropertyShape) -> str:
    """Say how what an expression gives does not fit a property; empty: it may."""
    types = gives.types - {"null"}
    if not gives.is_known or not types:
        return ""
    if known.type == "array":
        items = gives.items
        if types == {"array"} and known.items is not None and items is not None:
            inner = _misfit(items, known.items)
            return inner.replace("gives", "gives a list of what is", 1) if inner else ""
        return ""
    fitting = _FITTING.get(known.type)
    if fitting is not None and types.isdisjoint(fitting):
        words = {"array": "a list", "object": "an object"}
        what = " or ".join(words.get(one, f"a {one}") for one in sorted(types))
        return f"gives {what}, which does not fit the blueprint's {known.type} property"
    strange = gives.values - set(map(str, known.enum)) if known.enum is not None else frozenset()
    if strange and types == {"string"}:
        return (
            f"may give {', '.join(sorted(strange))}, which the blueprint's enum has not: it is not sent then"
        )
    return ""


def _relation(
    where: str, blueprint: str, key: str, shape: Shape, typed: TypedLeaf | None
) -> Iterator[Problem]:
    known = shape.relations.get(key)
    if known is None:
        says = f"{blueprint} has no relation {key}: it is never sent{_near(key, shape.relations)}"
        yield Problem("warning", 0, 0, where, says)
    elif typed is not None and _is_list(typed.found.gives) and not known.many:
        says = f"gives a list, and the relation of {blueprint} has one target: it fits with one item only"
        yield Problem("warning", 0, 0, where, says)


def _is_list(gives: ValueShape) -> bool:
    return gives.is_known and gives.types - {"null"} == {"array"}


def _required(where: str, blueprint: str, mapped: set[str], shape: Shape) -> Iterator[Problem]:
    parts: dict[str, PropertyShape | RelationShape] = {**shape.properties, **shape.relations}
    lacking = sorted(name for name, part in parts.items() if part.required and name not in mapped)
    if lacking:
        says = f"{blueprint} requires {', '.join(lacking)}, which no entry maps: Port refuses new entities"
        yield Problem("warning", 0, 0, where, says)


def _near(key: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""
