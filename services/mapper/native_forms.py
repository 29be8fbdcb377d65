"""Makes of the parts of an expression what evaluates them on a parsed document as jq does."""

from collections.abc import Callable, Iterator
from functools import partial
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
from services.mapper.native_scopes import (
    Scope,
    binding_form,
    break_form,
    fold_form,
    label_form,
    variable_form,
    without_labels,
)
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
    plain_text,
)


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
    several = _form(node.body, without_labels(scope)).several
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
    inside = without_labels(scope)
    return call_form(node, lambda argument: _form(argument, inside))


def _format(node: Format, _: Scope) -> Form:
    single = FORMATS.get(node.name)
    if single is None:
        raise ForLibjqError
    return one(single)


FORMS: Final[dict[type[Node], Callable[..., Form]]] = {
    Array: _array,
    Binary: _binary,
    Binding: partial(binding_form, form_in=_form),
    Break: break_form,
    Call: _call,
    Comma: _comma,
    Condition: _condition,
    Each: _each,
    Field: _field,
    Fold: partial(fold_form, form_in=_form),
    Format: _format,
    Group: _group,
    Identity: lambda *_: one(itself),
    Index: _index,
    Label: partial(label_form, form_in=_form),
    Negation: _number,
    Number: _number,
    Object: _object,
    Pipe: _pipe,
    Slice: _slice,
    String: _string,
    Try: _try,
    Variable: variable_form,
}
