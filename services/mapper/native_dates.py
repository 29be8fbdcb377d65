"""Reads and writes the dates that PagerDuty has, as jq does."""

import re
from calendar import timegm
from datetime import UTC, datetime
from typing import Final

from services.mapper.native_values import LeftError
from shared.jq_engine import Json

ISO: Final = "%Y-%m-%dT%H:%M:%SZ"
_ISO: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})Z")
_WRITTEN: Final = re.compile(r"(?:%[YmdHMS]|[ -$&-~])*")
_END_S: Final = 253_402_300_800
"""The year 10 000."""


def _read(value: Json) -> datetime:
    found = _ISO.fullmatch(value) if type(value) is str else None
    if found is None:
        raise LeftError
    year, month, day, hour, minute, second = map(int, found.groups())
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        # jq takes the 31st of June for the 1st of July.
        raise LeftError from None


def from_date(value: Json) -> Json:
    """Return `fromdate`: seconds since 1970."""
    return _seconds(_read(value))


def parts_of_date(value: Json) -> Json:
    """Return `strptime` of the same: year, month from 0, day, hour, minute, second, day of week and year."""
    at = _read(value)
    weekday = (at.weekday() + 1) % 7
    day = at.timetuple().tm_yday - 1
    return [at.year, at.month - 1, at.day, at.hour, at.minute, at.second, weekday, day]


def from_parts(value: Json) -> Json:
    """Return `mktime` of what `strptime` gave."""
    if type(value) is not list or len(value) < 6 or any(type(one) is not int for one in value):
        raise LeftError
    year, month, day, hour, minute, second = value[:6]
    try:
        at = datetime(year, month + 1, day, hour, minute, second, tzinfo=UTC)
    except (ValueError, OverflowError):
        raise LeftError from None
    return _seconds(at)


def _seconds(at: datetime) -> int:
    seconds = timegm(at.timetuple())
    if seconds == -1:
        # jq takes its own answer for a failure.
        raise LeftError
    return seconds


def is_written(form: str) -> bool:
    """Whether a format has only what is written the same everywhere."""
    return _WRITTEN.fullmatch(form) is not None


def written(value: Json, form: str = ISO) -> Json:
    """Return `strftime` of seconds since 1970."""
    if type(value) is not int or not 0 <= value < _END_S:
        raise LeftError
    return datetime.fromtimestamp(value, UTC).strftime(form)
