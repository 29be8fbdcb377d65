"""Follows an expression over what is known of its input: the fields it asks for in vain, what it gives.

It says nothing where it does not know: an unknown function, a variable, a field of unknown content.
"""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from shared.jq_calls import GIVES, KEEPS_LIST, OF_ITEMS, SAME_INPUT
from shared.jq_findings import Finding, called, no_fields, types_of, unknown_field
from shared.jq_shape import (
    ANY,
    BOOLEAN,
    NEVER,
    NULL,
    NUMBER,
    Shape,
    array_of,
    either,
)
from shared.jq_tree import (
    Array,
    Binary,
    Binding,
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
    plain_text,
)

_COMPARISONS: Final = frozenset(["==", "!=", "<", "<=", ">", ">=", "and", "or"])
_ARITHMETIC: Final = frozenset(["+", "-", "*", "/", "%"])


class Typed(NamedTuple):
    """What following an expression found.

    Attributes:
        gives: What it may give.
        findings: In the order of the text.
    """

    gives: Shape
    findings: tuple[Finding, ...]


def follow(node: Node, given: Shape) -> Typed:
    """Follow an expression.

    Args:
        node: The expression, taken apart.
        given: What its input is known to be.
    """
    follower = _Follower()
    gives = follower.shape(node, given)
    return Typed(gives, tuple(dict.fromkeys(sorted(follower.findings))))


