"""Frames what travels between the mapper and its workers: lengths, a JSON head, raw bytes behind it."""

import struct
from collections.abc import Iterable, Sequence
from typing import Any, Final

import orjson

from schemas.outcome import Reason
from services.mapper.evaluate import Failed, Omission
from services.mapper.mapped import Change, Mapped, RawObject

LENGTHS: Final = struct.Struct("<II")
"""Bytes of the head and of what follows it."""
PROGRESS: Final = struct.Struct("<IIII")
"""In the file they share, what a worker has in hand: phase, index of the object, and where its expressions
are run one by one the entry's index and that of the expression, from `FIRST` on."""
STOP_AT: Final = PROGRESS.size
"""The byte behind it: not zero, the worker is to answer with what it has."""
SHARED_BYTES: Final = PROGRESS.size + 1
MAPPING: Final = 1
"""The phase in which the object's time runs; any other is reading, compiling or writing."""
FIRST: Final = 2
"""Added to both indexes: 0 is no expression, 1 itemsToParse."""

Head = dict[str, Any]
NO_VALUE: Final = -1


def frame(head: Head, blobs: Iterable[bytes] = ()) -> bytes:
    """Return one frame."""
    top, rest = orjson.dumps(head), b"".join(blobs)
    return b"".join((LENGTHS.pack(len(top), len(rest)), top, rest))


def request(objects: Sequence[RawObject], *, apart: bool = False) -> bytes:
    """Return the frame that asks for objects to be mapped; `apart`: with each expression on its own."""
    rows = [
        (
            raw.topic,
            raw.partition,
            raw.offset,
            raw.object_id,
            raw.deleted,
            raw.omitted,
            NO_VALUE if raw.value is None else len(raw.value),
            raw.in_run,
        )
        for raw in objects
    ]
    return frame({"objects": rows, "apart": apart}, (raw.value for raw in objects if raw.value is not None))


def read_request(head: Head, rest: bytes) -> list[RawObject]:
    """Return the objects of a request."""
    objects: list[RawObject] = []
    start = 0
    for topic, partition, offset, object_id, deleted, omitted, size, in_run in head["objects"]:
        value = None if size == NO_VALUE else rest[start : start + size]
        start += max(size, 0)
        objects.append(RawObject(topic, partition, offset, object_id, deleted, tuple(omitted), value, in_run))
    return objects


def answer(results: Sequence[Mapped], *, last: bool) -> bytes:
    """Return a frame with what became of the next objects of a request."""
    rows = [
        (
            mapped.counts,
            [(change.key, change.operation, len(change.value)) for change in mapped.changes],
            [
                (one.reason.value, one.detail, one.entry, one.blueprint, one.identifier)
                for one in mapped.failures
            ],
            [tuple(one) for one in mapped.omissions],
        )
        for mapped in results
    ]
    values = (change.value for mapped in results for change in mapped.changes)
    return frame({"results": rows, "last": last}, values)


def read_answer(head: Head, rest: bytes) -> list[Mapped]:
    """Return what became of the objects, in the order of the request."""
    results: list[Mapped] = []
    start = 0
    for counts, changes, failures, omissions in head["results"]:
        mapped = Mapped(counts)
        for key, operation, size in changes:
            mapped.changes.append(Change(key, operation, rest[start : start + size]))
            start += size
        for reason, detail, entry, blueprint, identifier in failures:
            mapped.failures.append(Failed(Reason(reason), detail, entry, blueprint, identifier))
        mapped.omissions.extend(Omission(*one) for one in omissions)
        results.append(mapped)
    return results
