"""Is what can be said of a JSON value before there is one: its types, its fields, its items."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

ANY_TYPE: Final = frozenset({"null", "boolean", "number", "string", "array", "object"})


@dataclass(frozen=True, slots=True)
class Shape:
    """What a value may be.

    Attributes:
        types: Its types in jq's words; `ANY_TYPE`: nothing is known.
        fields: What an object's members are, each made when it is asked for; None: not known.
        items: What an array's items are; None: not known.
        values: The texts it may be; empty: not known.
        name: What messages call it; empty: nothing that has a name.
        missing: Says of fields that are not there what would add them.
        otherwise: Says it of all others; empty: nothing would.
    """

    types: frozenset[str] = ANY_TYPE
    fields: Mapping[str, "Callable[[], Shape]"] | None = None
    items: "Shape | None" = None
    values: frozenset[str] = frozenset()
    name: str = ""
    missing: Mapping[str, str] = field(default_factory=dict)
    otherwise: str = ""

    @property
    def is_known(self) -> bool:
        """Whether anything is known of its type."""
        return self.types != ANY_TYPE

    def may_be(self, *types: str) -> bool:
        """Whether it may be of one of these types."""
        return not self.types.isdisjoint(types)

    def without_null(self) -> "Shape":
        """Return it where it is not null."""
        return replace(self, types=self.types - {"null"})

    def or_null(self) -> "Shape":
        """Return it where it may be null too."""
        return replace(self, types=self.types | {"null"})


ANY: Final = Shape()
NULL: Final = Shape(frozenset({"null"}))
BOOLEAN: Final = Shape(frozenset({"boolean"}))
NUMBER: Final = Shape(frozenset({"number"}))
STRING: Final = Shape(frozenset({"string"}))
OBJECT: Final = Shape(frozenset({"object"}))
NEVER: Final = Shape(frozenset())


def array_of(items: Shape | None) -> Shape:
    """Return the shape of a list."""
    return Shape(frozenset({"array"}), items=items)


def either(shapes: Iterable[Shape]) -> Shape:
    """Return what a value may be that is one of several; of different objects the fields are not known."""
    found = [shape for shape in shapes if shape.types]
    if not found:
        return NEVER
    types = frozenset().union(*(shape.types for shape in found))
    objects = [shape for shape in found if shape.may_be("object")]
    lists = [shape for shape in found if shape.may_be("array")]
    texts = [shape for shape in found if shape.may_be("string")]
    one = objects[0] if len(objects) == 1 else Shape()
    return Shape(
        types,
        one.fields,
        lists[0].items if len(lists) == 1 else None,
        frozenset().union(*(shape.values for shape in texts))
        if all(s.values for s in texts)
        else frozenset(),
        one.name,
        one.missing,
        one.otherwise,
    )
