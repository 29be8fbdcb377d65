"""Reads a record of the entity topic, cheaply when it is as it should be, with a reason when it is not."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

import orjson
from pydantic import ValidationError

from schemas.entity_change import EntityChange
from schemas.headers import PREFIX, Operation, Origin, RecordHeaders
from schemas.versions import SCHEMA_VERSION
from services.writer.change import Change
from shared.held_partitions import Newer
from shared.log.interface import Record

_ORIGINS: Final[Mapping[bytes, Origin]] = {origin.value.encode(): origin for origin in Origin}
_OPERATIONS: Final = {operation.value: operation is Operation.DELETE for operation in Operation}
_REQUIRED_HEADERS: Final = frozenset({"id", "source", "type", "time", "origin"})
_META: Final = ("title", "icon", "team")
WRITABLE_LEVELS: Final = 254
"""Deepest JSON that orjson writes; it reads deeper."""
_LARGE_NUMBER: Final = re.compile(rb"[0-9]{19}")
_LONGEST_INTEGER: Final = len("-9223372036854775808")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that nothing can be made of.

    Attributes:
        detail: What is wrong, without the content.
        run_id: As far as it could be read.
        kind: As far as it could be read.
    """

    detail: str
    run_id: str = ""
    kind: str = ""


class _Headers(NamedTuple):
    """What a record's headers say that matters here."""

    version: int
    origin: Origin
    run_id: str
    kind: str
    confirmed: bool


def decode(index: int, record: Record) -> Change | Unreadable | Newer:
    """Read a record.

    Args:
        index: Its place in the batch.
        record: As it was read; nothing of it is trusted.
    """
    try:
        headers = _headers(record)
    except ValueError as error:
        return Unreadable(f"headers: {_problem(error)}")
    run_id, kind = headers.run_id, headers.kind
    if headers.version > SCHEMA_VERSION:
        return Newer(headers.version)
    if not record.key:
        # Nothing keeps it in order with the other changes of its entity.
        return Unreadable("the record has no key", run_id, kind)
    if record.value is None:
        return _tombstone(index, record, headers)
    try:
        value = _parse(record.value)
    except ValueError as error:
        return Unreadable(f"value is not JSON: {_problem(error)}", run_id, kind)
    if not isinstance(value, dict):
        return Unreadable("value is not a JSON object", run_id, kind)
    written = value.get("schema_version", SCHEMA_VERSION)
    if type(written) is int and written > SCHEMA_VERSION:
        return Newer(written)
    if not _is_plain(value):
        try:
            value = EntityChange.model_validate(value).model_dump(mode="json", exclude_unset=True)
        except ValidationError as error:
            return Unreadable(f"value: {_problem(error)}", run_id, kind)
    return _change(index, value, headers)


def _parse(text: bytes) -> Any:  # noqa: ANN401 # foreign JSON
    """Return the value of a record.

    Raises:
        ValueError: It is no JSON, or what can be read but not be written: deeper than can be written, or with
            a number that would become another one.
    """
    if _LARGE_NUMBER.search(text):
        _check_numbers(text)
    value = orjson.loads(text)
    if text.count(b"[") + text.count(b"{") > WRITABLE_LEVELS:
        try:
            orjson.dumps(value)
        except TypeError:
            raise ValueError(f"nested deeper than {WRITABLE_LEVELS} levels") from None
    return value


def _check_numbers(text: bytes) -> None:
    """Raise ValueError where a number is none of 64 bits; digits within a text are none."""

    def integer(digits: str) -> int:
        number = int(digits) if len(digits) <= _LONGEST_INTEGER else 2**64
        if not -(2**63) <= number < 2**64:
            raise ValueError("an integer beyond 64 bits")
        return number

    try:
        json.loads(text, parse_int=integer)
    except RecursionError:
        raise ValueError(f"nested deeper than {WRITABLE_LEVELS} levels") from None


