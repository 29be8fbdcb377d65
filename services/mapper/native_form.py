"""Joins what evaluates the parts of an expression, and says what of them has exactly one value."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from services.mapper.native_functions import Single, each
from services.mapper.native_values import RaisedError, is_truthy
from shared.jq_engine import Json
from shared.jq_text import Path

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


class ForLibjqError(Exception):
    """The part is none of the forms known here."""


def one(single: Single) -> Form:
    """Return a form that has exactly one value."""
    return Form(lambda value: (single(value),), single)


def itself(value: Json) -> Json:
    """Return its input: `.`."""
    return value


def constant(value: Json) -> Form:
    """Return a form of a value that nobody changes."""
    return one(lambda _: value)


def single_of(form: Form) -> Single:
    """Return what gives the one value of a form.

    Raises:
        ForLibjqError: It may have none, or several.
    """
    if form.single is None:
        raise ForLibjqError
    return form.single


def follow(path: Path) -> Single:
    """Return what follows a path; it raises `RaisedError` where jq cannot index."""
    if len(path) == 1 and isinstance(path[0], str):
        return member(path[0])

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


def member(name: str) -> Single:
    """Return `.name`."""

    def found(value: Json) -> Json:
        if type(value) is dict:
            return value.get(name)
        if value is None:
            return None
        raise RaisedError

    return found


def after(term: Form, step: Single) -> Form:
    """Return a term with a step behind it."""
    single = term.single
    if single is not None:
        return one(lambda value: step(single(value)))
    return Form(lambda value: map(step, term.several(value)))


def piped(left: Form, right: Form) -> Form:
    """Return `left | right`."""
    if right.single is not None:
        return after(left, right.single)
    first, then = left.single, right.several
    if first is not None:
        return Form(lambda value: then(first(value)))

    def several(value: Json) -> Iterator[Json]:
        for found in left.several(value):
            yield from then(found)

    return Form(several)


def optional(form: Form) -> Form:
    """Return a form that ends where it raises: `(…)?`."""

    def several(value: Json) -> Iterator[Json]:
        try:
            yield from form.several(value)
        except RaisedError:
            return

    return Form(several)


def alternative(left: Form, right: Form) -> Form:
    """Return `left // right`."""
    if left.single is not None and right.single is not None:
        first, second = left.single, right.single

        def chosen(value: Json) -> Json:
            found = first(value)
            return found if is_truthy(found) else second(value)

        return one(chosen)

    def several(value: Json) -> Iterator[Json]:
        is_found = False
        for found in left.several(value):
            if is_truthy(found):
                is_found = True
                yield found
        if not is_found:
            yield from right.several(value)

    return Form(several)


def either(condition: Single, chosen: Form, otherwise: Form) -> Form:
    """Return `if condition then chosen else otherwise end`."""
    if chosen.single is not None and otherwise.single is not None:
        first, second = chosen.single, otherwise.single
        return one(lambda value: first(value) if is_truthy(condition(value)) else second(value))
    return Form(lambda value: (chosen if is_truthy(condition(value)) else otherwise).several(value))


def selected(passes: Callable[[Json], bool]) -> Form:
    """Return what passes its input on, or nothing."""
    return Form(lambda value: (value,) if passes(value) else ())


def mapped(form: Form) -> Form:
    """Return `map(…)`."""
    several = form.several
    return one(lambda value: [made for found in each(value) for made in several(found)])
