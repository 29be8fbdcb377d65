"""Turns the schema of one property into a check of its values."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from simulators.port.answers import invalid
from simulators.port.formats import FORMATS

PropertyCheck = Callable[[object, str], None]
"""Takes a value and its JSON path; raises RefusedError (422) when the schema does not allow the value."""

TYPES: Mapping[str, Callable[[object], bool]] = {
    "string": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
}
_LEAST_AND_MOST: tuple[tuple[str, bool, str], ...] = (
    ("minLength", True, "must NOT have fewer than {} characters"),
    ("maxLength", False, "must NOT have more than {} characters"),
    ("minItems", True, "must NOT have fewer than {} items"),
    ("maxItems", False, "must NOT have more than {} items"),
    ("minimum", True, "must be >= {}"),
    ("maximum", False, "must be <= {}"),
)
_SIZED = {"minLength": "string", "maxLength": "string", "minItems": "array", "maxItems": "array"}


def compile_property(schema: Mapping[str, Any]) -> PropertyCheck:
    """Compiles a property's schema.

    Args:
        schema: `type`, and optionally `format`, `enum`, `items`, `pattern` and the limits of JSON Schema. It
            must have passed `blueprint_rules`.
    """
    checks = [_type_check(schema["type"])]
    if "format" in schema and schema["type"] == "string":
        checks.append(_format_check(schema["format"]))
    if "pattern" in schema:
        checks.append(_pattern_check(schema["pattern"]))
    if "enum" in schema:
        checks.append(_enum_check(schema["enum"]))
    checks.extend(_limit_checks(schema))
    if "items" in schema and "type" in schema["items"]:
        checks.append(_items_check(compile_property(schema["items"])))
    if len(checks) == 1:
        return checks[0]

    def check(value: object, path: str) -> None:
        for one in checks:
            one(value, path)

    return check


def _type_check(name: str) -> PropertyCheck:
    is_type = TYPES[name]

    def check(value: object, path: str) -> None:
        if not is_type(value):
            raise invalid(path, f"must be {name}")

    return check


def _format_check(name: str) -> PropertyCheck:
    is_format = FORMATS[name]

    def check(value: object, path: str) -> None:
        if not is_format(str(value)):
            raise invalid(path, f'must match format "{name}"')

    return check


def _pattern_check(pattern: str) -> PropertyCheck:
    compiled = re.compile(pattern)

    def check(value: object, path: str) -> None:
        if compiled.search(str(value)) is None:
            raise invalid(path, f'must match pattern "{pattern}"')

    return check


def _enum_check(allowed: list[object]) -> PropertyCheck:
    def check(value: object, path: str) -> None:
        if value not in allowed:
            raise invalid(path, "must be equal to one of the allowed values")

    return check


def _items_check(check_item: PropertyCheck) -> PropertyCheck:
    def check(value: object, path: str) -> None:
        if isinstance(value, list):
            for index, item in enumerate(value):
                check_item(item, f"{path}/{index}")

    return check


def _limit_checks(schema: Mapping[str, Any]) -> list[PropertyCheck]:
    checks = []
    for keyword, is_least, text in _LEAST_AND_MOST:
        limit = schema.get(keyword)
        if limit is not None and _SIZED.get(keyword, "number") == schema["type"]:
            checks.append(_limit_check(limit, is_least, text.format(limit), sized=keyword in _SIZED))
    return checks


def _limit_check(limit: float, is_least: bool, text: str, *, sized: bool) -> PropertyCheck:
    def check(value: Any, path: str) -> None:  # noqa: ANN401 - the type check has passed
        amount = len(value) if sized else value
        if (amount < limit) if is_least else (amount > limit):
            raise invalid(path, text)

    return check
