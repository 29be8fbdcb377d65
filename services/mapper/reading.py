"""Reads a raw record's key and headers, and says of those that cannot be read what is wrong."""

from dataclasses import dataclass

from schemas.headers import PREFIX, Operation, RecordHeaders
from schemas.versions import SCHEMA_VERSION, newer_version
from services.mapper.mapped import RawObject
from shared.held_partitions import Newer
from shared.log.interface import Record


@dataclass(frozen=True, slots=True)
class Readable:
    """A record whose key and headers are in order; its value has not been looked at."""

    headers: RecordHeaders
    raw: RawObject


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record for the dead-letter topic, with what could be read of it."""

    detail: str
    object_id: str
    run_id: str


def read_record(record: Record) -> Readable | Unreadable | Newer:
    """Read all of a raw record but its value.

    A null value is read as a delete of which only the object's id is known.
    """
    newer = newer_version(_header(record, "schemaversion"))
    if newer is not None:
        return Newer(newer)
    try:
        headers = RecordHeaders.decode(record.headers)
        object_id = (record.key or b"").decode()
    except ValueError as error:
        says = " ".join(str(error).split())
        key = (record.key or b"").decode("utf-8", "replace")
        return Unreadable(f"key or headers cannot be read: {says}", key, _header(record, "runid"))
    if headers.schemaversion > SCHEMA_VERSION:
        return Newer(headers.schemaversion)
    if not object_id:
        return Unreadable("the record has no key", "", headers.runid)
    return Readable(
        headers,
        RawObject(
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            object_id=object_id,
            deleted=headers.operation is Operation.DELETE or record.value is None,
            omitted=headers.omitted,
            value=record.value,
        ),
    )


def _header(record: Record, name: str) -> str:
    """Return one of our headers of a record that may be broken, empty where it is missing."""
    for key, value in reversed(record.headers):
        if key == PREFIX + name:
            return (value or b"").decode("utf-8", "replace")
    return ""
