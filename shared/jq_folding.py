"""Keeps libjq from computing constants while it compiles: `"x" * 1e9` would be a gigabyte in any process."""

import re
from collections.abc import Iterator
from math import prod
from typing import Final

from shared.jq_tree import Binary, Group, Node, Pipe, String, parts_of

_NUMBER: Final = re.compile(r"\d+(?:\.\d*)?(?:[eE]\+?\d+)?")
_HELD: Final = re.compile(r'\(((?:@[a-z0-9]+ )?"(?:[^"\\]|\\.)*")\|values\)')
_FEW_TIMES: Final = 10_000
"""So often a text may be repeated: `"=" * 20` is no harm."""


def unfolded(text: str, node: Node | None) -> str:
    """Return an expression that gives the same, and of which no repeated text is computed beforehand.

    Args:
        text: The expression.
        node: Its parts; None: it could not be taken apart.

    Raises:
        ValueError: It could not, and may repeat a text very often.
    """
    if '"' not in text or "*" not in text or _most_times(text) <= _FEW_TIMES:
        return text
    if node is None:
        raise ValueError("a text may be repeated very often, in an expression too odd to be checked")
    made, at = [], 0
    for found in sorted(_repeated(node), key=lambda one: one.start):
        if found.start >= at:
            made += [text[at : found.start], "(", text[found.start : found.end], "|values)"]
            at = found.end
    return "".join([*made, text[at:]])


def as_written(text: str) -> str:
    """Return an expression as it was before `unfolded`, for people to read."""
    return _HELD.sub(r"\1", text)


def _most_times(text: str) -> float:
    """Return how often the numbers in an expression could repeat something."""
    return prod(max(1.0, float(number.rstrip("."))) for number in _NUMBER.findall(text))


def _repeated(node: Node) -> Iterator[Node]:
    """Yield the texts that a product may repeat."""
    if isinstance(node, Binary) and node.operator == "*":
        yield from _texts(node)
    for part in parts_of(node):
        yield from _repeated(part)


def _texts(node: Node) -> Iterator[Node]:
    if isinstance(node, String):
        yield node
    elif isinstance(node, Binary | Group | Pipe):
        for part in parts_of(node):
            yield from _texts(part)
