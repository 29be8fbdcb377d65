"""Judges the definition of a blueprint."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from simulators.port.answers import invalid
from simulators.port.formats import FORMATS
from simulators.port.identifiers import check_blueprint_identifier, check_name
from simulators.port.property_checks import TYPES

# Source: Port API, OpenAPI, body of POST /v1/blueprints
_SPECS = ("open-api", "embedded-url", "async-api")
_LIMITS = ("minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum")
_TITLE_MAX_CHARACTERS = 100
_DESCRIPTION_MAX_CHARACTERS = 200
_MIRROR_PATH = re.compile(r"^(?:[A-Za-z0-9@_=\-$]+\.)+?(\w|\$|@|-)*?[^\.]+$")
_RELATION_KEYS = ("title", "target", "required", "many", "description", "type")
_CHANGELOG_KEYS = {"WEBHOOK": ("type", "agent", "url"), "KAFKA": ("type",)}
_OWNERSHIP_KEYS = {"Inherited": ("type", "path", "title"), "Direct": ("type", "title")}
_OWNERSHIP_REQUIRED = {"Inherited": ("type", "path"), "Direct": ("type",)}


def check_blueprint(
    body: object, required: tuple[str, ...] = ("identifier", "title", "schema")
) -> dict[str, Any]:
    """Checks a definition by itself; whether its relations' targets exist is the catalog's question.

    Args:
        body: The parsed request body.
        required: Top-level keys it must have: PUT names the blueprint in the path, PATCH requires none.

    Returns:
        The definition, with every optional part present.

    Raises:
        RefusedError: 422, with the path of what is wrong.
    """
    blueprint = _object(body, "body")
    _require(blueprint, "body", required)
    if "identifier" in blueprint:
        check_blueprint_identifier(_string(blueprint["identifier"], "identifier"), "identifier")
    _check_text(blueprint, "title", _TITLE_MAX_CHARACTERS, least=1)
    _check_text(blueprint, "description", _DESCRIPTION_MAX_CHARACTERS)
    _check_text(blueprint, "icon", None)
    if "schema" in blueprint:
        _check_schema(_object(blueprint["schema"], "schema"))
    for name, relation in _named(blueprint, "relations"):
        _check_relation(relation, f"relations/{name}")
    for name, mirror in _named(blueprint, "mirrorProperties"):
        _check_mirror(mirror, f"mirrorProperties/{name}")
    for name, calculation in _named(blueprint, "calculationProperties"):
        _require(calculation, f"calculationProperties/{name}", ("calculation", "type"))
        _check_type(calculation, f"calculationProperties/{name}")
    for name, aggregation in _named(blueprint, "aggregationProperties"):
        _require(aggregation, f"aggregationProperties/{name}", ("title", "target", "calculationSpec"))
    _check_variant(blueprint, "changelogDestination", _CHANGELOG_KEYS, {"WEBHOOK": ("url",), "KAFKA": ()})
    _check_variant(blueprint, "ownership", _OWNERSHIP_KEYS, _OWNERSHIP_REQUIRED)
    return blueprint


def with_defaults(blueprint: Mapping[str, Any]) -> dict[str, Any]:
    """Adds the parts that Port shows of every blueprint."""
    empty: dict[str, object] = {
        "calculationProperties": {},
        "mirrorProperties": {},
        "aggregationProperties": {},
        "relations": {},
    }
    schema = {"required": [], **blueprint["schema"]}
    return {**empty, **blueprint, "schema": schema}


def _check_schema(schema: dict[str, Any]) -> None:
    _require(schema, "schema", ("properties",))
    _only(schema, "schema", ("properties", "required"))
    properties = _object(schema["properties"], "schema/properties")
    for name, definition in properties.items():
        path = f"schema/properties/{name}"
        check_name(name, path)
        _check_property(_object(definition, path), path)
    required = schema.get("required", [])
    if not isinstance(required, list):
        raise invalid("schema/required", "must be array")
    for index, name in enumerate(required):
        if _string(name, f"schema/required/{index}") not in properties:
            raise invalid(
                f"schema/required/{index}", f'names property "{name}", which the schema does not have'
            )


def _check_property(definition: dict[str, Any], path: str) -> None:
    _require(definition, path, ("type",))
    _check_type(definition, path)
    _check_text(definition, "title", _TITLE_MAX_CHARACTERS, path=f"{path}/")
    if "spec" in definition:
        _one_of(definition["spec"], _SPECS, f"{path}/spec")
    _check_limits(definition, path)
    if "enum" in definition:
        enum = definition["enum"]
        if not isinstance(enum, list):
            raise invalid(f"{path}/enum", "must be array")
        if not enum:
            raise invalid(f"{path}/enum", "must NOT have fewer than 1 items")
    if "items" in definition:
        items = _object(definition["items"], f"{path}/items")
        if "type" in items:
            _check_property(items, f"{path}/items")


def _check_limits(definition: dict[str, Any], path: str) -> None:
    for key in _LIMITS:
        if key in definition and not TYPES["number"](definition[key]):
            raise invalid(f"{path}/{key}", "must be number")
    if "pattern" in definition:
        try:
            re.compile(_string(definition["pattern"], f"{path}/pattern"))
        except re.error as error:
            raise invalid(f"{path}/pattern", 'must match format "regex"') from error


def _check_type(definition: dict[str, Any], path: str) -> None:
    _one_of(definition["type"], tuple(TYPES), f"{path}/type")
    if "format" in definition:
        _one_of(definition["format"], tuple(FORMATS), f"{path}/format")


def _check_relation(relation: dict[str, Any], path: str) -> None:
    _require(relation, path, ("target", "required", "many"))
    _only(relation, path, _RELATION_KEYS)
    _string(relation["target"], f"{path}/target")
    for key in ("required", "many"):
        if not isinstance(relation[key], bool):
            raise invalid(f"{path}/{key}", "must be boolean")
    _check_text(relation, "title", _TITLE_MAX_CHARACTERS, path=f"{path}/")
    if relation["required"] and relation["many"]:
        # Source: Port, Relate blueprints: a relation to many cannot be required.
        raise invalid(path, "cannot be both many and required")


def _check_mirror(mirror: dict[str, Any], path: str) -> None:
    _require(mirror, path, ("path",))
    _only(mirror, path, ("path", "title"))
    if _MIRROR_PATH.match(_string(mirror["path"], f"{path}/path")) is None:
        raise invalid(f"{path}/path", f'must match pattern "{_MIRROR_PATH.pattern}"')


def _check_variant(
    blueprint: dict[str, Any],
    key: str,
    keys_of: Mapping[str, tuple[str, ...]],
    required_of: Mapping[str, tuple[str, ...]],
) -> None:
    if key not in blueprint:
        return
    value = _object(blueprint[key], key)
    _require(value, key, ("type",))
    _one_of(value["type"], tuple(keys_of), f"{key}/type")
    _require(value, key, required_of[value["type"]])
    _only(value, key, keys_of[value["type"]])


def _named(blueprint: dict[str, Any], key: str) -> list[tuple[str, dict[str, Any]]]:
    named = []
    for name, definition in _object(blueprint.get(key, {}), key).items():
        check_name(name, f"{key}/{name}")
        named.append((name, _object(definition, f"{key}/{name}")))
    return named


def _check_text(
    holder: dict[str, Any], key: str, max_characters: int | None, *, least: int = 0, path: str = ""
) -> None:
    if key not in holder:
        return
    text = _string(holder[key], f"{path}{key}")
    if len(text) < least:
        raise invalid(f"{path}{key}", f"must NOT have fewer than {least} characters")
    if max_characters is not None and len(text) > max_characters:
        raise invalid(f"{path}{key}", f"must NOT have more than {max_characters} characters")


def _object(value: object, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise invalid(path, "must be object")
    return value


def _string(value: object, path: str) -> str:
    if not isinstance(value, str):
        raise invalid(path, "must be string")
    return value


def _one_of(value: object, allowed: tuple[str, ...], path: str) -> None:
    if value not in allowed:
        raise invalid(path, "must be equal to one of the allowed values")


def _require(value: dict[str, Any], path: str, keys: tuple[str, ...]) -> None:
    for key in keys:
        if key not in value:
            raise invalid(path, f"must have required property '{key}'")


def _only(value: dict[str, Any], path: str, keys: tuple[str, ...]) -> None:
    for key in value:
        if key not in keys:
            raise invalid(f"{path}/{key}", "must NOT be an additional property")
