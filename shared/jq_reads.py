"""Says which paths of the document an expression reads, so that no more of it need be handed to libjq."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from shared.jq_parser import parse
from shared.jq_text import Path, Step
from shared.jq_tree import (
    Array,
    Binary,
    Binding,
    Break,
    Call,
    Comma,
    Condition,
    Each,
    Field,
    Fold,
    Group,
    Identity,
    Index,
    Label,
    Negation,
    Node,
    Number,
    Object,
    Pipe,
    Slice,
    String,
    Try,
    Variable,
)

_WITHOUT_INPUT: Final = frozenset({"empty", "true", "false", "null", "now", "infinite", "nan", "env"})
"""Calls without arguments that give the same whatever their input."""
_ON_THE_SAME: Final = frozenset(
    {("first", 1), ("last", 1), ("isempty", 1), ("add", 1), ("limit", 2), ("error", 1)}
)
"""Calls that read their input through their arguments only, all of which get this same input."""
_OPERATORS: Final = frozenset(["//", "and", "or", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%"])


class Read(NamedTuple):
    """A place in the text that reads a path of the document.

    Attributes:
        start: Index of its first character in the text.
        end: Index behind its last one.
        path: Its steps.
        key: The name to be put before it, where `{name}` says both in one; else empty.
    """

    start: int
    end: int
    path: Path
    key: str = ""


class _WholeDocumentError(Exception):
    """Something is done with the document itself, or it cannot be told."""


def reads_of(text: str) -> tuple[Read, ...] | None:
    """Return the places that read paths, in their order, and all that is read; None: it needs the document.

    With each of them put in place of what it gives, the expression gives the same.
    """
    node = parse(text)
    if node is None:
        return None
    try:
        return tuple(sorted(_reads(node)))
    except _WholeDocumentError:
        return None


def replaced(text: str, reads: tuple[Read, ...], with_what: dict[Path, str]) -> str:
    """Return the text with what stands for each path in its place."""
    made, at = [], 0
    for read in reads:
        made += [text[at : read.start], read.key, with_what[read.path]]
        at = read.end
    return "".join([*made, text[at:]])


def static_path(node: Node) -> Path | None:
    """Return the steps of a part that is nothing but a path without `?`; None of any other."""
    steps: list[Step] = []
    while not isinstance(node, Identity):
        if isinstance(node, Field) and not node.optional:
            steps.append(node.name)
        elif isinstance(node, Index) and not node.optional and (number := whole_number(node.key)) is not None:
            steps.append(number)
        else:
            return None
        node = node.term
    return tuple(reversed(steps))


def whole_number(node: Node) -> int | None:
    """Return the value of an integer of at most nine digits, or of its negative; None of any other part."""
    if isinstance(node, Negation):
        number = whole_number(node.body) if isinstance(node.body, Number) else None
        # jq writes `-0`.
        return -number if number else None
    if isinstance(node, Number) and node.text.isdecimal() and len(node.text) <= len("999999999"):
        return int(node.text)
    return None


def _reads(node: Node) -> Iterator[Read]:  # noqa: C901 - one case per part of the language
    """Yield what a part reads whose input is the document."""
    match node:
        case Field() | Index():
            yield from _step(node)
        case Slice():
            yield from _all(node.term, node.low, node.high)
        case Each():
            yield from _reads(node.term)
        case Number() | Variable() | Break():
            pass
        case Group() | Negation():
            yield from _reads(node.body)
        case Array():
            yield from _all(node.body)
        case Try():
            # The handler's input is the error.
            yield from _reads(node.body)
        case String():
            yield from _all(*(part for part in node.parts if isinstance(part, Node)))
        case Pipe():
            yield from _pipe(node)
        case Comma():
            yield from _all(node.left, node.right)
        case Binary() if node.operator in _OPERATORS:
            yield from _all(node.left, node.right)
        case Object():
            for member in node.members:
                yield from _member(member.key, member.value)
        case Condition():
            yield from _condition(node)
        case Fold():
            # The input of the updates is what was gathered so far.
            yield from _all(node.source, node.start_with)
        case Binding():
            yield from _all(node.source, node.body)
        case Label():
            yield from _reads(node.body)
        case Call():
            yield from _call(node)
        case _:
            raise _WholeDocumentError


def _all(*nodes: Node | None) -> Iterator[Read]:
    for node in nodes:
        if node is not None:
            yield from _reads(node)


def _step(node: Field | Index) -> Iterator[Read]:
    path = static_path(_bare(node))
    if path:
        yield Read(node.start, node.bare_end, path)
        return
    yield from _reads(node.term)
    if isinstance(node, Index):
        yield from _reads(node.key)


def _bare(node: Field | Index) -> Node:
    """Return the step without its `?`."""
    if isinstance(node, Field):
        return Field(node.start, node.end, node.term, node.name, False, node.bare_end)
    return Index(node.start, node.end, node.term, node.key, False, node.bare_end)


def _pipe(node: Pipe) -> Iterator[Read]:
    yield from _reads(node.left)
    # A left side that can pass the document on has raised above; what it gives is something else.


def _member(key: Node, value: Node | None) -> Iterator[Read]:
    if isinstance(key, Variable):
        pass
    elif value is None:
        name = _key_text(key)
        yield Read(key.start, key.end, (name,), f'"{name}":')
        return
    else:
        yield from _reads(key)
    yield from _all(value)


def _key_text(key: Node) -> str:
    if isinstance(key, String) and not key.format and len(key.parts) == 1:
        (name,) = key.parts
        if isinstance(name, str) and name.isidentifier() and name.isascii():
            return name
    raise _WholeDocumentError


def _condition(node: Condition) -> Iterator[Read]:
    if node.otherwise is None:
        # It passes its input on.
        raise _WholeDocumentError
    for condition, chosen in node.branches:
        yield from _all(condition, chosen)
    yield from _reads(node.otherwise)


def _call(node: Call) -> Iterator[Read]:
    if not node.arguments:
        if node.name not in _WITHOUT_INPUT:
            raise _WholeDocumentError
        return
    if (node.name, len(node.arguments)) in _ON_THE_SAME:
        yield from _all(*node.arguments)
        return
    if (node.name, len(node.arguments)) in {("any", 2), ("all", 2)}:
        # The input of the condition is what the generator gives.
        yield from _reads(node.arguments[0])
        return
    raise _WholeDocumentError
