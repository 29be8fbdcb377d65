"""Reads the JSON of a raw object, also where only half of a character or too large a number is in it."""

import json
import re
from typing import Final

import orjson

from services.mapper.mapped import RawObject
from shared.jq_engine import Json
from shared.lenient_json import OBJECT_LEVELS, json_bytes, read_leniently, refuse

_NEGATIVE_ZERO: Final = re.compile(r"-0(?![0-9.eE])")
"""It may also stand in a text, or be an exponent."""
_STRING_OR_NEGATIVE_ZERO: Final = re.compile(
    rf'"[^"\\]*+(?:\\.[^"\\]*+)*+"|(?<![eE]){_NEGATIVE_ZERO.pattern}', re.DOTALL
)


def read_document(raw: RawObject) -> tuple[Json, str]:
    """Return the parsed object and its JSON; of a null value the object that has only its id.

    A text is an object too: the rows of some lists are no more. Source: PagerDuty REST API, List abilities.

    Raises:
        ValueError: The value is not UTF-8, not JSON, nested too deeply, or neither an object nor a text.
    """
    if raw.value is None:
        document = {"id": raw.object_id}
        return document, orjson.dumps(document).decode()
    try:
        text = raw.value.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} of the value is not UTF-8") from None
    try:
        document = orjson.loads(text)
    except ValueError:
        document, text = _read_leniently(text)
    else:
        text = without_negative_zeros(text)
    if text.count("[") + text.count("{") > OBJECT_LEVELS:
        _refuse_too_deep(document)
    if type(document) is not dict and type(document) is not str:
        raise ValueError(f"the value is a {type(document).__name__}, not an object")
    return document, text


def without_negative_zeros(text: str) -> str:
    """Return JSON with `0` for each `-0`: jq tells them apart as text, once parsed nobody can."""
    if not _NEGATIVE_ZERO.search(text):
        return text
    return _STRING_OR_NEGATIVE_ZERO.sub(lambda found: "0" if found[0] == "-0" else found[0], text)


def _read_leniently(text: str) -> tuple[Json, str]:
    """Read what a strict parser refuses, and write it so that jq takes it.

    Raises:
        ValueError: It is not JSON, or holds what no JSON can hold.
    """
    try:
        document = read_leniently(text)
        return document, json.dumps(document, ensure_ascii=False, default=refuse)
    except RecursionError:
        raise ValueError("the value is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"the value is not JSON: {error}") from None


def _refuse_too_deep(document: Json) -> None:
    """Refuse a value that could be read, but not be written once something stands around it.

    Raises:
        ValueError: It is nested too deeply.
    """
    try:
        json_bytes(document)
    except ValueError as error:
        raise ValueError(f"the value cannot be passed on: {error}") from None