def _change(index: int, value: dict[str, Any], headers: _Headers) -> Change:
    body: dict[str, Any] = {name: value[name] for name in _META if name in value}
    for part in ("properties", "relations"):
        if value.get(part):
            body[part] = value[part]
    source, since = value["source"], value.get("unless_updated_since")
    return Change(
        index=index,
        is_delete=_OPERATIONS[value["operation"]],
        origin=headers.origin,
        run_id=headers.run_id,
        kind=headers.kind or source["kind"],
        object_id=source["object_id"],
        blueprint=value["blueprint"],
        identifier=value["identifier"],
        body=body,
        # Overriding the whole entity would clear what could not be had this time.
        merge=bool(value.get("merge", True)) or bool(value.get("omits")),
        create_missing=value.get("create_missing_related_entities", True),
        delete_dependents=value.get("delete_dependents", False),
        confirmed=headers.confirmed,
        unless_updated_since=None if since is None else datetime.fromisoformat(since),
    )


def _is_plain(value: dict[str, Any]) -> bool:
    """Whether a value is surely an EntityChange of the usual form: no search queries, every type exact."""
    source = value.get("source")
    return (
        type(value.get("operation")) is str
        and value["operation"] in _OPERATIONS
        and type(value.get("blueprint")) is str
        and value["blueprint"] != ""
        and type(value.get("identifier")) is str
        and type(source) is dict
        and type(source.get("kind")) is str
        and type(source.get("object_id")) is str
        and _is_text(value.get("title"))
        and _is_text(value.get("icon"))
        and (_is_text(value.get("team")) or _is_texts(value.get("team")))
        and type(value.get("properties", {})) is dict
        and type(value.get("relations", {})) is dict
        and all(_is_text(target) or _is_texts(target) for target in value.get("relations", {}).values())
        and (not value.get("omits") or _is_texts(value["omits"]))
        and type(value.get("merge", True)) is bool
        and type(value.get("create_missing_related_entities", True)) is bool
        and type(value.get("delete_dependents", False)) is bool
        and value.get("unless_updated_since") is None
    )


def _is_text(value: object) -> bool:
    return value is None or type(value) is str


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(type(item) is str for item in value)


def _tombstone(index: int, record: Record, headers: _Headers) -> Change | Unreadable:
    try:
        blueprint, _, identifier = (record.key or b"").decode().partition("/")
    except UnicodeDecodeError:
        blueprint = identifier = ""
    if not blueprint or not identifier:
        detail = "no value, and the key is not `<blueprint>/<identifier>`"
        return Unreadable(detail, headers.run_id, headers.kind)
    return Change(
        index=index,
        is_delete=True,
        origin=headers.origin,
        run_id=headers.run_id,
        kind=headers.kind,
        blueprint=blueprint,
        identifier=identifier,
        confirmed=headers.confirmed,
    )


def _headers(record: Record) -> _Headers:
    """Return what the headers say.

    Raises:
        ValueError: The headers cannot be read.
    """
    found = {name.removeprefix(PREFIX): value for name, value in record.headers if name.startswith(PREFIX)}
    origin = _ORIGINS.get(found.get("origin") or b"")
    version = found.get("schemaversion") or b""
    is_plain = (
        all(found.get(name) for name in _REQUIRED_HEADERS)
        and "confirmed" not in found
        # What is not read here must be readable all the same.
        and all(value is not None and value.isascii() for value in found.values())
    )
    if origin is None or not version.isdigit() or not is_plain:
        headers = RecordHeaders.decode(record.headers)
        return _Headers(headers.schemaversion, headers.origin, headers.runid, headers.kind, headers.confirmed)
    run_id, kind = (found.get("runid") or b"").decode(), (found.get("kind") or b"").decode()
    return _Headers(int(version), origin, run_id, kind, confirmed=False)


def _problem(error: ValueError) -> str:
    """Return where and what, never the value: it may hold anything."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    if isinstance(error, json.JSONDecodeError):
        return error.msg
    return str(error)[:200]
