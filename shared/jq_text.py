"""Reads what a JQ expression's text says of itself: a constant, a plain path, the keys it names."""

import json
import re
from typing import Final

from shared.jq_engine import Json

Step = str | int
Path = tuple[Step, ...]

_NAME: Final = r"[A-Za-z_][A-Za-z0-9_]*"
_STRING: Final = r'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"'
_STEP: Final = re.compile(rf"\.({_NAME})|\.({_STRING})|\.?\[\s*({_STRING})\s*\]|\.?\[\s*(-?\d{{1,9}})\s*\]")
_STRING_OR_COMMENT: Final = re.compile(r'"(?:\\.|[^"\\])*"|#[^\n]*', re.DOTALL)
_INTERPOLATION: Final = re.compile(r"\\\(([^()]*)\)")
_NESTED: Final = re.compile(rf"(?<![\w)\]\"?.])\.({_NAME})\??\.({_NAME})")
_ROOT: Final = re.compile(rf"(?<![\w)\]\"?.])\.({_NAME})")
_ITERATED: Final = re.compile(rf"\s*(?:\.{_NAME}\??|\.?\[\s*(?:-?\d{{1,9}})?\s*\]\??|\.(?=\s*\Z))+\s*")
_TO_TEXT: Final = re.compile(r"\s*\|\s*tostring\s*$")


def constant(text: str) -> list[Json]:
    """Return the value of an expression that is a JSON string, number, boolean or null; else an empty list.

    Texts that cannot be such a constant are the common case: most blueprints are, most properties are not.
    """
    try:
        value = json.loads(text.strip(" \t\r\n"), parse_constant=_not_json)
    except (ValueError, RecursionError):
        return []
    if isinstance(value, str):
        return [value] if value.isprintable() else []
    if value is None or isinstance(value, bool):
        return [value]
    return [value] if isinstance(value, int) and abs(value) < 2**53 else []


def constant_text(text: str) -> str | None:
    """Return the string that the expression always gives; None when it depends on the document."""
    found = constant(text)
    return found[0] if found and isinstance(found[0], str) else None


def plain_path(text: str) -> Path | None:
    """Return the steps of an expression that is nothing but a path (`.a.b[0]`), None for any other."""
    rest = text.strip(" \t\r\n")
    if rest == ".":
        return ()
    if not rest.startswith("."):
        return None
    steps: list[Step] = []
    position = 0
    while position < len(rest):
        found = _STEP.match(rest, position)
        if found is None:
            return None
        name, quoted, bracketed, index = found.groups()
        if name is not None:
            steps.append(name)
        elif index is not None:
            steps.append(int(index))
        else:
            step = json.loads(quoted or bracketed)
            if not step.isprintable():
                return None
            steps.append(step)
        position = found.end()
    return tuple(steps)


def gives_several(text: str) -> bool:
    """Whether the expression is nothing but paths, one of which runs over all items: `.teams[].id`."""
    return "[]" in text and all(_ITERATED.fullmatch(part) for part in text.split("|"))


def without_tostring(text: str) -> str | None:
    """Return the expression before a final `| tostring`, None when there is none."""
    head, number = _TO_TEXT.subn("", text)
    return head if number else None


def root_keys(text: str) -> frozenset[str]:
    """Return names that the text reads from something as `.name`; of nested paths only the first.

    Also names read inside `map(…)` are among them: too many, never too few for plain expressions.
    """
    return frozenset(_ROOT.findall(_code(text)))


def names_key(text: str, key: str) -> bool:
    """Whether the text holds the key as a word of its own, wherever it stands."""
    return re.search(rf"(?<!\w){re.escape(key)}(?!\w)", text) is not None


def unguarded_parts(text: str) -> tuple[str, ...]:
    """Return the nested paths that a concatenation reads without `//` or `if`.

    Null makes identifiers collide: `null + "-"` is `"-"` in jq, so objects without that part become one.
    """
    code = _code(text)
    if "//" in code or re.search(r"\bif\b|\bselect\b", code):
        return ()
    if "+" not in code and "join" not in code:
        return ()
    return tuple(dict.fromkeys(f".{head}.{tail}" for head, tail in _NESTED.findall(code)))


def _code(text: str) -> str:
    """Return the text without its strings and comments, but with what the strings interpolate."""
    return _STRING_OR_COMMENT.sub(
        lambda found: (
            '"" + ' + " + ".join(_INTERPOLATION.findall(found.group())) + ' ""'
            if "\\(" in found.group()
            else '""'
        ),
        text,
    )


def _not_json(name: str) -> Json:
    raise ValueError(name)