class _Follower:
    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self._quiet = 0

    def shape(self, node: Node, given: Shape) -> Shape:  # noqa: C901 - a case per part
        """Return what a part gives."""
        match node:
            case Identity():
                return given
            case Group() | Label():
                return self.shape(node.body, given)
            case Field():
                return self._field(self.shape(node.term, given), node.name, _name_at(node), node.optional)
            case Index():
                return self._index(node, given)
            case Each():
                return self._each(self.shape(node.term, given), node)
            case Slice():
                return self.shape(node.term, given)
            case Number():
                return NUMBER
            case String():
                for part in node.parts:
                    if isinstance(part, Node):
                        self.shape(part, given)
                return Shape(frozenset({"string"}), values=_text_of(node))
            case Pipe():
                return self.shape(node.right, self.shape(node.left, given))
            case Comma():
                return either([self.shape(node.left, given), self.shape(node.right, given)])
            case Binary():
                return self._binary(node, given)
            case Negation():
                self.shape(node.body, given)
                return NUMBER
            case Array():
                return array_of(None if node.body is None else self.shape(node.body, given))
            case Object():
                return self._object(node, given)
            case Try():
                return self._try(node, given)
            case Condition():
                return self._condition(node, given)
            case Binding():
                self.shape(node.source, given)
                return self.shape(node.body, given)
            case Fold():
                self.shape(node.source, given)
                return ANY
            case Call():
                return self._call(node, given)
            case _:
                return ANY

    def _field(self, of: Shape, name: str, at: int, optional: bool) -> Shape:
        if not of.is_known:
            return ANY
        if not of.may_be("object", "null"):
            if of.types and not optional:
                self._say(at, no_fields(of, name), fails=True)
            return ANY
        if not of.may_be("object"):
            return NULL
        if of.fields is None:
            return ANY
        if name not in of.fields:
            self._say(at, unknown_field(of, name))
            return ANY
        found = of.fields[name]()
        # In jq a field of null is null.
        return found.or_null() if of.may_be("null") and found.is_known else found

    def _index(self, node: Index, given: Shape) -> Shape:
        of = self.shape(node.term, given)
        key = self.shape(node.key, given)
        if key.types == {"string"}:
            (name,) = key.values if len(key.values) == 1 else ("",)
            return self._field(of, name, node.key.start, node.optional) if name else ANY
        if key.types == {"number"} and of.may_be("array") and of.items is not None:
            return of.items.or_null() if of.items.is_known else ANY
        return ANY

    def _each(self, of: Shape, node: Each) -> Shape:
        if of.is_known and of.types and not of.may_be("array", "object") and not node.optional:
            self._say(node.start, f"{called(of)} is {types_of(of)}, which has no items: it fails", fails=True)
        return of.items if of.items is not None and not of.may_be("object") else ANY

    def _binary(self, node: Binary, given: Shape) -> Shape:
        left, right = self.shape(node.left, given), ANY
        if not node.operator.endswith("=") or node.operator in _COMPARISONS:
            right = self.shape(node.right, given)
        if node.operator in _COMPARISONS:
            return BOOLEAN
        if node.operator == "//":
            return either([left.without_null() if left.is_known else ANY, right])
        if node.operator == "+" and left.is_known and right.is_known:
            # Null adds nothing.
            null = left.types & right.types & {"null"}
            return Shape((left.types | right.types) - {"null"} | null)
        if node.operator in _ARITHMETIC and left.types == right.types == {"number"}:
            return NUMBER
        return ANY

    def _object(self, node: Object, given: Shape) -> Shape:
        fields: dict[str, Callable[[], Shape]] = {}
        is_closed = True
        for member in node.members:
            name = _text_of(member.key) if isinstance(member.key, String) else frozenset[str]()
            if member.value is None:
                value = (
                    self._field(given, next(iter(name)), member.key.start, optional=False) if name else ANY
                )
            else:
                value = self.shape(member.value, given)
            if len(name) == 1:
                fields[next(iter(name))] = _kept(value)
            else:
                is_closed = False
        return Shape(frozenset({"object"}), fields if is_closed else None)

    def _try(self, node: Try, given: Shape) -> Shape:
        # It says itself that this may fail; a field that is never there is in vain all the same.
        self._quiet += 1
        body = self.shape(node.body, given)
        self._quiet -= 1
        return either([body, ANY if node.handler is not None else NEVER])

    def _condition(self, node: Condition, given: Shape) -> Shape:
        chosen: list[Shape] = []
        for condition, then in node.branches:
            self.shape(condition, given)
            chosen.append(self.shape(then, given))
        chosen.append(given if node.otherwise is None else self.shape(node.otherwise, given))
        return either(chosen)

    def _call(self, node: Call, given: Shape) -> Shape:
        name, arguments = node.name, node.arguments
        if name in OF_ITEMS and len(arguments) == 1:
            items = given.items if given.items is not None and not given.may_be("object") else ANY
            each = self.shape(arguments[0], items)
            return array_of(each) if name == "map" else self._of_list(name, given)
        if name in {"any", "all"} and len(arguments) == 2:
            self.shape(arguments[1], self.shape(arguments[0], given))
            return BOOLEAN
        results = [self.shape(one, given) for one in arguments] if name in SAME_INPUT else []
        if name == "select":
            return given
        if name in {"first", "last"} and results:
            return results[0]
        if name == "limit" and len(results) == 2:
            return results[1]
        if name == "add" and results:
            return ANY
        return GIVES.get(name) or self._of_list(name, given)

    def _of_list(self, name: str, given: Shape) -> Shape:
        items = given.items if given.items is not None else ANY
        if name == "reverse" and given.may_be("string"):
            return ANY
        if name in KEEPS_LIST:
            return array_of(given.items)
        if name == "group_by":
            return array_of(array_of(given.items))
        if name in {"first", "last", "min", "max", "add", "min_by", "max_by"}:
            return items.or_null() if items.is_known else ANY
        if name in {"values", "strings", "numbers", "booleans", "arrays", "objects"}:
            return given.without_null() if given.is_known and name == "values" else ANY
        return ANY

    def _say(self, at: int, says: str, *, fails: bool = False) -> None:
        if not (self._quiet and fails):
            self.findings.append(Finding(at, says, fails))


def conjuncts(node: Node) -> Iterator[Node]:
    """Return the conditions that must all hold for a condition to hold."""
    while isinstance(node, Group):
        node = node.body
    if isinstance(node, Binary) and node.operator == "and":
        yield from conjuncts(node.left)
        yield from conjuncts(node.right)
    else:
        yield node


def _kept(shape: Shape) -> Callable[[], Shape]:
    return lambda: shape


def _text_of(node: String) -> frozenset[str]:
    """Return the text of a string without expressions in it, else nothing."""
    text = plain_text(node)
    return frozenset() if text is None else frozenset({text})


def _name_at(node: Field) -> int:
    return max(node.start, node.bare_end - len(node.name))
