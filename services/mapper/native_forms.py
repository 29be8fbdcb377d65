"""Makes of the parts of an expression what evaluates them on a parsed document as jq does."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from services.mapper.native_functions import WITH_KEY, WITH_TEXT, WITHOUT_ARGUMENTS, Single, each
from services.mapper.native_regex import Pattern, same_pattern
from services.mapper.native_values import (
    LeftError,
    RaisedError,
    add,
    as_text,
    compare,
    divide,
    equal,
    is_truthy,
    multiply,
    subtract,
)
from shared.jq_engine import Json
from shared.jq_parser import plain_text
from shared.jq_reads import static_path, whole_number
from shared.jq_text import Path
from shared.jq_tree import (
    Array,
    Binary,
    Call,
    Comma,
    Condition,
    Each,
    Field,
    Group,
    Index,
    Negation,
    Node,
    Number,
    Object,
    Pipe,
    Slice,
    String,
    Try,
)

Several = Callable[[Json], Iterable[Json]]
"""Gives any number of values, each when it is asked for."""


@dataclass(frozen=True, slots=True)
class Form:
    """What evaluates a part.

    Attributes:
        several: Gives its values; may raise on the way to any of them.
        single: Gives the one value that it always has; None: it may have none, or several.
    """

    several: Several
    single: Single | None = None


class _ForLibjqError(Exception):
    """The part is none of the forms known here."""


def native_form(node: Node) -> Form | None:
    """Return what evaluates a part as jq does; None: libjq must.

    What it gives raises `RaisedError` where jq raises, and `LeftError` where only libjq can tell.
    """
    try:
        return _form(node)
    except _ForLibjqError:
        return None


def follow(path: Path) -> Single:
    """Return what follows a path; it raises `RaisedError` where jq cannot index."""
    if len(path) == 1 and isinstance(path[0], str):
        return _member(path[0])

    def followed(value: Json) -> Json:
        for step in path:
            if value is None:
                return None
            kind = type(value)
            if type(step) is str and kind is dict:
                value = value.get(step)
            elif type(step) is int and kind is list:
                value = value[step] if -len(value) <= step < len(value) else None
            else:
                raise RaisedError
        return value

    return followed


def _member(name: str) -> Single:
    def member(value: Json) -> Json:
        if type(value) is dict:
            return value.get(name)
        if value is None:
            return None
        raise RaisedError

    return member


def _form(node: Node) -> Form:
    path = static_path(node)
    if path is not None:
        return _one(follow(path) if path else _itself)
    make = _FORMS.get(type(node))
    if make is None:
        raise _ForLibjqError
    return make(node)


def _one(single: Single) -> Form:
    return Form(lambda value: (single(value),), single)


def _itself(value: Json) -> Json:
    return value


def _single(node: Node) -> Single:
    single = _form(node).single
    if single is None:
        raise _ForLibjqError
    return single


def _constant(value: Json) -> Form:
    return _one(lambda _: value)


def _group(node: Group) -> Form:
    return _form(node.body)


def _number(node: Number | Negation) -> Form:
    number = whole_number(node)
    if number is None:
        raise _ForLibjqError
    return _constant(number)


def _string(node: String) -> Form:
    if node.format:
        raise _ForLibjqError
    text = plain_text(node)
    if text is not None:
        return _constant(text)
    parts = [
        _constant_text(part) if isinstance(part, str) else _as_text(_single(part)) for part in node.parts
    ]
    return _one(lambda value: "".join([part(value) for part in parts]))


def _constant_text(text: str) -> Callable[[Json], str]:
    return lambda _: text


def _as_text(single: Single) -> Callable[[Json], str]:
    return lambda value: as_text(single(value))


def _after(term: Form, step: Single) -> Form:
    """Return a term with a step behind it."""
    single = term.single
    if single is not None:
        return _one(lambda value: step(single(value)))
    return Form(lambda value: map(step, term.several(value)))


def _optional(form: Form) -> Form:
    """Return a form that ends where it raises."""

    def several(value: Json) -> Iterator[Json]:
        try:
            yield from form.several(value)
        except RaisedError:
            return

    return Form(several)


def _optional_step(term: Form, step: Form) -> Form:
    """Return a term with a step behind it that gives nothing where it raises."""
    swallowing = _optional(step)
    return _piped(term, swallowing)


def _field(node: Field) -> Form:
    term = _form(node.term)
    if node.optional:
        return _optional_step(term, _one(_member(node.name)))
    return _after(term, _member(node.name))


def _index(node: Index) -> Form:
    term = _form(node.term)
    number = whole_number(node.key)
    if number is not None:
        step = follow((number,))
        return _optional_step(term, _one(step)) if node.optional else _after(term, step)
    if node.optional or term.single is None:
        raise _ForLibjqError
    of, key = term.single, _single(node.key)

    def indexed(value: Json) -> Json:
        found, name = of(value), key(value)
        if type(found) is dict and type(name) is str:
            return found.get(name)
        if type(found) is list and type(name) is int:
            return found[name] if -len(found) <= name < len(found) else None
        if found is None and type(name) in (str, int):
            return None
        raise LeftError

    return _one(indexed)


def _slice(node: Slice) -> Form:
    low = None if node.low is None else whole_number(node.low)
    high = None if node.high is None else whole_number(node.high)
    if node.optional or (node.low is not None and low is None) or (node.high is not None and high is None):
        raise _ForLibjqError

    def sliced(value: Json) -> Json:
        if value is None:
            return None
        if type(value) is not str and type(value) is not list:
            raise LeftError
        return value[low:high]

    return _after(_form(node.term), sliced)


def _each(node: Each) -> Form:
    step = Form(each)
    if node.optional:
        step = _optional(step)
    return _piped(_form(node.term), step)


def _try(node: Try) -> Form:
    if node.handler is not None:
        raise _ForLibjqError
    return _optional(_form(node.body))


def _pipe(node: Pipe) -> Form:
    return _piped(_form(node.left), _form(node.right))


def _piped(left: Form, right: Form) -> Form:
    if right.single is not None:
        return _after(left, right.single)
    first, then = left.single, right.several
    if first is not None:
        return Form(lambda value: then(first(value)))

    def several(value: Json) -> Iterator[Json]:
        for one in left.several(value):
            yield from then(one)

    return Form(several)


def _comma(node: Comma) -> Form:
    left, right = _form(node.left), _form(node.right)

    def several(value: Json) -> Iterator[Json]:
        yield from left.several(value)
        yield from right.several(value)

    return Form(several)


def _binary(node: Binary) -> Form:
    if node.operator == "//":
        return _alternative(_form(node.left), _form(node.right))
    left, right = _single(node.left), _single(node.right)
    if node.operator == "and":
        return _one(lambda value: is_truthy(left(value)) and is_truthy(right(value)))
    if node.operator == "or":
        return _one(lambda value: is_truthy(left(value)) or is_truthy(right(value)))
    operation = _OPERATIONS.get(node.operator)
    if operation is None:
        raise _ForLibjqError
    return _one(lambda value: operation(left(value), right(value)))


_OPERATIONS: Final[dict[str, Callable[[Json, Json], Json]]] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    **{operator: compare(operator) for operator in ("==", "!=", "<", "<=", ">", ">=")},
}


def _alternative(left: Form, right: Form) -> Form:
    if left.single is not None and right.single is not None:
        first, second = left.single, right.single

        def chosen(value: Json) -> Json:
            found = first(value)
            return found if is_truthy(found) else second(value)

        return _one(chosen)

    def several(value: Json) -> Iterator[Json]:
        found = False
        for one in left.several(value):
            if is_truthy(one):
                found = True
                yield one
        if not found:
            yield from right.several(value)

    return Form(several)


def _array(node: Array) -> Form:
    if node.body is None:
        return _one(lambda _: [])
    several = _form(node.body).several
    return _one(lambda value: list(several(value)))


def _object(node: Object) -> Form:
    members: list[tuple[str, Single]] = []
    for member in node.members:
        name = plain_text(member.key)
        if name is None:
            raise _ForLibjqError
        members.append((name, _member(name) if member.value is None else _single(member.value)))
    return _one(lambda value: {name: get(value) for name, get in members})


def _condition(node: Condition) -> Form:
    otherwise = _one(_itself) if node.otherwise is None else _form(node.otherwise)
    for condition, chosen in reversed(node.branches):
        otherwise = _either(_single(condition), _form(chosen), otherwise)
    return otherwise


def _either(condition: Single, chosen: Form, otherwise: Form) -> Form:
    if chosen.single is not None and otherwise.single is not None:
        one, other = chosen.single, otherwise.single
        return _one(lambda value: one(value) if is_truthy(condition(value)) else other(value))
    return Form(lambda value: (chosen if is_truthy(condition(value)) else otherwise).several(value))


def _call(node: Call) -> Form:
    if not node.arguments:
        if node.name == "empty":
            return Form(lambda _: ())
        if node.name == "values":
            return _selected(lambda value: value is not None)
        single = WITHOUT_ARGUMENTS.get(node.name)
        if single is None:
            raise _ForLibjqError
        return _one(single)
    make = _CALLS.get((node.name, len(node.arguments)))
    if make is not None:
        return make(*node.arguments)
    if len(node.arguments) == 1 and node.name in WITH_TEXT:
        text = plain_text(node.arguments[0])
        with_text = None if text is None else WITH_TEXT[node.name](text)
        if with_text is not None:
            return _one(with_text)
    if len(node.arguments) == 1 and node.name in WITH_KEY:
        return _one(WITH_KEY[node.name](_single(node.arguments[0])))
    raise _ForLibjqError


def _selected(passes: Callable[[Json], bool]) -> Form:
    return Form(lambda value: (value,) if passes(value) else ())


def _select(condition: Node) -> Form:
    single = _single(condition)
    return _selected(lambda value: is_truthy(single(value)))


def _map(argument: Node) -> Form:
    form = _form(argument)

    def mapped(value: Json) -> Json:
        return [made for one in each(value) for made in form.several(one)]

    return _one(mapped)


def _first(argument: Node) -> Form:
    several = _form(argument).several
    return Form(lambda value: islice(several(value), 1))


def _limit(count: Node, argument: Node) -> Form:
    number = whole_number(count)
    if number is None or number < 0:
        raise _ForLibjqError
    several = _form(argument).several
    return Form(lambda value: islice(several(value), number))


def _any(condition: Node) -> Form:
    single = _single(condition)
    return _one(lambda value: any(is_truthy(single(one)) for one in each(value)))


def _all(condition: Node) -> Form:
    single = _single(condition)
    return _one(lambda value: all(is_truthy(single(one)) for one in each(value)))


def _in(candidates: Node) -> Form:
    several = _form(candidates).several
    return _one(lambda value: any(equal(one, value) for one in several(value)))


def _scan(expression: Node) -> Form:
    pattern = _pattern(expression)
    if pattern.has_groups:
        raise _ForLibjqError
    return Form(pattern.scan)


def _splits(expression: Node) -> Form:
    return Form(_pattern(expression).parts)


def _sub(expression: Node, replacement: Node) -> Form:
    return _one(_pattern(expression).replaced(_plain(replacement), everywhere=False))


def _gsub(expression: Node, replacement: Node) -> Form:
    return _one(_pattern(expression).replaced(_plain(replacement), everywhere=True))


def _pattern(expression: Node) -> Pattern:
    pattern = same_pattern(_plain(expression))
    if pattern is None:
        raise _ForLibjqError
    return pattern


def _plain(node: Node) -> str:
    text = plain_text(node)
    if text is None:
        raise _ForLibjqError
    return text


_CALLS: Final[dict[tuple[str, int], Callable[..., Form]]] = {
    ("select", 1): _select,
    ("map", 1): _map,
    ("first", 1): _first,
    ("limit", 2): _limit,
    ("any", 1): _any,
    ("all", 1): _all,
    ("IN", 1): _in,
    ("scan", 1): _scan,
    ("splits", 1): _splits,
    ("sub", 2): _sub,
    ("gsub", 2): _gsub,
}

_FORMS: Final[dict[type[Node], Callable[..., Form]]] = {
    Array: _array,
    Binary: _binary,
    Call: _call,
    Comma: _comma,
    Condition: _condition,
    Each: _each,
    Field: _field,
    Group: _group,
    Index: _index,
    Negation: _number,
    Number: _number,
    Object: _object,
    Pipe: _pipe,
    Slice: _slice,
    String: _string,
    Try: _try,
}
