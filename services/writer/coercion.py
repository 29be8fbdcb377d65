"""Makes the values of a change fit the blueprint, or leaves out the one that never can."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import orjson
import regex

from services.writer.shape import PropertyShape, RelationShape, Shape

IDENTIFIER_LIMIT_CHARS: Final = 1000
# Source: Port API, OpenAPI, identifier of an entity
NAME_LIMIT_CHARS: Final = 100
"""Longest name of a property or relation. Source: Port API, OpenAPI, blueprints. A longer one is foreign."""
_IDENTIFIER: Final = regex.compile(r"^(?!\.{1,2}$)[\p{L}0-9@_.+:\\/=-]+\Z")
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?")
_EXACT_INTEGERS: Final = 2**53
_TEXTS_OF_BOOLEANS: Final[Mapping[str, bool]] = {"true": True, "false": False}


class Note(NamedTuple):
    """What was done to one value.

    Attributes:
        path: `properties.url`, `relations.service`, `title`.
        reason: In few different words, without the value.
        dropped: It is not sent, or not all of it; else only its form has changed.
    """

    path: str
    reason: str
    dropped: bool = True


class _UnfitError(Exception):
    """The value can never fit; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Coerced:
    """A body that fits, as far as the blueprint tells.

    Attributes:
        body: The same object when nothing had to change.
        notes: What was changed or left out.
    """

    body: dict[str, Any]
    notes: tuple[Note, ...] = ()


def is_valid_identifier(identifier: str) -> bool:
    """Whether Port takes a text as an entity's identifier."""
    return len(identifier) <= IDENTIFIER_LIMIT_CHARS and _IDENTIFIER.match(identifier) is not None


def coerce(body: dict[str, Any], shape: Shape) -> Coerced:
    """Make a body fit its blueprint.

    Values change only where nothing is lost (`7` and `"7"`, `x` and `[x]`); what cannot fit is left out, so
    that it costs itself and not its entity. A null is kept, for it clears, except where the blueprint
    requires a value and where Port takes no null (`title`, `icon`; Source: Port API, OpenAPI, bulk upsert).
    Whether a required value is there at all is left to Port, which knows what it holds.
    """
    notes: list[Note] = []
    changed: dict[str, Any] = {}
    for name in ("title", "icon"):
        if name in body and type(body[name]) is not str:
            changed[name] = _meta_text(name, body[name], notes)
    if body.get("team", "") is None:
        changed["team"] = []
    if "properties" in body:
        properties = _properties(body["properties"], shape, notes)
        if properties is not None:
            changed["properties"] = properties
    if "relations" in body:
        relations = _relations(body["relations"], shape, notes)
        if relations is not None:
            changed["relations"] = relations
    if not changed:
        return Coerced(body)
    merged = {name: changed.get(name, value) for name, value in body.items()}
    return Coerced({name: value for name, value in merged.items() if value is not _LEFT_OUT}, tuple(notes))


_LEFT_OUT: Final = object()
_SOME_LEFT_OUT: Final = "left out what is no identifier"
_MADE: Final[Mapping[str, str]] = {
    "string": "made text",
    "number": "made a number",
    "boolean": "made true or false",
    "array": "made a list",
}


def _meta_text(name: str, value: Any, notes: list[Note]) -> Any:  # noqa: ANN401 # foreign JSON
    if value is None:
        notes.append(Note(name, "null cannot be sent"))
        return _LEFT_OUT
    try:
        text = _to_text(value)
    except _UnfitError as error:
        notes.append(Note(name, str(error)))
        return _LEFT_OUT
    notes.append(Note(name, _MADE["string"], dropped=False))
    return text


def _properties(properties: dict[str, Any], shape: Shape, notes: list[Note]) -> dict[str, Any] | None:
    """Return the properties that fit; None: all of them do as they are."""
    changes: dict[str, Any] = {}
    for name, value in properties.items():
        known = shape.properties.get(name)
        if known is not None and type(value) is str and known.type == "string" and known.enum is None:
            continue
        path = f"properties.{name[:NAME_LIMIT_CHARS]}"
        try:
            fitting = _LEFT_OUT if known is None else _fit_or_null(value, known)
        except _UnfitError as error:
            notes.append(Note(path, str(error)))
            changes[name] = _LEFT_OUT
            continue
        if known is None:
            notes.append(Note(path, "not in the blueprint"))
            changes[name] = _LEFT_OUT
        elif fitting is not value:
            notes.append(Note(path, _MADE.get(known.type, "made a single one"), dropped=False))
            changes[name] = fitting
    return _applied(properties, changes)


