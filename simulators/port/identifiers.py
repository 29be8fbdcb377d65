"""Judges identifiers of entities and blueprints, and names of properties and relations."""

from __future__ import annotations

import regex

from simulators.port.answers import invalid

# Source: Port API, OpenAPI: identifier of entity and blueprint, propertyNames of a blueprint's schema
ENTITY_PATTERN = r"^(?!\.{1,2}$)[\p{L}0-9@_.+:\\/=-]+$"
BLUEPRINT_PATTERN = r"^(?!\.{1,2}$)[\p{L}0-9@_.+:\\/-]+$"
NAME_PATTERN = r"^[A-Za-z0-9@_=\\-]+$"
ENTITY_MAX_CHARACTERS = 1000
BLUEPRINT_MAX_CHARACTERS = 100
NAME_MAX_CHARACTERS = 100

_ENTITY = regex.compile(r"(?!\.{1,2}\Z)[\p{L}0-9@_.+:\\/=-]+")
_BLUEPRINT = regex.compile(r"(?!\.{1,2}\Z)[\p{L}0-9@_.+:\\/-]+")
_NAME = regex.compile(r"[A-Za-z0-9@_=\\-]+")


def check_entity_identifier(value: str, path: str) -> None:
    """Raises RefusedError (422) when `value` cannot identify an entity."""
    _check(value, path, _ENTITY, ENTITY_PATTERN, ENTITY_MAX_CHARACTERS)


def check_blueprint_identifier(value: str, path: str) -> None:
    """Raises RefusedError (422) when `value` cannot identify a blueprint."""
    _check(value, path, _BLUEPRINT, BLUEPRINT_PATTERN, BLUEPRINT_MAX_CHARACTERS)


def check_name(value: str, path: str) -> None:
    """Raises RefusedError (422) when `value` cannot name a property or a relation."""
    _check(value, path, _NAME, NAME_PATTERN, NAME_MAX_CHARACTERS)


def _check(value: str, path: str, compiled: regex.Pattern[str], pattern: str, max_characters: int) -> None:
    if len(value) > max_characters:
        raise invalid(path, f"must NOT have more than {max_characters} characters")
    if compiled.fullmatch(value) is None:
        raise invalid(path, f'must match pattern "{pattern}"')
