"""Makes of the parts of an expression what evaluates them on a parsed document as jq does."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from services.mapper.native_calls import call_form
from services.mapper.native_form import (
    ForLibjqError,
    Form,
    after,
    alternative,
    constant,
    either,
    follow,
    itself,
    member,
    one,
    optional,
    piped,
    single_of,
)
from services.mapper.native_functions import FORMATS, Single, each
from services.mapper.native_values import (
    LeftError,
    add,
    as_text,
    compare,
    divide,
    is_truthy,
    multiply,
    subtract,
)
from shared.jq_engine import Json
from shared.jq_parser import plain_text
from shared.jq_reads import static_path, whole_number
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
    Format,
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

Cell = list[Json]
"""Holds the value of a variable while what it is bound in is evaluated; a label's is empty."""
Scope = Mapping[str, Cell]
"""What is bound where a part stands; a label's name has `*` before it."""


class _BreakError(Exception):
    """`break` out of a label, known by its cell."""

    def __init__(self, label: Cell) -> None:
        super().__init__()
        self.label = label


def native_form(node: Node) -> Form | None:
    """Return what evaluates a part as jq does; None: libjq must.

    What it gives raises `RaisedError` where jq raises, and `LeftError` where only libjq can tell.
    """
    try:
        return _form(node, {})
    except ForLibjqError:
        return None


def _form(node: Node, scope: Scope) -> Form:
    path = static_path(node)
    if path is not None:
        return one(follow(path) if path else itself)
    make = FORMS.get(type(node))
    if make is None:
        raise ForLibjqError
    return make(node, scope)


def _single(node: Node, scope: Scope) -> Single:
    return single_of(_form(node, scope))


def _group(node: Group, scope: Scope) -> Form:
    return _form(node.body, scope)


def _number(node: Number | Negation, _: Scope) -> Form:
    number = whole_number(node)
    if number is None:
        raise ForLibjqError
    return constant(number)


def _string(node: String, scope: Scope) -> Form:
    if node.format:
        raise ForLibjqError
    text = plain_text(node)
    if text is not None:
        return constant(text)
    parts = [
        _constant_text(part) if isinstance(part, str) else _as_text(_single(part, scope))
        for part in node.parts
    ]
    return one(lambda value: "".join([part(value) for part in parts]))


def _constant_text(text: str) -> Callable[[Json], str]:
    return lambda _: text


def _as_text(single: Single) -> Callable[[Json], str]:
    return lambda value: as_text(single(value))


def _field(node: Field, scope: Scope) -> Form:
    return _stepped(_form(node.term, scope), member(node.name), is_optional=node.optional)


def _stepped(term: Form, step: Single, *, is_optional: bool) -> Form:
    # Only the step's own error is swallowed.
    return piped(term, optional(one(step))) if is_optional else after(term, step)


def _index(node: Index, scope: Scope) -> Form:
    term = _form(node.term, scope)
    number = whole_number(node.key)
    if number is not None:
        return _stepped(term, follow((number,)), is_optional=node.optional)
    if node.optional:
        raise ForLibjqError
    of, key = single_of(term), _single(node.key, scope)

    def indexed(value: Json) -> Json:
        found, name = of(value), key(value)
        if type(found) is dict and type(name) is str:
            return found.get(name)
        if type(found) is list and type(name) is int:
            return found[name] if -len(found) <= name < len(found) else None
        if found is None and type(name) in (str, int):
            return None
        raise LeftError

    return one(indexed)


def _slice(node: Slice, scope: Scope) -> Form:
    low = None if node.low is None else whole_number(node.low)
    high = None if node.high is None else whole_number(node.high)
    if node.optional or (node.low is not None and low is None) or (node.high is not None and high is None):
        raise ForLibjqError

    def sliced(value: Json) -> Json:
        if value is None:
            return None
        if type(value) is not str and type(value) is not list:
            raise LeftError
        return value[low:high]

    return after(_form(node.term, scope), sliced)


def _each(node: Each, scope: Scope) -> Form:
    step = optional(Form(each)) if node.optional else Form(each)
    return piped(_form(node.term, scope), step)


def _try(node: Try, scope: Scope) -> Form:
    if node.handler is not None:
        raise ForLibjqError
    return optional(_form(node.body, scope))


def _pipe(node: Pipe, scope: Scope) -> Form:
    return piped(_form(node.left, scope), _form(node.right, scope))


