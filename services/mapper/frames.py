"""Frames what travels between the mapper and its workers: lengths, a JSON head, raw bytes behind it."""

import struct
from collections.abc import Iterable, Sequence
from typing import Any, Final

import orjson

from schemas.outcome import Reason
from services.mapper.evaluate import Failed
from services.mapper.mapped import Change, Mapped, RawObject

LENGTHS: Final = struct.Struct("<II")
"""Bytes of the head and of what follows it."""
PROGRESS: Final = struct.Struct("<I")
"""Index of the object a worker has in hand, in the file they share."""

Head = dict[str, Any]
NO_VALUE: Final = -1


def frame(head: Head, blobs: Iterable[bytes] = ()) -> bytes:
    """Return one frame."""
    top, rest = orjson.dumps(head), b"".join(blobs)
    return b"".join((LENGTHS.pack(len(top), len(rest)), top, rest))


def request(objects: Sequence[RawObject]) -> bytes:
    """Return the frame that asks for objects to be mapped."""
    rows = [
        (
            raw.topic,
            raw.partition,
            raw.offset,
            raw.object_id,
            raw.deleted,
            raw.omitted,
            NO_VALUE if raw.value is None else len(raw.value),
        )
        for raw in objects
    ]
    return frame({"objects": rows}, (raw.value for raw in objects if raw.value is not None))


def read_request(head: Head, rest: bytes) -> list[RawObject]:
    """Return the objects of a request."""
    objects: list[RawObject] = []
    start = 0
    for topic, partition, offset, object_id, deleted, omitted, size in head["objects"]:
        value = None if size == NO_VALUE else rest[start : start + size]
        start += max(size, 0)
        objects.append(RawObject(topic, partition, offset, object_id, deleted, tuple(omitted), value))
    return objects


def answer(results: Sequence[Mapped]) -> bytes:
    """Return the frame with what became of the objects."""
    rows = [
        (
            mapped.counts,
            [(change.key, change.operation, len(change.value)) for change in mapped.changes],
            [
                (one.reason.value, one.detail, one.entry, one.blueprint, one.identifier)
                for one in mapped.failures
            ],
        )
        for mapped in results
    ]
    return frame({"results": rows}, (change.value for mapped in results for change in mapped.changes))


def read_answer(head: Head, rest: bytes) -> list[Mapped]:
    """Return what became of the objects, in the order of the request."""
    results: list[Mapped] = []
    start = 0
    for counts, changes, failures in head["results"]:
        mapped = Mapped(counts)
        for key, operation, size in changes:
            mapped.changes.append(Change(key, operation, rest[start : start + size]))
            start += size
        for reason, detail, entry, blueprint, identifier in failures:
            mapped.failures.append(Failed(Reason(reason), detail, entry, blueprint, identifier))
        results.append(mapped)
    return results
