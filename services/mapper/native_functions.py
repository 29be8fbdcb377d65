"""Holds jq's functions that are evaluated without libjq, on the values for which both are sure to agree."""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Final

from services.mapper.native_dates import ISO, from_date, from_parts, is_written, parts_of_date, written
from services.mapper.native_formats import as_base64, as_csv, as_json, as_uri
from services.mapper.native_regex import same_pattern
from services.mapper.native_values import (
    LeftError,
    OrderKey,
    RaisedError,
    as_text,
    is_truthy,
    order_key,
    total,
    type_name,
)
from shared.jq_engine import Json

Single = Callable[[Json], Json]
"""Gives one value, or raises."""
_UPPER: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_TO_LOWER: Final = str.maketrans(_UPPER, _UPPER.lower())
_TO_UPPER: Final = str.maketrans(_UPPER.lower(), _UPPER)


def each(value: Json) -> Iterable[Json]:
    """Return what `.[]` runs over.

    Raises:
        RaisedError: Neither a list nor an object.
    """
    kind = type(value)
    if kind is list:
        return list(value)
    if kind is dict:
        return list(value.values())
    raise RaisedError


def _length(value: Json) -> Json:
    kind = type(value)
    if kind is str or kind is list or kind is dict:
        return len(value)
    if value is None:
        return 0
    raise LeftError


def _keys(value: Json) -> Json:
    if type(value) is dict:
        return sorted(value)
    if type(value) is list:
        return list(range(len(value)))
    raise LeftError


def _list(value: Json) -> list[Json]:
    if type(value) is not list:
        raise LeftError
    return list(value)


def _text(value: Json) -> str:
    if type(value) is not str:
        raise LeftError
    return str(value)


def _extreme(choose: Callable[..., Json]) -> Single:
    def of(value: Json) -> Json:
        found = _list(value)
        return choose(found, key=order_key) if found else None

    return of


def _unique(value: Json) -> Json:
    return [next(group) for _, group in groupby(sorted(_list(value), key=order_key), key=order_key)]


WITHOUT_ARGUMENTS: Final[dict[str, Single]] = {
    "null": lambda _: None,
    "true": lambda _: True,
    "false": lambda _: False,
    "not": lambda value: not is_truthy(value),
    "length": _length,
    "type": type_name,
    "tostring": as_text,
    "keys": _keys,
    "ascii_downcase": lambda value: _text(value).translate(_TO_LOWER),
    "ascii_upcase": lambda value: _text(value).translate(_TO_UPPER),
    "add": lambda value: total(_list(value)),
    "sort": lambda value: sorted(_list(value), key=order_key),
    "unique": _unique,
    "min": _extreme(min),
    "max": _extreme(max),
    "first": lambda value: _list(value)[0] if _list(value) else None,
    "last": lambda value: _list(value)[-1] if _list(value) else None,
    **dict.fromkeys(("fromdate", "fromdateiso8601"), from_date),
    **dict.fromkeys(("todate", "todateiso8601"), written),
    "mktime": from_parts,
    "tojson": as_json,
    "explode": lambda value: [ord(letter) for letter in _text(value)],
}


def join(separator: str) -> Single:
    """Return `join("…")`."""

    def joined(value: Json) -> Json:
        return separator.join("" if one is None else as_text(one) for one in _list(value))

    return joined


def split(separator: str) -> Single | None:
    """Return `split("…")`; None of an empty text."""
    if not separator:
        return None
    return lambda value: _text(value).split(separator) if value != "" else []


FORMATS: Final[dict[str, Single]] = {
    "text": as_text,
    "json": as_json,
    "csv": as_csv,
    "base64": as_base64,
    "uri": as_uri,
}
"""`@name` as a part of its own."""

WITH_TEXT: Final[dict[str, Callable[[str], Single | None]]] = {
    "join": join,
    "split": split,
    "startswith": lambda text: lambda value: _text(value).startswith(text),
    "endswith": lambda text: lambda value: _text(value).endswith(text),
    "ltrimstr": lambda text: lambda value: _text(value).removeprefix(text),
    "rtrimstr": lambda text: lambda value: _text(value).removesuffix(text),
    "contains": lambda text: lambda value: text in _text(value),
    "has": lambda text: lambda value: text in _object(value),
    "strptime": lambda form: parts_of_date if form == ISO else None,
    "strftime": lambda form: (lambda value: written(value, form)) if is_written(form) else None,
    "test": lambda text: pattern.test if (pattern := same_pattern(text)) else None,
}
"""Functions of one argument that is a text in the expression."""


def _object(value: Json) -> dict[str, Json]:
    if type(value) is not dict:
        raise LeftError
    return value


def sort_by(key: Single) -> Single:
    """Return `sort_by(f)`."""
    return lambda value: [one for _, one in _keyed(key, value)]


def group_by(key: Single) -> Single:
    """Return `group_by(f)`."""
    return lambda value: [[one for _, one in group] for group in _groups(key, value)]


def unique_by(key: Single) -> Single:
    """Return `unique_by(f)`: the first of each group."""
    return lambda value: [next(group)[1] for group in _groups(key, value)]


WITH_KEY: Final[dict[str, Callable[[Single], Single]]] = {
    "sort_by": sort_by,
    "group_by": group_by,
    "unique_by": unique_by,
}
"""Functions whose argument gives one value of each item."""


def _keyed(key: Single, value: Json) -> list[tuple[OrderKey, Json]]:
    return sorted(((order_key(key(one)), one) for one in _list(value)), key=_first_of_pair)


def _groups(key: Single, value: Json) -> Iterator[Iterator[tuple[OrderKey, Json]]]:
    return (group for _, group in groupby(_keyed(key, value), key=_first_of_pair))


def _first_of_pair(pair: tuple[OrderKey, Json]) -> OrderKey:
    return pair[0]
