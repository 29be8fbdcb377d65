"""Finds where in a YAML file a character of a text stands, however the text is written there."""

import re
from typing import Final

_PROPERTIES: Final = re.compile(r"(?:[&!]\S*\s+)*")
"""An anchor and a tag, which stand before a text."""
_SPACE_ESCAPES: Final = frozenset("ntrvf NLP_\n\r")
"""What makes space behind a backslash, and a line end that the backslash swallows."""
_ESCAPED_LENGTHS: Final = {"x": 4, "u": 6, "U": 10}


def source_index(source: str, text: str, index: int) -> int:
    """Return where a character of a text stands in the scalar that it is read from.

    Space is folded, indented and escaped in many ways; all else stands in the source in the text's order.

    Args:
        source: The scalar as the file has it, with its anchor, tag, quotes or block header.
        text: What is read from it.
        index: Of a character of the text; of space: behind the last one that is none.
    """
    at, quote = _beginning(source)
    behind = at
    for letter in text[: index + 1]:
        if letter.isspace():
            continue
        at = _past_space(source, behind, quote)
        behind = at + _length(source, at, quote)
    return behind if text[index : index + 1].isspace() or index >= len(text) else at


def _beginning(source: str) -> tuple[int, str]:
    found = _PROPERTIES.match(source)
    at = found.end() if found else 0
    first = source[at : at + 1]
    if first in {"|", ">"}:
        return source.find("\n", at) + 1 or len(source), ""
    return (at + 1, first) if first in {'"', "'"} else (at, "")


def _past_space(source: str, at: int, quote: str) -> int:
    while at < len(source):
        if source[at].isspace():
            at += 1
        elif quote == '"' and source[at] == "\\" and source[at + 1 : at + 2] in _SPACE_ESCAPES:
            at += 2
        else:
            break
    return at


def _length(source: str, at: int, quote: str) -> int:
    """Return how many characters of the source make the one of the text."""
    if quote == '"' and source[at : at + 1] == "\\":
        return _ESCAPED_LENGTHS.get(source[at + 1 : at + 2], 2)
    return 2 if quote == "'" and source[at : at + 2] == "''" else 1
