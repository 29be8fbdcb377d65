"""Evaluates each operator of a search rule on the value that an entity holds."""

from __future__ import annotations

import operator as python_operator
from collections.abc import Callable, Mapping

from simulators.port.answers import invalid
from simulators.port.formats import instant_ms

# Source: Port API, OpenAPI, def-7: note doesNotContains, doesNotBeginsWith, doesNotEndsWith
EMPTINESS = ("isEmpty", "isNotEmpty")
RANGES = ("between", "notBetween")
LIST_OPERATORS = ("in", "notIn", "containsAny")
TEXT_OPERATORS = (
    "=",
    "!=",
    "containsAny",
    "contains",
    "doesNotContains",
    "beginsWith",
    "doesNotBeginsWith",
    "endsWith",
    "doesNotEndsWith",
    "in",
    "notIn",
)
COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    ">": python_operator.gt,
    ">=": python_operator.ge,
    "<": python_operator.lt,
    "<=": python_operator.le,
}
_DAY_MS = 86_400_000
# First and last day, counted from the start of today; a `last…` preset ends now.
_PRESET_DAYS: Mapping[str, tuple[int, int]] = {"yesterday": (-1, 0), "today": (0, 1), "tomorrow": (1, 2)}
_PRESET_LAST_DAYS: Mapping[str, int] = {
    "lastDay": 1,
    "lastWeek": 7,
    "last2Weeks": 14,
    "lastMonth": 30,
    "last3Months": 90,
    "last6Months": 180,
    "last12Months": 365,
}
_NEGATED = {
    "!=": "=",
    "notIn": "in",
    "doesNotContains": "contains",
    "doesNotBeginsWith": "beginsWith",
    "doesNotEndsWith": "endsWith",
}

Matcher = Callable[[object], bool]


def emptiness(operator: str) -> Matcher:
    """Makes the test of whether an entity has a value at all."""
    wants_empty = operator == "isEmpty"
    return lambda held: (held is None or held == "" or held == []) is wants_empty


def comparison(operator: str, value: object, path: str) -> Matcher:
    """Makes the test of `>`, `>=`, `<` and `<=`, of numbers or of dates with times.

    Raises:
        RefusedError: 422, the value is neither.
    """
    compare = COMPARISONS[operator]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        number = float(value)
        return lambda held: (
            isinstance(held, (int, float)) and not isinstance(held, bool) and compare(held, number)
        )
    wanted_ms = instant_ms(value) if isinstance(value, str) else None
    if wanted_ms is None:
        raise invalid(path, 'must be number or match format "date-time"')
    limit_ms = wanted_ms

    def matches(held: object) -> bool:
        held_ms = instant_ms(held) if isinstance(held, str) else None
        return held_ms is not None and compare(held_ms, limit_ms)

    return matches


def date_range(operator: str, value: object, path: str, now_ms: int) -> Matcher:
    """Makes the test of `between` and `notBetween`.

    Raises:
        RefusedError: 422, the value is neither `{from, to}` nor `{preset}`.
    """
    from_ms, to_ms = _bounds(value, path, now_ms)
    wants_inside = operator == "between"

    def matches(held: object) -> bool:
        held_ms = instant_ms(held) if isinstance(held, str) else None
        return held_ms is not None and (from_ms <= held_ms <= to_ms) is wants_inside

    return matches


def text_match(operator: str, value: object, *, is_instant: bool) -> Matcher:
    """Makes the test of equality, membership and parts of a text."""
    positive = _NEGATED.get(operator)
    if positive is not None:
        matches = text_match(positive, value, is_instant=is_instant)
        return lambda held: not matches(held)
    if is_instant and operator == "=" and isinstance(value, str):
        wanted_ms = instant_ms(value)
        return lambda held: isinstance(held, str) and instant_ms(held) == wanted_ms
    wanted = value if isinstance(value, list) else [value]
    match operator:
        case "=":
            return lambda held: _is_same(held, value)
        case "in":
            return lambda held: any(_is_same(held, one) for one in wanted)
        case "containsAny":
            return lambda held: isinstance(held, list) and any(one in held for one in wanted)
        case "contains":
            return lambda held: all(_contains(held, one) for one in wanted)
        case "beginsWith":
            return lambda held: isinstance(held, str) and held.startswith(str(value))
        case _:
            return lambda held: isinstance(held, str) and held.endswith(str(value))


def _is_same(held: object, wanted: object) -> bool:
    """Tells equality as JSON knows it: true is not 1."""
    return held == wanted and isinstance(held, bool) == isinstance(wanted, bool)


def _contains(held: object, wanted: object) -> bool:
    if isinstance(held, str):
        return isinstance(wanted, str) and wanted in held
    return isinstance(held, list) and wanted in held


def _bounds(value: object, path: str, now_ms: int) -> tuple[int, int]:
    if not isinstance(value, dict):
        raise invalid(path, "must be object")
    if set(value) == {"preset"}:
        preset = str(value["preset"])
        midnight_ms = now_ms - now_ms % _DAY_MS
        if preset in _PRESET_DAYS:
            first, last = _PRESET_DAYS[preset]
            return midnight_ms + first * _DAY_MS, midnight_ms + last * _DAY_MS - 1
        if preset in _PRESET_LAST_DAYS:
            return now_ms - _PRESET_LAST_DAYS[preset] * _DAY_MS, now_ms
        raise invalid(f"{path}/preset", "must be equal to one of the allowed values")
    if set(value) != {"from", "to"}:
        raise invalid(path, "must have either 'from' and 'to' or 'preset'")
    bounds_ms = []
    for key in ("from", "to"):
        at_ms = instant_ms(value[key]) if isinstance(value[key], str) else None
        if at_ms is None:
            raise invalid(f"{path}/{key}", 'must match format "date-time"')
        bounds_ms.append(at_ms)
    return bounds_ms[0], bounds_ms[1]
