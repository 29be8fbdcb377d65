"""Reads the JSON of a raw object, also where only half of a character or too large a number is in it."""

import json
import re
import sys
from typing import Final

import orjson

from services.mapper.mapped import RawObject
from shared.jq_engine import Json

_SURROGATES: Final = re.compile("[\ud800-\udfff]")


def read_document(raw: RawObject) -> tuple[dict[str, Json], str]:
    """Return the parsed object and its JSON; of a null value the object that has only its id.

    Raises:
        ValueError: The value is not UTF-8, not JSON or no object.
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
    if type(document) is not dict:
        raise ValueError(f"the value is a {type(document).__name__}, not an object")
    return document, text


def _read_leniently(text: str) -> tuple[Json, str]:
    """Read what JSON's grammar allows and no other system will take.

    A title that was cut inside an emoji has half a surrogate pair: it becomes U+FFFD. A number out of range
    becomes the largest there is, as in jq.

    Raises:
        ValueError: It is not JSON.
    """
    try:
        document = json.loads(text, parse_float=_in_range, parse_constant=_no_constant)
        text = _SURROGATES.sub("\ufffd", json.dumps(document, ensure_ascii=False))
        return orjson.loads(text), text
    except RecursionError:
        raise ValueError("the value is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"the value is not JSON: {error}") from None


def _in_range(text: str) -> float:
    return max(-sys.float_info.max, min(sys.float_info.max, float(text)))


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is no JSON value")
