"""Compares, orders and adds values as jq does, where Python's numbers are sure to be jq's."""

from collections.abc import Callable, Iterable
from typing import Final

from shared.jq_engine import Json

EXACT: Final = 2**53
"""Integers below it are the same in Python and as a double; libjq judges larger ones, and fractions."""
_RANKS: Final[dict[type, int]] = {type(None): 0, bool: 1, int: 2, str: 3}
"""jq's order of scalars; false stands before true by itself."""
_TYPES: Final[dict[type, str]] = {
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
    type(None): "null",
}

OrderKey = tuple[int, Json]


class RaisedError(Exception):
    """The expression raises on this document, as it does in jq."""


class LeftError(Exception):
    """A value that only libjq can judge."""


def type_name(value: Json) -> str:
    """Return the type of a value in jq's words."""
    return _TYPES[type(value)]


def is_truthy(value: Json) -> bool:
    """Whether a value counts as true: all but false and null do."""
    return value is not None and value is not False


def equal(left: Json, right: Json) -> bool:
    """Return whether two values are equal in jq.

    Raises:
        LeftError: It depends on a number that is not exact.
    """
    kind = type(left)
    if kind is not type(right):
        if kind in _NUMBERS and type(right) in _NUMBERS:
            raise LeftError
        return False
    if kind is int:
        return _exact(left) == _exact(right)
    if kind is list:
        return len(left) == len(right) and all(map(equal, left, right))
    if kind is dict:
        return left.keys() == right.keys() and all(equal(one, right[name]) for name, one in left.items())
    if kind is float:
        raise LeftError
    return bool(left == right)


_NUMBERS: Final = frozenset({int, float})


def order_key(value: Json) -> OrderKey:
    """Return what puts a scalar where jq puts it.

    Raises:
        LeftError: It is a list, an object, or a number that is not exact.
    """
    kind = type(value)
    if kind is int:
        _exact(value)
    elif kind is float or kind is list or kind is dict:
        raise LeftError
    return _RANKS[kind], value


def compare(operator: str) -> Callable[[Json, Json], bool]:
    """Return a comparison."""
    return _COMPARISONS[operator]


_COMPARISONS: Final[dict[str, Callable[[Json, Json], bool]]] = {
    "==": equal,
    "!=": lambda left, right: not equal(left, right),
    "<": lambda left, right: order_key(left) < order_key(right),
    "<=": lambda left, right: order_key(left) <= order_key(right),
    ">": lambda left, right: order_key(left) > order_key(right),
    ">=": lambda left, right: order_key(left) >= order_key(right),
}


def add(left: Json, right: Json) -> Json:
    """Return `left + right`.

    Raises:
        LeftError: They are not two texts, lists, objects or exact numbers.
    """
    if left is None:
        return right
    if right is None:
        return left
    kind = type(left)
    if kind is type(right):
        if kind is str or kind is list:
            return left + right
        if kind is int:
            return _exact(_exact(left) + _exact(right))
        if kind is dict:
            return {**left, **right}
    raise LeftError


def subtract(left: Json, right: Json) -> Json:
    """Return `left - right` of exact numbers.

    Raises:
        LeftError: They are not.
    """
    return _exact(_integer(left) - _integer(right))


def multiply(left: Json, right: Json) -> Json:
    """Return `left * right` of exact numbers.

    Raises:
        LeftError: They are not.
    """
    return _signed(_exact(_integer(left) * _integer(right)), left, right)


def divide(left: Json, right: Json) -> Json:
    """Return `left / right` of exact numbers.

    Raises:
        LeftError: They are not, or the divisor is zero.
    """
    dividend, divisor = _integer(left), _integer(right)
    if not divisor:
        raise LeftError
    whole, rest = divmod(dividend, divisor)
    return dividend / divisor if rest else _signed(whole, left, right)


def _signed(result: int, left: int, right: int) -> int:
    """Return a product, unless it is a zero that jq writes as `-0`."""
    if not result and (left < 0 or right < 0):
        raise LeftError
    return result


def total(values: Iterable[Json]) -> Json:
    """Return the sum of values as `add` gives it.

    Raises:
        LeftError: They are not of one sort, nulls aside.
    """
    found = [value for value in values if value is not None]
    if not found:
        return None
    kinds = {type(value) for value in found}
    if kinds == {str}:
        return "".join(found)
    result = found[0]
    if kinds == {int} or kinds == {list}:
        for value in found[1:]:
            result = add(result, value)
        return _exact(result) if kinds == {int} else result
    raise LeftError


def as_text(value: Json) -> str:
    """Return a scalar as `tostring` writes it.

    Raises:
        LeftError: It is a list, an object, or a number whose text depends on how it was written.
    """
    kind = type(value)
    if kind is str:
        return str(value)
    if kind is int:
        return str(_exact(value))
    if value is None:
        return "null"
    if kind is bool:
        return "true" if value else "false"
    raise LeftError


def is_exact(value: Json) -> bool:
    """Whether a value can be written as JSON and read again without libjq seeing a difference.

    jq 1.8 keeps the text of a number that it passes on: `1.10` stays `1.10`, and Python writes `1.1`.
    """
    kind = type(value)
    if kind is list:
        return all(map(is_exact, value))
    if kind is dict:
        return all(map(is_exact, value.values()))
    return kind is not float


def _exact(number: int) -> int:
    if -EXACT < number < EXACT:
        return number
    raise LeftError


def _integer(value: Json) -> int:
    if type(value) is int:
        return _exact(value)
    raise LeftError
