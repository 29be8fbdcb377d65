"""Makes calls of functions with arguments into what evaluates them."""

from collections.abc import Callable
from itertools import islice
from typing import Final

from services.mapper.native_form import ForLibjqError, Form, mapped, one, selected, single_of
from services.mapper.native_functions import WITH_KEY, WITH_TEXT, WITHOUT_ARGUMENTS, each
from services.mapper.native_regex import Pattern, same_pattern
from services.mapper.native_values import equal, is_truthy
from shared.jq_reads import whole_number
from shared.jq_tree import Call, Node, plain_text

FormOf = Callable[[Node], Form]
"""Makes the form of an argument, where the call stands."""


def call_form(node: Call, form_of: FormOf) -> Form:
    """Return what evaluates a call.

    Raises:
        ForLibjqError: It, or one of its arguments, is none of the forms known here.
    """
    if not node.arguments:
        return _without_arguments(node.name)
    make = CALLS.get((node.name, len(node.arguments)))
    if make is not None:
        return make(form_of, *node.arguments)
    if len(node.arguments) == 1 and node.name in WITH_TEXT:
        with_text = WITH_TEXT[node.name](_plain(node.arguments[0]))
        if with_text is not None:
            return one(with_text)
    if len(node.arguments) == 1 and node.name in WITH_KEY:
        return one(WITH_KEY[node.name](single_of(form_of(node.arguments[0]))))
    raise ForLibjqError


def _without_arguments(name: str) -> Form:
    if name == "empty":
        return Form(lambda _: ())
    if name == "values":
        return selected(lambda value: value is not None)
    single = WITHOUT_ARGUMENTS.get(name)
    if single is None:
        raise ForLibjqError
    return one(single)


def _select(form_of: FormOf, condition: Node) -> Form:
    single = single_of(form_of(condition))
    return selected(lambda value: is_truthy(single(value)))


def _map(form_of: FormOf, argument: Node) -> Form:
    return mapped(form_of(argument))


def _first(form_of: FormOf, argument: Node) -> Form:
    several = form_of(argument).several
    return Form(lambda value: islice(several(value), 1))


def _limit(form_of: FormOf, count: Node, argument: Node) -> Form:
    number = whole_number(count)
    if number is None or number < 0:
        raise ForLibjqError
    several = form_of(argument).several
    if not number:
        return Form(lambda _: ())
    return Form(lambda value: islice(several(value), number))


def _any(form_of: FormOf, condition: Node) -> Form:
    single = single_of(form_of(condition))
    return one(lambda value: any(is_truthy(single(found)) for found in each(value)))


def _all(form_of: FormOf, condition: Node) -> Form:
    single = single_of(form_of(condition))
    return one(lambda value: all(is_truthy(single(found)) for found in each(value)))


def _in(form_of: FormOf, candidates: Node) -> Form:
    several = form_of(candidates).several
    return one(lambda value: any(equal(found, value) for found in several(value)))


def _scan(_: FormOf, expression: Node) -> Form:
    pattern = _pattern(expression)
    if pattern.has_groups:
        raise ForLibjqError
    return Form(pattern.scan)


def _splits(_: FormOf, expression: Node) -> Form:
    return Form(_pattern(expression).parts)


def _sub(_: FormOf, expression: Node, replacement: Node) -> Form:
    return one(_pattern(expression).replaced(_plain(replacement), everywhere=False))


def _gsub(_: FormOf, expression: Node, replacement: Node) -> Form:
    return one(_pattern(expression).replaced(_plain(replacement), everywhere=True))


def _pattern(expression: Node) -> Pattern:
    pattern = same_pattern(_plain(expression))
    if pattern is None:
        raise ForLibjqError
    return pattern


def _plain(node: Node) -> str:
    text = plain_text(node)
    if text is None:
        raise ForLibjqError
    return text


CALLS: Final[dict[tuple[str, int], Callable[..., Form]]] = {
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
