"""Evaluates plain paths and constants without libjq, which mostly reads the document."""

from collections.abc import Callable
from typing import Final

from shared.jq_engine import Json
from shared.jq_text import Path, constant, plain_path, without_tostring

Result = list[Json] | dict[str, Json]
"""`[value]`, `[]` for no output, or `{"e": what was raised}`."""
Getter = Callable[[Json], Result]

NULL: Final[Result] = [None]
_TYPES: Final = {
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
    type(None): "null",
}


def native(text: str) -> Getter | None:
    """Return what evaluates the expression on a parsed document as jq would; None: leave it to libjq."""
    head = without_tostring(text)
    if head is not None:
        path = plain_path(head)
        return _texts(_follow(path)) if path else None
    given = constant(text)
    if given:
        return lambda _: given
    path = plain_path(text)
    return _follow(path) if path else None


def type_name(value: Json) -> str:
    """Return the type of a value in jq's words."""
    return _TYPES.get(type(value), "number")


def _follow(path: Path) -> Getter:
    if len(path) == 1 and isinstance(path[0], str):
        name = path[0]

        def member(document: Json) -> Result:
            if type(document) is dict:
                return [document.get(name)]
            return _steps(document, path)

        return member
    return lambda document: _steps(document, path)


def _steps(value: Json, path: Path) -> Result:
    for step in path:
        if value is None:
            return NULL
        if type(step) is str and type(value) is dict:
            value = value.get(step)
        elif type(step) is int and type(value) is list:
            value = value[step] if -len(value) <= step < len(value) else None
        else:
            by = f'"{step}"' if isinstance(step, str) else "number"
            return {"e": f"Cannot index {type_name(value)} with {by}"}
    return [value]


def _texts(get: Getter) -> Getter:
    """Add `| tostring` for values of one plain text form; the others are left to libjq."""

    def text(document: Json) -> Result:
        found = get(document)
        if not found or type(found) is dict:
            return found
        value = found[0]  # type: ignore[index]  # a list of one
        if type(value) is str:
            return found
        if value is None:
            return ["null"]
        if value is True or value is False:
            return ["true" if value else "false"]
        if type(value) is int and abs(value) < 2**53:
            return [str(value)]
        return LEFT_TO_LIBJQ

    return text


LEFT_TO_LIBJQ: Final[Result] = {"e": "left to libjq"}
"""Given by a getter that meets a value it cannot judge; known by identity."""
