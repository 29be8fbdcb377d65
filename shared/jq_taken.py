"""Says of which places of the document an expression takes all that is there, whatever the keys in it are.

`.users` takes all of the users, `[.users[].name]` only their names, `tojson` the whole document. Where an
expression does what is not known here, it is taken to take all that it is given.
"""

from functools import partial
from typing import Final, NamedTuple, Union

from shared.jq_parser import parse
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
    Member,
    Negation,
    Node,
    Number,
    Object,
    Pipe,
    Slice,
    String,
    Try,
    Variable,
    plain_text,
)

EACH: Final = "[]"
"""The step to every item of a list, and to every value of an object."""
Place = tuple[str, ...]


class _Made(NamedTuple):
    """A list that the expression makes, of values that stand somewhere."""

    items: "_Value"


_Value = frozenset[Union[Place, "_Made"]]
"""Where what a part gives may stand in the document; empty: it is something new."""
_NEW: Final[_Value] = frozenset()
_ROOT: Final[_Value] = frozenset({()})
_OF_NOTHING: Final = frozenset(
    [
        "length",
        "not",
        "type",
        "empty",
        "true",
        "false",
        "null",
        "now",
        "infinite",
        "nan",
        "env",
        "isempty",
        "any",
        "all",
    ]
)
"""Calls without arguments that see no key of what they are given, or nothing of it at all."""
_SAME: Final = frozenset(
    [
        "reverse",
        "sort",
        "unique",
        "values",
        "nulls",
        "strings",
        "objects",
        "arrays",
        "scalars",
        "iterables",
        "numbers",
        "booleans",
    ]
)
_ONE_ITEM: Final = frozenset(["first", "last", "min", "max", "add"])
_BY: Final = frozenset(["sort_by", "unique_by", "group_by", "min_by", "max_by"])


def taken_by(text: str, item_name: str = "", items: str | None = None) -> frozenset[Place]:
    """Return the places that an expression takes whole; none where it cannot be taken apart.

    Args:
        text: It compiles.
        item_name: Under which name the document has an item, where the entry has items.
        items: The expression of these items.
    """
    node, listed = parse(text), None if items is None else parse(items)
    if node is None:
        return frozenset()
    follower = _Follower(item_name, _each(_Follower("", _NEW).value(listed, _ROOT)) if listed else _NEW)
    follower.take(follower.value(node, _ROOT))
    return frozenset(follower.taken)


def holds(taken: Place, place: Place) -> bool:
    """Return whether what is taken whole has a place in it."""
    return len(taken) <= len(place) and all(
        one in {EACH, other} for one, other in zip(taken, place, strict=False)
    )


def _each(of: _Value) -> _Value:
    found: set[Place | _Made] = set()
    for one in of:
        if isinstance(one, _Made):
            found |= one.items
        else:
            found.add((*one, EACH))
    return frozenset(found)


class _Follower:
    def __init__(self, item_name: str, item: _Value) -> None:
        self.taken: set[Place] = set()
        self._item_name, self._item = item_name, item
        self._variables: dict[str, _Value] = {}

    def take(self, value: _Value) -> _Value:
        """Note that all of it is taken; what is made of it is something new."""
        for one in value:
            if isinstance(one, _Made):
                self.take(one.items)
            else:
                self.taken.add(one)
        return _NEW

    def value(self, node: Node, given: _Value) -> _Value:  # noqa: C901 - a case per part
        """Return where what a part gives stands."""
        follow = partial(self.value, given=given)
        match node:
            case Identity():
                return given
            case Number() | Break():
                return _NEW
            case Variable():
                return self._variables.get(node.name, _NEW)
            case Group() | Label():
                return follow(node.body)
            case Field():
                return self._step(follow(node.term), node.name)
            case Index():
                return self._index(node, given)
            case Slice():
                return follow(node.term)
            case Each():
                return _each(follow(node.term))
            case Try():
                return follow(node.body) | (_NEW if node.handler is None else self.value(node.handler, _NEW))
            case String():
                return self._take_all(given, *(part for part in node.parts if isinstance(part, Node)))
            case Pipe():
                return self.value(node.right, follow(node.left))
            case Comma():
                return follow(node.left) | follow(node.right)
            case Binary():
                return self._binary(node, given)
            case Negation():
                return self.take(follow(node.body))
            case Array():
                return _NEW if node.body is None else frozenset({_Made(follow(node.body))})
            case Object():
                for member in node.members:
                    self._member(member, given)
                return _NEW
            case Condition():
                return self._condition(node, given)
            case Fold():
                return self._fold(node, given)
            case Binding():
                self._variables[node.name] = follow(node.source)
                return follow(node.body)
            case Call():
                return self._call(node, given)
            case _:
                return self.take(given)

    def _take_all(self, given: _Value, *nodes: Node) -> _Value:
        for node in nodes:
            self.take(self.value(node, given))
        return _NEW

    def _step(self, of: _Value, name: str) -> _Value:
        found: set[Place | _Made] = set()
        for one in of:
            if isinstance(one, _Made):
                continue
            if not one and name == self._item_name:
                found |= self._item
            else:
                found.add((*one, name))
        return frozenset(found)

    def _index(self, node: Index, given: _Value) -> _Value:
        of = self.value(node.term, given)
        if (name := plain_text(node.key)) is not None:
            return self._step(of, name)
        self.take(self.value(node.key, given))
        return _each(of)

    def _binary(self, node: Binary, given: _Value) -> _Value:
        left, right = self.value(node.left, given), self.value(node.right, given)
        if node.operator in {"//", "+"}:
            return left | right
        if node.operator in {"and", "or"}:
            return _NEW
        return self.take(left | right | (given if node.operator.endswith("|=") else _NEW))

    def _member(self, member: Member, given: _Value) -> None:
        name = plain_text(member.key)
        if member.value is not None:
            self._take_all(given, member.key, member.value)
        elif name is not None:
            self.take(self._step(given, name))
        else:
            self.take(self.value(member.key, given))

    def _condition(self, node: Condition, given: _Value) -> _Value:
        found = given if node.otherwise is None else self.value(node.otherwise, given)
        for condition, chosen in node.branches:
            self.value(condition, given)
            found |= self.value(chosen, given)
        return found

    def _fold(self, node: Fold, given: _Value) -> _Value:
        self._variables[node.name] = self.value(node.source, given)
        found = self.value(node.start_with, given)
        for update in node.updates:
            found |= self.value(update, found)
        return found

    def _call(self, node: Call, given: _Value) -> _Value:  # noqa: C901 - a case per call
        match node.name, node.arguments:
            case name, () if name in _OF_NOTHING:
                return _NEW
            case name, () if name in _SAME:
                return given
            case name, () if name in _ONE_ITEM:
                return _each(given)
            case "map" | "map_values", (one,):
                return frozenset({_Made(self.value(one, _each(given)))})
            case "select" | "del", (one,):
                self.value(one, given)
                return given
            case "first" | "last" | "add", (one,):
                return self.value(one, given)
            case "limit", (number, one):
                self.take(self.value(number, given))
                return self.value(one, given)
            case "any" | "all", (one,):
                self.value(one, _each(given))
                return _NEW
            case "any" | "all", (many, one):
                self.value(one, self.value(many, given))
                return _NEW
            case "has" | "range" | "isempty", arguments:
                return self._take_all(given, *arguments)
            case name, (one,) if name in _BY:
                self.take(self.value(one, _each(given)))
                return _each(given) if name.startswith("m") else given
            case _, arguments:
                self._take_all(given, *arguments)
                return self.take(given)
