"""Query parameters are checked one by one against what an operation takes; nothing else is let through."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import Enum
from zoneinfo import ZoneInfo

from simulators.pagerduty.refusals import invalid_input, invalid_time

Value = str | int | bool | tuple[str, ...] | datetime | tzinfo


class Form(Enum):
    """How the text of a value is read."""

    TEXT = "text"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    TIME = "time"
    UTC_TIME = "utc"
    ZONE = "zone"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an operation; `choices` empty means any text."""

    name: str
    form: Form = Form.TEXT
    choices: tuple[str, ...] = ()

    @property
    def is_array(self) -> bool:
        """Whether the parameter repeats, as `name[]=a&name[]=b`. Source: PagerDuty REST API, Filtering."""
        return self.name.endswith("[]")


FORMS: Mapping[str, Form] = {
    "limit": Form.INTEGER,
    "offset": Form.INTEGER,
    "total": Form.BOOLEAN,
    "earliest": Form.BOOLEAN,
    "editable": Form.BOOLEAN,
    "overflow": Form.BOOLEAN,
    "is_overview": Form.BOOLEAN,
    "is_disabled": Form.BOOLEAN,
    "include_deprecated": Form.BOOLEAN,
    "active": Form.BOOLEAN,
    "since": Form.TIME,
    "until": Form.TIME,
    "time_zone": Form.ZONE,
}
# Source: PagerDuty REST API, Types: a capitalised `True` is refused.
BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def parameters(text: str) -> dict[str, Parameter]:
    """Read names of parameters, each with its choices after `=` (`filter=past|open`) or form after `:`."""
    found = {}
    for word in text.split():
        name, _, choices = word.partition("=")
        name, _, form = name.partition(":")
        known = Form(form) if form else FORMS.get(name, Form.TEXT)
        found[name] = Parameter(name, known, tuple(choices.split("|")) if choices else ())
    return found


def read_query(pairs: list[tuple[str, str]], accepted: Mapping[str, Parameter]) -> dict[str, Value]:
    """Read the parameters of a request.

    Times come back aware, in UTC; one without a zone is in `time_zone`, else in the account's zone (UTC).

    Raises:
        RefusedError: 400, a parameter is not known here, is sent twice, or has a value it cannot have.
    """
    arrays: dict[str, list[str]] = {}
    texts: dict[str, str] = {}
    for name, text in pairs:
        parameter = accepted.get(name)
        if parameter is None:
            raise invalid_input(_unknown(name, accepted))
        if parameter.choices and text not in parameter.choices:
            raise invalid_input(f"{name} must be one of: {', '.join(parameter.choices)}.")
        if parameter.is_array:
            arrays.setdefault(name, []).append(text)
        elif name in texts:
            raise invalid_input(f"{name} was given more than once.")
        else:
            texts[name] = text
    zone = _zone(texts["time_zone"]) if "time_zone" in texts else UTC
    values: dict[str, Value] = {name: tuple(found) for name, found in arrays.items()}
    for name, text in texts.items():
        values[name] = _read(accepted[name], text, zone)
    return values


def _unknown(name: str, accepted: Mapping[str, Parameter]) -> str:
    if f"{name}[]" in accepted:
        return f"{name} must be an array: {name}[]."
    if name.removesuffix("[]") in accepted:
        return f"{name.removesuffix('[]')} must not be an array."
    return f"{name} is not a parameter of this operation."


def _read(parameter: Parameter, text: str, zone: tzinfo) -> Value:
    match parameter.form:
        case Form.INTEGER:
            if not (text.isascii() and text.isdigit()) or len(text) > 9:
                raise invalid_input(f"{parameter.name.capitalize()} is invalid.")
            return int(text)
        case Form.BOOLEAN:
            if text not in BOOLEANS:
                raise invalid_input(f"{parameter.name} must be true, false, 1 or 0.")
            return BOOLEANS[text]
        case Form.TIME:
            return _time(parameter.name, text, zone)
        case Form.UTC_TIME:
            if not text.endswith(("Z", "+00:00")):
                raise invalid_input(f"{parameter.name} must be in UTC.")
            return _time(parameter.name, text, UTC)
        case Form.ZONE:
            return zone
        case Form.TEXT:
            return text


def _time(name: str, text: str, zone: tzinfo) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise invalid_time(name) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def _zone(name: str) -> tzinfo:
    if name in {"UTC", "Etc/UTC"}:
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # not a name, a folder of names, an unknown name
        raise invalid_input("Time zone is invalid.") from None
