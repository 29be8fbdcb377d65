"""Reads and checks what one entry of a mapping asks of its kind's list."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import JsonValue

from shared.errors import ParameterError
from shared.kind_model import Form, Kind
from shared.paths import member_path
from shared.query_values import MONTH, as_boolean, as_instant, as_text, as_texts, instant_text, months_from

BOUNDS = ("since", "until")
ALL_HISTORY = "date_range"
"""With the value `all`: no bounds. Source: PagerDuty REST API, List incidents."""

Values = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryParameters:
    """What an entry asks of its kind's list, read and checked."""

    index: int
    includes: Values
    values: Mapping[str, Values]
    """Parameter to its values as they travel, the kind's defaults too; relative bounds stay relative."""
    bounds: tuple[datetime | None, datetime | None]


def read_entry(kind: Kind, index: int, params: Mapping[str, JsonValue], now: datetime) -> EntryParameters:
    """Read an entry's `apiQueryParams`; null and an empty list say nothing.

    Args:
        kind: The entry's kind.
        index: Its place in `resources`.
        params: The parameters as the mapping has them.
        now: What relative bounds count from.

    Raises:
        ParameterError: Parameters PagerDuty's list does not take, or values that cannot be.
    """
    if params:
        params = {**kind.implied, **params}
    values: dict[str, Values] = {name: (text,) for name, text in kind.defaults.items()}
    includes: Values = ()
    bounds: dict[str, datetime] = {}
    mistakes: list[tuple[str, str]] = []
    place = f"resources[{index}].selector.apiQueryParams"
    for name, value in params.items():
        if name != "include" and name not in kind.parameters:
            allowed = [*(["include"] if kind.includes else []), *kind.parameters]
            takes = ", ".join(sorted(allowed)) or "none"
            says = f"is not a parameter of PagerDuty's list of {kind.name}; it takes: {takes}"
            mistakes.append((member_path(place, name), says))
            continue
        if value is None or value == []:
            continue
        try:
            if name == "include":
                includes = _read_includes(kind, value)
            elif name in BOUNDS:
                if (bound := _read_bound(name, value, kind.parameters[name], now)) is not None:
                    bounds[name], text = bound
                    values[name] = (text,)
            else:
                values[name] = _read_value(name, value, kind.parameters[name])
        except ValueError as error:
            mistakes.append((member_path(place, name), str(error)))
    since, until = bounds.get("since"), bounds.get("until")
    fixed = all(isinstance(params[name], str) for name in bounds)
    if fixed and since is not None and until is not None and until < since:
        mistakes.append((f"{place}.since", "lies after until; swap or correct them"))
    if mistakes:
        raise ParameterError(mistakes)
    return EntryParameters(index=index, includes=includes, values=values, bounds=(since, until))


def _read_includes(kind: Kind, value: JsonValue) -> Values:
    includes = as_texts(value)
    unknown = [name for name in includes if name not in kind.includes]
    if unknown:
        takes = ", ".join(kind.includes) or "none"
        raise ValueError(f"{', '.join(unknown)} cannot be included; PagerDuty takes: {takes}")
    return includes


def _read_bound(name: str, value: JsonValue, form: Form, now: datetime) -> tuple[datetime, str] | None:
    """Return a bound, and a text for it that does not change with `now`; None: it says nothing."""
    months = months_from(value) if form is Form.MONTHS else None
    if months is None:
        at = as_instant(as_text(value))
        return at, instant_text(at)
    # No months is no bound: so existing mappings mean it. Source: port-labs/ocean, integrations/pagerduty.
    if months == 0:
        return None
    return (now - months * MONTH if name == "since" else now + months * MONTH), f"{months:g} months"


def _read_value(name: str, value: JsonValue, form: Form) -> Values:
    if name == ALL_HISTORY and value != "all":
        raise ValueError("takes only `all`; give since and until instead")
    match form:
        case Form.LIST:
            return tuple(sorted(set(as_texts(value))))
        case Form.BOOLEAN:
            return (as_boolean(value),)
        case _:
            return (as_text(value),)
