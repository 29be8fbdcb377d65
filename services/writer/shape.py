"""Is what a blueprint says about its entities, ready to be checked against."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class PropertyShape:
    """What one property may hold.

    Attributes:
        type: `string`, `number`, `boolean`, `object` or `array`; empty: the blueprint does not say.
        format: E.g. `date-time`.
        enum: Values allowed; None: all.
        required: Must not be null.
        items: What the items of an array may hold; None: anything.
        default: What Port puts where nothing is sent.
    """

    type: str = ""
    format: str = ""
    enum: tuple[Any, ...] | None = None
    required: bool = False
    items: "PropertyShape | None" = None
    default: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationShape:
    """What one relation may hold."""

    many: bool = False
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a blueprint's entities may hold. Calculated, mirrored and aggregated properties are not in it."""

    properties: Mapping[str, PropertyShape] = field(default_factory=dict)
    relations: Mapping[str, RelationShape] = field(default_factory=dict)


def read_shape(blueprint: Mapping[str, Any]) -> Shape:
    """Return the shape of a blueprint as Port gives it; parts that cannot be read are left out.

    Source: Port API, blueprints: `schema{properties, required}`, `relations{target, required, many}`.
    """
    schema = _object(blueprint.get("schema"))
    listed = schema.get("required")
    required = (
        set(listed) if isinstance(listed, list) and all(isinstance(one, str) for one in listed) else set()
    )
    return Shape(
        properties={
            name: _property(_object(definition), required=name in required)
            for name, definition in _object(schema.get("properties")).items()
        },
        relations={
            name: RelationShape(
                many=_object(definition).get("many") is True,
                required=_object(definition).get("required") is True,
            )
            for name, definition in _object(blueprint.get("relations")).items()
        },
    )


def _property(definition: Mapping[str, Any], *, required: bool) -> PropertyShape:
    enum, items = definition.get("enum"), definition.get("items")
    return PropertyShape(
        type=_text(definition.get("type")),
        format=_text(definition.get("format")),
        enum=tuple(enum) if isinstance(enum, list) else None,
        required=required,
        items=_property(items, required=False) if isinstance(items, dict) and items else None,
        default=definition.get("default"),
    )


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
