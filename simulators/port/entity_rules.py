"""Judges the body of an entity: first by the route's schema, then by its blueprint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulators.port.answers import invalid
from simulators.port.identifiers import check_entity_identifier, check_name
from simulators.port.property_checks import PropertyCheck, compile_property
from simulators.port.search_object import check_search_object

PATCH_KEYS = ("identifier", "title", "icon", "team", "properties", "relations")


def check_entity_shape(entity: object, path: str = "") -> dict[str, Any]:
    """Checks the body of POST and PUT by the route's schema alone.

    Unknown top-level keys pass and are not kept (Source: Port API, OpenAPI: additionalProperties true). A
    missing identifier is refused although the real API makes one up: no importer wants that.

    Args:
        entity: The parsed body, or one item of a bulk.
        path: Put before every path in a message, for example `entities/3/`.

    Raises:
        RefusedError: 422, with the path of what is wrong.
    """
    body = _object(entity, path.rstrip("/") or "body")
    if "identifier" not in body:
        raise invalid(path.rstrip("/") or "body", "must have required property 'identifier'")
    identifier = body["identifier"]
    if isinstance(identifier, dict):
        check_search_object(identifier, f"{path}identifier")
    elif isinstance(identifier, str):
        check_entity_identifier(identifier, f"{path}identifier")
    else:
        raise invalid(f"{path}identifier", "must be string or search query")
    _check_parts(body, path, may_be_null=False)
    return body


def check_patch_shape(entity: object) -> dict[str, Any]:
    """Checks the body of PATCH: other keys are refused, and title, icon and team may be null.

    Source: Port API, OpenAPI, PATCH of an entity.

    Raises:
        RefusedError: 422, with the path of what is wrong.
    """
    body = _object(entity, "body")
    for key in body:
        if key not in PATCH_KEYS:
            raise invalid(key, "must NOT be an additional property")
    if "identifier" in body:
        if not isinstance(body["identifier"], str):
            raise invalid("identifier", "must be string")
        check_entity_identifier(body["identifier"], "identifier")
    for name in _object(body.get("properties", {}), "properties"):
        check_name(name, f"properties/{name}")
    _check_parts(body, "", may_be_null=True)
    return body


def _check_parts(body: dict[str, Any], path: str, *, may_be_null: bool) -> None:
    for key in ("title", "icon"):
        if key in body and not (isinstance(body[key], str) or (may_be_null and body[key] is None)):
            raise invalid(f"{path}{key}", "must be string or null" if may_be_null else "must be string")
    if "team" in body and not (may_be_null and body["team"] is None):
        _check_team(body["team"], f"{path}team")
    if "properties" in body:
        _object(body["properties"], f"{path}properties")
    if "relations" in body:
        for name, value in _object(body["relations"], f"{path}relations").items():
            _check_relation_shape(value, f"{path}relations/{name}")


def _check_team(team: object, path: str) -> None:
    if isinstance(team, dict):
        check_search_object(team, path)
    elif not isinstance(team, str):
        if not isinstance(team, list):
            raise invalid(path, "must be string, array of string or search query")
        for index, name in enumerate(team):
            if not isinstance(name, str):
                raise invalid(f"{path}/{index}", "must be string")


def _check_relation_shape(value: object, path: str) -> None:
    if isinstance(value, str):
        check_entity_identifier(value, path)
    elif isinstance(value, dict):
        check_search_object(value, path)
    elif isinstance(value, list):
        for index, target in enumerate(value):
            if not isinstance(target, str):
                raise invalid(f"{path}/{index}", "must be string")
            check_entity_identifier(target, f"{path}/{index}")
    elif value is not None:
        raise invalid(path, "must be string, array of string, null or search query")


class EntityRules:
    """What one blueprint allows of its entities, compiled once.

    Args:
        blueprint: A definition that has passed `blueprint_rules`.
    """

    def __init__(self, blueprint: Mapping[str, Any]) -> None:
        schema = blueprint["schema"]
        self._blueprint = blueprint["identifier"]
        self._checks: dict[str, PropertyCheck] = {
            name: compile_property(definition) for name, definition in schema["properties"].items()
        }
        self._required = tuple(schema.get("required", []))
        self.relations: dict[str, dict[str, Any]] = dict(blueprint.get("relations", {}))
        self._required_relations = tuple(name for name, one in self.relations.items() if one["required"])

    def check(self, body: Mapping[str, Any], *, is_partial: bool) -> None:
        """Checks properties and relations of a body that has passed the route's schema.

        Args:
            body: The entity as sent.
            is_partial: The entity exists and keeps what is not sent, so only what is sent is judged.

        Raises:
            RefusedError: 422, with the path of the first fault.
        """
        properties = body.get("properties", {})
        for name, value in properties.items():
            check = self._checks.get(name)
            if check is None:
                raise invalid(f"properties/{name}", f'is not a property of blueprint "{self._blueprint}"')
            if value is not None:
                check(value, f"properties/{name}")
        self._check_required("properties", self._required, properties, is_partial=is_partial)
        relations = body.get("relations", {})
        for name, value in relations.items():
            relation = self.relations.get(name)
            if relation is None:
                raise invalid(f"relations/{name}", f'is not a relation of blueprint "{self._blueprint}"')
            # One string for many, or a list for one, is documented nowhere: the strict reading refuses both.
            if relation["many"] and isinstance(value, str):
                raise invalid(f"relations/{name}", "must be array: the relation is to many")
            if not relation["many"] and isinstance(value, list):
                raise invalid(f"relations/{name}", "must be string: the relation is to one")
        self._check_required("relations", self._required_relations, relations, is_partial=is_partial)

    def _check_required(
        self, part: str, names: tuple[str, ...], sent: Mapping[str, Any], *, is_partial: bool
    ) -> None:
        for name in names:
            if sent.get(name) is None and (name in sent or not is_partial):
                if name in sent:
                    raise invalid(f"{part}/{name}", "must NOT be null: it is required")
                raise invalid(part, f"must have required property '{name}'")


def _object(value: object, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise invalid(path, "must be object")
    return value
