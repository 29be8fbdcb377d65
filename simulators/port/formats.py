"""Judges the formats that a property of type string can have."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

# RFC 3339: a zone is required, a space may stand for the T.
_DATE_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_URL = re.compile(r"(?:https?|ftp)://[^\s/?#:@][^\s]*")
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_IDN_EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_SECOND_MS = 1000


def instant_ms(text: str) -> int | None:
    """Reads an RFC 3339 date and time as milliseconds since the epoch; None when it is not one."""
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        return None
    day, clock, fraction, zone = match.groups()
    try:
        at = datetime.fromisoformat(f"{day}T{clock}{'+00:00' if zone in 'Zz' else zone}")
    except ValueError:
        return None
    millisecond = int(((fraction or ".0")[1:] + "00")[:3])
    return int(at.timestamp()) * _SECOND_MS + millisecond


def iso_from_ms(at_ms: int) -> str:
    """Writes milliseconds since the epoch as Port does: `2026-01-31T10:20:30.456Z`."""
    seconds, millisecond = divmod(at_ms, _SECOND_MS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{millisecond:03d}Z"


def _is_ipv4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _is_text(_text: str) -> bool:
    return True


# Source: Port API, OpenAPI: formats of a blueprint's property. What Port checks of markdown, yaml, proto,
# team and blueprints is in no source: any text passes here. A `user` is an e-mail address, a `timer` an
# expiry date and time.
FORMATS: Mapping[str, Callable[[str], bool]] = {
    "date-time": lambda text: instant_ms(text) is not None,
    "url": lambda text: _URL.fullmatch(text) is not None,
    "email": lambda text: _EMAIL.fullmatch(text) is not None,
    "idn-email": lambda text: _IDN_EMAIL.fullmatch(text) is not None,
    "ipv4": _is_ipv4,
    "ipv6": _is_ipv6,
    "markdown": _is_text,
    "yaml": _is_text,
    "user": lambda text: _EMAIL.fullmatch(text) is not None,
    "blueprints": _is_text,
    "team": _is_text,
    "timer": lambda text: instant_ms(text) is not None,
    "proto": _is_text,
    "labeled-url": lambda text: _URL.fullmatch(text) is not None,
}
