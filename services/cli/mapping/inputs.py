"""Reads the objects that a mapping is tried on from a JSON file or from stdin."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson

from services.cli.mapping.tried import TrialObject
from shared.errors import ConfigurationError
from shared.kinds import KINDS
from shared.lenient_json import json_bytes, read_leniently

Json = Any

STDIN: Final = Path("-")
_BLANKS: Final = re.compile(r"[ \t\r\n]*")


def read_objects(file: Path, kind: str) -> list[TrialObject]:
    """Return the objects of a file.

    It holds one object, a list of them, several one after the other (a line each, as `kcat` prints them), or
    an answer of PagerDuty, whose rows stand under the kind's key.

    Args:
        file: JSON; `-` is stdin.
        kind: Their kind; empty: the file is an answer of PagerDuty, whose keys tell it.

    Raises:
        ConfigurationError: It cannot be read, is no JSON, or does not say of which kind its objects are.
    """
    rows = [
        pair
        for document in _documents(_text(file), str(file))
        for pair in _of_document(document, kind, str(file))
    ]
    return [
        TrialObject(name, body_of(row, f"{file}: object {number}"))
        for number, (name, row) in enumerate(rows, start=1)
    ]


def read_documents(file: Path) -> list[Json]:
    """Return every JSON document of a file, those of a list each on its own.

    Raises:
        ConfigurationError: It cannot be read or is no JSON.
    """
    found: list[Json] = []
    for document in _documents(_text(file), str(file)):
        found += document if isinstance(document, list) else [document]
    return found


def _text(file: Path) -> str:
    try:
        data = sys.stdin.buffer.read() if file == STDIN else file.read_bytes()
        return data.decode()
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read ({error.strerror}); name a JSON file") from None
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{file}: byte {error.start + 1} is not UTF-8; save it as UTF-8") from None


def _documents(text: str, name: str) -> list[Json]:
    """Return the JSON documents of a text, one or several."""
    try:
        return [orjson.loads(text)]
    except ValueError:
        pass
    decoder, found, at = json.JSONDecoder(), [], 0
    text = text.removeprefix("\ufeff").strip(" \t\r\n")
    try:
        while at < len(text):
            value, end = decoder.raw_decode(text, at)
            at = _BLANKS.match(text, end).end()  # type: ignore[union-attr]  # matches nothing, too
            found.append(value)
    except (ValueError, RecursionError) as error:
        try:
            return [read_leniently(text)]
        except (ValueError, RecursionError):
            raise ConfigurationError(f"{name}: not JSON: {error}; correct it there") from None
    if not found:
        raise ConfigurationError(f"{name}: is empty; give one JSON object or a list of them")
    return found


def _of_document(document: Json, kind: str, name: str) -> Iterator[tuple[str, Json]]:
    if isinstance(document, list):
        for one in document:
            yield from _of_document(one, kind, name)
        return
    if isinstance(document, dict) and "id" not in document:
        found = list(_of_answer(document, kind))
        if found:
            yield from found
            return
    if not kind:
        raise ConfigurationError(
            f"{name}: does not say of which kind its objects are; name it with --kind, or give an answer of "
            'PagerDuty: {"incidents": […]}'
        )
    yield kind, document


def _of_answer(answer: dict[str, Json], kind: str) -> Iterator[tuple[str, Json]]:
    """Return the rows of an answer of PagerDuty, or of a document that has several kinds as its keys."""
    if not kind:
        for name in KINDS:
            rows = answer.get(name)
            for row in rows if isinstance(rows, list) else []:
                yield name, row
        return
    one = KINDS[kind]
    rows = answer.get(kind, answer.get(one.wrapper))
    single = answer.get(one.single) if one.single else None
    if isinstance(rows, list):
        yield from ((kind, row) for row in rows)
    elif isinstance(single, dict) and len(answer) == 1:
        yield kind, single


def body_of(row: Json, place: str) -> bytes:
    """Return an object as JSON.

    Args:
        row: The object.
        place: What a message calls it.

    Raises:
        ConfigurationError: No JSON can hold it.
    """
    try:
        return json_bytes(row)
    except ValueError as error:
        raise ConfigurationError(f"{place}: {error}; correct it there") from None
