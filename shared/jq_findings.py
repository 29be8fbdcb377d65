"""Words what an expression does in vain."""

import difflib
from typing import NamedTuple

from shared.jq_shape import Shape


class Finding(NamedTuple):
    """Something an expression does in vain.

    Attributes:
        at: Index in the text of what it is about.
        says: What and why.
        fails: Whether the expression fails by it, where nothing catches that.
    """

    at: int
    says: str
    fails: bool = False


def called(shape: Shape) -> str:
    """Return what people call it."""
    return shape.name or "what stands before"


def types_of(shape: Shape) -> str:
    """Return its types in words."""
    words = {"array": "a list", "null": "null", "object": "an object"}
    return " or ".join(words.get(one, f"a {one}") for one in sorted(shape.types))


def no_fields(of: Shape, name: str) -> str:
    """Say that what has no fields is asked for one."""
    if of.types <= {"array", "null"}:
        return (
            f"asks a list for the field {name}: it fails; write `.[].{name}` within `[…]` for a list of them"
        )
    return f"asks {types_of(of)} for the field {name}: it fails"


def unknown_field(of: Shape, name: str) -> str:
    """Say that a field is not there, and which one is or what brings it."""
    near = difflib.get_close_matches(name, [*(of.fields or ()), *of.missing], n=1)
    # A slip of the pen needs no include, the right name perhaps.
    needs = of.missing.get(name, "" if near else of.otherwise)
    if needs:
        return (
            f"{called(of)} has no {name} here: it {needs}"
            if needs.startswith("needs")
            else f"{name}: {needs}"
        )
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"PagerDuty documents no {name} of {called(of)}: it is null{hint}"
