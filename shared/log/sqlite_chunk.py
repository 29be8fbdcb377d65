"""Packs several records of one partition into the two blobs of a row, and unpacks them.

A row per record would hand the interpreter lock back and forth once per record; a row per chunk does it once
per some dozens. The head holds what cleanup needs (numbers and keys), the body what it need not read.

    head   <IIB   bytes of names, count of numbers, format
           names   JSON: the distinct sequences of header names in the chunk
           numbers int32 little-endian, per record: delta, index of its header names,
                   bytes of key (-1: null), bytes of value (-1: null), bytes of each header value (-1: null)
           keys    one after the other
    body   per record: value, then header values
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import orjson

_PREFIX = struct.Struct("<IIB")
_FORMAT = 1


class ChunkRecord(NamedTuple):
    """One record of a chunk.

    Attributes:
        delta: Its offset minus the offset of the chunk's first record.
    """

    delta: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


class ChunkKey(NamedTuple):
    """What cleanup needs to know of one record."""

    delta: int
    key: bytes | None
    is_tombstone: bool


@dataclass(frozen=True, slots=True)
class Chunk:
    """The packed form of at least one record.

    Attributes:
        last_delta: Delta of the last record.
        count: Records in the chunk.
    """

    last_delta: int
    count: int
    head: bytes
    body: bytes


def pack_chunk(records: Sequence[ChunkRecord]) -> Chunk:
    """Pack records, in ascending order of their deltas.

    Raises:
        ValueError: A header name is not valid Unicode.
    """
    names_seen: dict[tuple[str, ...], int] = {}
    numbers: list[int] = []
    keys: list[bytes] = []
    parts: list[bytes] = []
    for delta, key, value, headers in records:
        names = tuple([name for name, _ in headers])
        numbers += (
            delta,
            names_seen.setdefault(names, len(names_seen)),
            -1 if key is None else len(key),
            -1 if value is None else len(value),
        )
        if key:
            keys.append(key)
        if value:
            parts.append(value)
        for _, content in headers:
            if content is None:
                numbers.append(-1)
            else:
                numbers.append(len(content))
                parts.append(content)
    try:
        names_json = orjson.dumps(list(names_seen))
    except orjson.JSONEncodeError as error:
        raise ValueError("a header name is not valid Unicode") from error
    head = b"".join(
        (
            _PREFIX.pack(len(names_json), len(numbers), _FORMAT),
            names_json,
            struct.pack(f"<{len(numbers)}i", *numbers),
            *keys,
        )
    )
    return Chunk(last_delta=records[-1].delta, count=len(records), head=head, body=b"".join(parts))


@lru_cache(maxsize=256)
def _names(text: bytes) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(names) for names in orjson.loads(text))


def _open_head(head: bytes) -> tuple[tuple[tuple[str, ...], ...], tuple[int, ...], int]:
    """Return header names, numbers and the place where the keys begin.

    Raises:
        ValueError: The chunk has a format that this version does not know.
    """
    names_bytes, count, form = _PREFIX.unpack_from(head)
    if form != _FORMAT:
        raise ValueError(f"chunk of format {form}; this version knows {_FORMAT}")
    at = _PREFIX.size + names_bytes
    numbers = struct.unpack_from(f"<{count}i", head, at)
    return _names(head[_PREFIX.size : at]), numbers, at + 4 * count


def unpack_chunk(head: bytes, body: bytes, from_delta: int = 0) -> Iterator[ChunkRecord]:
    """Yield the records whose delta is at least `from_delta`."""
    all_names, numbers, key_at = _open_head(head)
    index, body_at = 0, 0
    while index < len(numbers):
        delta, shape, key_bytes, value_bytes = numbers[index : index + 4]
        names = all_names[shape]
        index += 4
        sizes = numbers[index : index + len(names)]
        index += len(names)
        if delta < from_delta:
            key_at += max(key_bytes, 0)
            body_at += max(value_bytes, 0) + sum([size for size in sizes if size > 0])
            continue
        key = value = None
        if key_bytes >= 0:
            key = head[key_at : key_at + key_bytes]
            key_at += key_bytes
        if value_bytes >= 0:
            value = body[body_at : body_at + value_bytes]
            body_at += value_bytes
        contents: list[bytes | None] = []
        for size in sizes:
            if size < 0:
                contents.append(None)
            else:
                contents.append(body[body_at : body_at + size])
                body_at += size
        yield ChunkRecord(delta, key, value, tuple(zip(names, contents, strict=True)))


def keys_of_chunk(head: bytes) -> Iterator[ChunkKey]:
    """Yield offset and key of each record; the body is not needed."""
    all_names, numbers, key_at = _open_head(head)
    index = 0
    while index < len(numbers):
        delta, shape, key_bytes, value_bytes = numbers[index : index + 4]
        index += 4 + len(all_names[shape])
        key = None
        if key_bytes >= 0:
            key = head[key_at : key_at + key_bytes]
            key_at += key_bytes
        yield ChunkKey(delta, key, value_bytes < 0)
