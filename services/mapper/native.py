"""Evaluates without libjq, which mostly reads the document, what can be proven equal to it."""

from collections.abc import Callable
from typing import Final

from services.mapper.native_form import Form
from services.mapper.native_forms import native_form
from services.mapper.native_values import LeftError, RaisedError, type_name
from shared.jq_engine import Json
from shared.jq_parser import parse
from shared.jq_text import Path, constant, plain_path

Result = list[Json] | dict[str, Json]
"""`[value]`, `[]` for no output, or `{"e": what was raised}`."""
Getter = Callable[[Json], Result]

NULL: Final[Result] = [None]
LEFT_TO_LIBJQ: Final[Result] = {"e": "left to libjq"}
"""Given by a getter that meets a value it cannot judge; known by identity."""


def native(text: str) -> Getter | None:
    """Return what evaluates the expression on a parsed document as jq would; None: leave it to libjq."""
    return native_path(text) or _native_form(text)


def native_path(text: str) -> Getter | None:
    """Return the same of constants and plain paths only, which are the same in every version of jq."""
    given = constant(text)
    if given:
        return lambda _: given
    path = plain_path(text)
    return _follow(path) if path else None


def _native_form(text: str) -> Getter | None:
    node = parse(text)
    form = None if node is None else native_form(node)
    return None if form is None else _getter(form)


def _getter(form: Form) -> Getter:
    single, several = form.single, form.several
    if single is not None:

        def one(document: Json) -> Result:
            try:
                return [single(document)]
            except (RaisedError, LeftError):
                # What it raises libjq tells.
                return LEFT_TO_LIBJQ

        return one

    def first(document: Json) -> Result:
        try:
            for value in several(document):
                return [value]
        except (RaisedError, LeftError):
            return LEFT_TO_LIBJQ
        return []

    return first


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
