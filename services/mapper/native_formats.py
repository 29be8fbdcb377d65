"""Writes values as jq's formats do: JSON, CSV, base64 and what may stand in a URL."""

import json
from base64 import b64encode
from urllib.parse import quote

from services.mapper.native_values import LeftError, as_text
from shared.jq_engine import Json

_DELETE = "\x7f"
"""jq escapes it in JSON, Python does not."""


def as_json(value: Json) -> str:
    """Return `tojson` of a scalar, or of a list of such."""
    if type(value) is list:
        return "[" + ",".join(map(as_json, value)) + "]"
    if type(value) is not str:
        return as_text(value)
    if _DELETE in value:
        raise LeftError
    return json.dumps(value, ensure_ascii=False)


def as_csv(value: Json) -> str:
    """Return `@csv` of a list of scalars."""
    if type(value) is not list:
        raise LeftError
    return ",".join(map(_cell, value))


def _cell(value: Json) -> str:
    if value is None:
        return ""
    if type(value) is str:
        if "\0" in value:
            # jq writes a backslash and a zero.
            raise LeftError
        return '"' + value.replace('"', '""') + '"'
    return as_text(value)


def as_base64(value: Json) -> str:
    """Return `@base64`."""
    return b64encode(as_text(value).encode()).decode()


def as_uri(value: Json) -> str:
    """Return `@uri`: what RFC 3986 leaves unreserved stays as it is."""
    return quote(as_text(value), safe="")