def _relations(relations: dict[str, Any], shape: Shape, notes: list[Note]) -> dict[str, Any] | None:
    changes: dict[str, Any] = {}
    for name, value in relations.items():
        known = shape.relations.get(name)
        path = f"relations.{name[:NAME_LIMIT_CHARS]}"
        if known is None:
            notes.append(Note(path, "not in the blueprint"))
            changes[name] = _LEFT_OUT
            continue
        try:
            fitting, reason = _fit_relation(value, known)
        except _UnfitError as error:
            notes.append(Note(path, str(error)))
            changes[name] = _LEFT_OUT
            continue
        if reason:
            notes.append(Note(path, reason, dropped=reason == _SOME_LEFT_OUT))
            changes[name] = fitting
    return _applied(relations, changes)


def _applied(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any] | None:
    if not changes:
        return None
    both = {**values, **changes}
    return {name: value for name, value in both.items() if value is not _LEFT_OUT}


def _fit_or_null(value: Any, known: PropertyShape) -> Any:  # noqa: ANN401 # foreign JSON
    if value is not None:
        return _fit(value, known)
    if known.required:
        raise _UnfitError("null, but required")
    return None


def _fit(value: Any, known: PropertyShape) -> Any:  # noqa: ANN401 # foreign JSON
    """Return a value that fits, the very same object if it did already.

    Raises:
        _UnfitError: It cannot fit.
    """
    if known.type == "array":
        return _fit_array(value, known)
    if isinstance(value, list):
        if len(value) != 1 or value[0] is None:
            raise _UnfitError(f"a list where one {known.type or 'value'} is due")
        return _fit(value[0], known)
    match known.type:
        case "string":
            fitting: Any = _to_text(value)
        case "number":
            fitting = _to_number(value)
        case "boolean":
            fitting = _to_boolean(value)
        case "object" if not isinstance(value, dict):
            raise _UnfitError("not an object")
        case _:
            fitting = value
    if known.enum is not None and not any(_same(fitting, allowed) for allowed in known.enum):
        raise _UnfitError("not one of the allowed values")
    return fitting


def _fit_array(value: Any, known: PropertyShape) -> list[Any]:  # noqa: ANN401 # foreign JSON
    items: list[Any] = value if isinstance(value, list) else [value]
    if known.items is None:
        return items
    # A null among typed items can never pass, and says nothing.
    fitting = [_fit(item, known.items) for item in items if item is not None]
    is_same = len(fitting) == len(items) and all(map(_is, fitting, items))
    return items if is_same else fitting


def _is(one: object, other: object) -> bool:
    return one is other


def _to_text(value: Any) -> str:  # noqa: ANN401 # foreign JSON
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return orjson.dumps(value).decode()
    raise _UnfitError("not a text")


def _to_number(value: Any) -> int | float:  # noqa: ANN401 # foreign JSON
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        number: int | float
        if value.lstrip("-").isdigit():
            number = int(value)
            if abs(number) <= _EXACT_INTEGERS:
                return number
        else:
            number = float(value)
            if math.isfinite(number):
                return number
    raise _UnfitError("not a number")


def _to_boolean(value: Any) -> bool:  # noqa: ANN401 # foreign JSON
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in _TEXTS_OF_BOOLEANS:
        return _TEXTS_OF_BOOLEANS[value]
    raise _UnfitError("not true or false")


def _same(one: Any, other: Any) -> bool:  # noqa: ANN401 # foreign JSON
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _fit_relation(value: Any, known: RelationShape) -> tuple[Any, str]:  # noqa: ANN401 # foreign JSON
    """Return a relation that fits, and what was done to it (empty: nothing).

    Raises:
        _UnfitError: It cannot fit.
    """
    if isinstance(value, dict):
        return value, ""
    if value is None:
        if known.required:
            raise _UnfitError("null, but required")
        return None, ""
    listed: list[str] = value if isinstance(value, list) else [value]
    targets = [target for target in listed if is_valid_identifier(target)]
    if listed and not targets:
        raise _UnfitError("not an identifier")
    reason = _SOME_LEFT_OUT if len(targets) < len(listed) else ""
    if known.many:
        return targets, reason or ("" if isinstance(value, list) else _MADE["array"])
    if not isinstance(value, list):
        return value, reason
    if len(targets) > 1:
        raise _UnfitError("several targets where one is due")
    if not targets and known.required:
        raise _UnfitError("null, but required")
    return (targets[0] if targets else None), reason or "made a single one"
