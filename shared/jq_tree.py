"""Is a JQ expression taken apart: what its parts are and where each stands in the text."""

from collections.abc import Iterator
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Node:
    """A part of an expression.

    Attributes:
        start: Index of its first character in the text.
        end: Index behind its last one.
    """

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Identity(Node):
    """`.`."""


@dataclass(frozen=True, slots=True)
class Recurse(Node):
    """`..`."""


@dataclass(frozen=True, slots=True)
class Group(Node):
    """`(body)`."""

    body: Node


@dataclass(frozen=True, slots=True)
class Field(Node):
    """`term.name`; `bare_end` is behind the name, before a `?` that swallows this step's error."""

    term: Node
    name: str
    optional: bool
    bare_end: int


@dataclass(frozen=True, slots=True)
class Index(Node):
    """`term[key]`."""

    term: Node
    key: Node
    optional: bool
    bare_end: int


@dataclass(frozen=True, slots=True)
class Slice(Node):
    """`term[low:high]`."""

    term: Node
    low: Node | None
    high: Node | None
    optional: bool


@dataclass(frozen=True, slots=True)
class Each(Node):
    """`term[]`."""

    term: Node
    optional: bool


@dataclass(frozen=True, slots=True)
class Try(Node):
    """`term?`, or `try body catch handler`."""

    body: Node
    handler: Node | None


@dataclass(frozen=True, slots=True)
class Number(Node):
    """A number as it is written."""

    text: str


@dataclass(frozen=True, slots=True)
class String(Node):
    """A string: texts, and expressions between them; `format` is what encodes them (`@uri`), else empty."""

    parts: tuple["str | Node", ...]
    format: str


@dataclass(frozen=True, slots=True)
class Format(Node):
    """`@name` alone."""

    name: str


@dataclass(frozen=True, slots=True)
class Variable(Node):
    """`$name`."""

    name: str


@dataclass(frozen=True, slots=True)
class Pipe(Node):
    """`left | right`."""

    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Comma(Node):
    """`left, right`."""

    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Binary(Node):
    """`left operator right`, an assignment too."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Negation(Node):
    """`-body`."""

    body: Node


@dataclass(frozen=True, slots=True)
class Array(Node):
    """`[body]`; None: `[]`."""

    body: Node | None


@dataclass(frozen=True, slots=True)
class Member(Node):
    """One member of an object: `key: value`; without a value the key says both: `{id}`."""

    key: Node
    value: Node | None


@dataclass(frozen=True, slots=True)
class Object(Node):
    """`{…}`."""

    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Condition(Node):
    """`if … then … elif … else … end`; `branches` pairs conditions with what they choose."""

    branches: tuple[tuple[Node, Node], ...]
    otherwise: Node | None


@dataclass(frozen=True, slots=True)
class Fold(Node):
    """`reduce source as $name (start; update)`, or `foreach` with what it extracts."""

    word: str
    source: Node
    name: str
    start_with: Node
    updates: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Binding(Node):
    """`source as $name | body`."""

    source: Node
    name: str
    body: Node


@dataclass(frozen=True, slots=True)
class Label(Node):
    """`label $name | body`."""

    name: str
    body: Node


@dataclass(frozen=True, slots=True)
class Break(Node):
    """`break $name`."""

    name: str


@dataclass(frozen=True, slots=True)
class Call(Node):
    """`name(arguments)`."""

    name: str
    arguments: tuple[Node, ...]


def parts_of(node: Node) -> Iterator[Node]:
    """Yield the parts that a part is made of, the nearest ones only."""
    for one in fields(node):
        yield from _nodes_in(getattr(node, one.name))


def _nodes_in(value: object) -> Iterator[Node]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, tuple):
        for one in value:
            yield from _nodes_in(one)


def plain_text(node: Node) -> str | None:
    """Return the text of a string that interpolates nothing; None of any other part."""
    if not isinstance(node, String) or node.format:
        return None
    if any(isinstance(part, Node) for part in node.parts):
        return None
    return "".join(str(part) for part in node.parts)