def _comma(node: Comma, scope: Scope) -> Form:
    left, right = _form(node.left, scope), _form(node.right, scope)

    def several(value: Json) -> Iterator[Json]:
        yield from left.several(value)
        yield from right.several(value)

    return Form(several)


def _binary(node: Binary, scope: Scope) -> Form:
    if node.operator == "//":
        return alternative(_form(node.left, scope), _form(node.right, scope))
    left, right = _single(node.left, scope), _single(node.right, scope)
    if node.operator == "and":
        return one(lambda value: is_truthy(left(value)) and is_truthy(right(value)))
    if node.operator == "or":
        return one(lambda value: is_truthy(left(value)) or is_truthy(right(value)))
    operation = OPERATIONS.get(node.operator)
    if operation is None:
        raise ForLibjqError
    return one(lambda value: operation(left(value), right(value)))


OPERATIONS: Final[dict[str, Callable[[Json, Json], Json]]] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    **{operator: compare(operator) for operator in ("==", "!=", "<", "<=", ">", ">=")},
}


def _array(node: Array, scope: Scope) -> Form:
    if node.body is None:
        return one(lambda _: [])
    several = _form(node.body, scope).several
    return one(lambda value: list(several(value)))


def _object(node: Object, scope: Scope) -> Form:
    members: list[tuple[str, Single]] = []
    for found in node.members:
        name = plain_text(found.key)
        if name is None:
            raise ForLibjqError
        members.append((name, member(name) if found.value is None else _single(found.value, scope)))
    return one(lambda value: {name: get(value) for name, get in members})


def _condition(node: Condition, scope: Scope) -> Form:
    otherwise = one(itself) if node.otherwise is None else _form(node.otherwise, scope)
    for condition, chosen in reversed(node.branches):
        otherwise = either(_single(condition, scope), _form(chosen, scope), otherwise)
    return otherwise


def _call(node: Call, scope: Scope) -> Form:
    return call_form(node, lambda argument: _form(argument, scope))


def _format(node: Format, _: Scope) -> Form:
    single = FORMATS.get(node.name)
    if single is None:
        raise ForLibjqError
    return one(single)


def _variable(node: Variable, scope: Scope) -> Form:
    cell = scope.get(node.name)
    if cell is None:
        raise ForLibjqError
    return one(lambda _: cell[0])


def _binding(node: Binding, scope: Scope) -> Form:
    cell: Cell = [None]
    source, body = _form(node.source, scope), _form(node.body, {**scope, node.name: cell})

    def several(value: Json) -> Iterator[Json]:
        for found in source.several(value):
            cell[0] = found
            yield from body.several(value)

    if source.single is None or body.single is None:
        return Form(several)
    bound, single = source.single, body.single

    def with_bound(value: Json) -> Json:
        cell[0] = bound(value)
        return single(value)

    return one(with_bound)


def _fold(node: Fold, scope: Scope) -> Form:
    if node.word != "reduce" or len(node.updates) != 1:
        raise ForLibjqError
    cell: Cell = [None]
    several, begin = _form(node.source, scope).several, _single(node.start_with, scope)
    update = _single(node.updates[0], {**scope, node.name: cell})

    def reduced(value: Json) -> Json:
        gathered = begin(value)
        for found in several(value):
            cell[0] = found
            gathered = update(gathered)
        return gathered

    return one(reduced)


def _label(node: Label, scope: Scope) -> Form:
    label: Cell = []
    body = _form(node.body, {**scope, f"*{node.name}": label})

    def several(value: Json) -> Iterator[Json]:
        try:
            yield from body.several(value)
        except _BreakError as error:
            if error.label is not label:
                raise

    return Form(several)


def _break(node: Break, scope: Scope) -> Form:
    label = scope.get(f"*{node.name}")
    if label is None:
        raise ForLibjqError

    def several(_: Json) -> Iterator[Json]:
        yield from ()
        raise _BreakError(label)

    return Form(several)


FORMS: Final[dict[type[Node], Callable[..., Form]]] = {
    Array: _array,
    Binary: _binary,
    Binding: _binding,
    Break: _break,
    Call: _call,
    Comma: _comma,
    Condition: _condition,
    Each: _each,
    Field: _field,
    Fold: _fold,
    Format: _format,
    Group: _group,
    Identity: lambda *_: one(itself),
    Index: _index,
    Label: _label,
    Negation: _number,
    Number: _number,
    Object: _object,
    Pipe: _pipe,
    Slice: _slice,
    String: _string,
    Try: _try,
    Variable: _variable,
}
