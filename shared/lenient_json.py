"""Reads JSON that strict parsers refuse; what it cannot keep it marks in its place."""

import json
import re
import sys
from typing import Any, Final

import orjson

OBJECT_LEVELS: Final = 200
"""Deepest object that is passed on: orjson writes 254 levels, and mapping and writing put some around it."""
_ROOM_LEVELS: Final = 254 - OBJECT_LEVELS
_PAGE_LEVELS: Final = OBJECT_LEVELS + 2
"""A page is an object around a list of objects."""

_BRACKETS: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{}]', re.DOTALL)
_HALVES: Final = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")
_STRING: Final = re.compile(
    r'(?P<id>"(?:[^"\\]*_)?id"\s*+:\s*+)?"(?P<text>[^"\\]*+(?:\\.[^"\\]*+)*+)"', re.DOTALL
)
_ESCAPE: Final = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|\\u(?P<half>[dD][89a-fA-F][0-9a-fA-F]{2})|\\.|(?P<raw>[\ud800-\udfff])",
    re.DOTALL,
)


class Unrepresentable:
    """Stands for a value that no JSON can hold; `json_bytes` refuses what holds one."""

    __slots__ = ("why",)

    def __init__(self, why: str) -> None:
        self.why = why


def read_leniently(text: str) -> Any:  # noqa: ANN401 - foreign JSON
    """Return what a strict parser refuses.

    A title that was cut inside an emoji has half a surrogate pair: it becomes U+FFFD. In an id its code
    follows, so that two ids stay two. A number out of range becomes the largest there is, as in jq. NaN, and
    what is nested too deeply, becomes an `Unrepresentable`: the objects around it are not lost with it.

    Args:
        text: Bytes that were not UTF-8 may stand in it as `surrogateescape` has them.

    Raises:
        ValueError: It is not JSON.
    """
    text = text.removeprefix("\ufeff")
    if _HALVES.search(text):
        text = _STRING.sub(_mend, text)
    try:
        return _parse(text, "{name} is no JSON number")
    except RecursionError:
        return _parse(_cut(text), f"a value is nested deeper than {OBJECT_LEVELS} levels, or is {{name}}")


def json_bytes(value: Any) -> bytes:  # noqa: ANN401 - foreign JSON
    """Write an object as JSON.

    Raises:
        ValueError: It cannot be written, or is nested deeper than `OBJECT_LEVELS`; the message says why.
    """
    try:
        written = orjson.dumps(value, default=refuse)
        if written.count(b"[") + written.count(b"{") > OBJECT_LEVELS:
            # It may be too deep: orjson tells, of what is as much deeper as its own limit is.
            for _ in range(_ROOM_LEVELS):
                value = [value]
            orjson.dumps(value, default=refuse)
    except TypeError as error:
        if isinstance(error.__cause__, ValueError):
            raise error.__cause__ from None
        too_deep = f"it is nested deeper than {OBJECT_LEVELS} levels"
        text = too_deep if "ecursion" in str(error) else str(error)
        raise ValueError(text) from None
    return written


def refuse(value: Any) -> Any:  # noqa: ANN401 - what an encoder does not know
    """Say why a value cannot be written: the `default` of an encoder.

    Raises:
        ValueError: Always.
    """
    raise ValueError(
        value.why if isinstance(value, Unrepresentable) else f"{type(value).__name__} is no JSON"
    )


def _parse(text: str, why: str) -> Any:  # noqa: ANN401 - foreign JSON
    def no_number(name: str) -> Unrepresentable:
        return Unrepresentable(why.format(name=name))

    # A line end within a string is no JSON either, and harms nobody.
    return json.loads(text, parse_float=_in_range, parse_int=_integer, parse_constant=no_number, strict=False)


def _in_range(text: str) -> float:
    return max(-sys.float_info.max, min(sys.float_info.max, float(text)))


def _integer(text: str) -> int | float:
    """Return what orjson makes of an integer: a float, beyond 64 bits."""
    if len(text) > len("-9223372036854775808"):
        return _in_range(text)
    number = int(text)
    return number if -(2**63) <= number < 2**64 else float(number)


def _mend(found: re.Match[str]) -> str:
    """Replace halves of characters in a string; the key before it says whether it is an id."""

    def replace(escape: re.Match[str]) -> str:
        half = escape["half"] or (f"{ord(escape['raw']):x}" if escape["raw"] else "")
        if not half:
            return escape[0]
        return f"\ufffd{half.upper()}" if found["id"] else "\ufffd"

    return f'{found["id"] or ""}"{_ESCAPE.sub(replace, found["text"])}"'


def _cut(text: str) -> str:
    """Put NaN for each value that is nested too deeply."""
    level, at, kept = 0, 0, []
    for found in _BRACKETS.finditer(text):
        if found[0] in "[{":
            level += 1
            if level == _PAGE_LEVELS + 1:
                kept.append(text[at : found.start()])
        elif found[0] in "]}":
            if level == _PAGE_LEVELS + 1:
                kept.append("NaN")
                at = found.end()
            level -= 1
    if level > _PAGE_LEVELS:
        raise ValueError("the text ends within a value")
    return "".join([*kept, text[at:]])
