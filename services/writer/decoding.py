"""Reads a record of the entity topic, cheaply when it is as it should be, with a reason when it is not."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
from pydantic import ValidationError

from schemas.entity_change import EntityChange
from schemas.headers import PREFIX, Operation, Origin, RecordHeaders
from schemas.versions import SCHEMA_VERSION
from services.writer.change import Change
from shared.log.interface import Record

_ORIGINS: Final[Mapping[bytes, Origin]] = {origin.value.encode(): origin for origin in Origin}
_OPERATIONS: Final = {operation.value: operation is Operation.DELETE for operation in Operation}
_REQUIRED_HEADERS: Final = frozenset({"id", "source", "type", "time", "origin"})
_META: Final = ("title", "icon", "team")


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


@dataclass(frozen=True, slots=True)
class Newer:
    """A record of a schema version that this release does not know: it stays where it is.

    Attributes:
        version: The version it has.
    """

    version: int


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
    version, origin, run_id, kind = headers
    if version > SCHEMA_VERSION:
        return Newer(version)
    if record.value is None:
        return _tombstone(index, record, origin, run_id, kind)
    try:
        value = orjson.loads(record.value)
    except orjson.JSONDecodeError as error:
        return Unreadable(f"value is not JSON: {error.msg}", run_id, kind)
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
    return _change(index, value, origin, run_id, kind)


def _change(index: int, value: dict[str, Any], origin: Origin, run_id: str, kind: str) -> Change:
    body: dict[str, Any] = {name: value[name] for name in _META if name in value}
    for part in ("properties", "relations"):
        if value.get(part):
            body[part] = value[part]
    source = value["source"]
    return Change(
        index=index,
        is_delete=_OPERATIONS[value["operation"]],
        origin=origin,
        run_id=run_id,
        kind=kind or source["kind"],
        object_id=source["object_id"],
        blueprint=value["blueprint"],
        identifier=value["identifier"],
        body=body,
        # Overriding the whole entity would clear what could not be had this time.
        merge=bool(value.get("merge", True)) or bool(value.get("omits")),
        create_missing=value.get("create_missing_related_entities", True),
        delete_dependents=value.get("delete_dependents", False),
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
    )


def _is_text(value: object) -> bool:
    return value is None or type(value) is str


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(type(item) is str for item in value)


def _tombstone(index: int, record: Record, origin: Origin, run_id: str, kind: str) -> Change | Unreadable:
    try:
        blueprint, _, identifier = (record.key or b"").decode().partition("/")
    except UnicodeDecodeError:
        blueprint = identifier = ""
    if not blueprint or not identifier:
        return Unreadable("no value, and the key is not `<blueprint>/<identifier>`", run_id, kind)
    return Change(
        index=index,
        is_delete=True,
        origin=origin,
        run_id=run_id,
        kind=kind,
        blueprint=blueprint,
        identifier=identifier,
    )


def _headers(record: Record) -> tuple[int, Origin, str, str]:
    """Return schema version, origin, run id and kind.

    Raises:
        ValueError: The headers cannot be read.
    """
    found = {name.removeprefix(PREFIX): value for name, value in record.headers if name.startswith(PREFIX)}
    origin = _ORIGINS.get(found.get("origin") or b"")
    version = found.get("schemaversion") or b""
    if origin is None or not version.isdigit() or not all(found.get(name) for name in _REQUIRED_HEADERS):
        headers = RecordHeaders.decode(record.headers)
        return headers.schemaversion, headers.origin, headers.runid, headers.kind
    return int(version), origin, (found.get("runid") or b"").decode(), (found.get("kind") or b"").decode()


def _problem(error: ValueError) -> str:
    """Return where and what, never the value: it may hold anything."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    return str(error)[:200]
