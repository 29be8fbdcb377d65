"""Turns records to append into chunks per partition, and the chunks' offsets into positions."""

from collections.abc import Iterator, Sequence

from shared.log.interface import NewRecord, Position, TopicPartition
from shared.log.sqlite_chunk import Chunk, ChunkRecord, pack_chunk

_CHUNK_BYTES = 256 * 1024


def pack_records(
    records: Sequence[NewRecord], places: Sequence[TopicPartition]
) -> list[tuple[TopicPartition, Chunk]]:
    """Return the chunks of one append, those of a partition in order.

    Args:
        records: The records.
        places: The partition of each.

    Raises:
        ValueError: A header name is not valid Unicode.
    """
    members: dict[TopicPartition, list[NewRecord]] = {}
    for record, place in zip(records, places, strict=True):
        members.setdefault(place, []).append(record)
    return [(place, chunk) for place, lane in members.items() for chunk in _pack_lane(lane)]


def _pack_lane(records: Sequence[NewRecord]) -> Iterator[Chunk]:
    batch: list[ChunkRecord] = []
    size_bytes = 0
    for record in records:
        value_bytes = len(record.value or b"")
        if batch and size_bytes + value_bytes > _CHUNK_BYTES:
            yield pack_chunk(batch)
            batch, size_bytes = [], 0
        batch.append(ChunkRecord(len(batch), record.key, record.value, record.headers))
        size_bytes += value_bytes
    yield pack_chunk(batch)


def positions_of(
    places: Sequence[TopicPartition], chunks: Sequence[tuple[TopicPartition, Chunk]], firsts: Sequence[int]
) -> list[Position]:
    """Return where the records of one append lie.

    Args:
        places: The partition of each record.
        chunks: What was written: one transaction, so that a partition's offsets have no gap.
        firsts: Offset of the first record of each chunk.
    """
    next_offsets: dict[TopicPartition, int] = {}
    for (place, _), first in zip(chunks, firsts, strict=True):
        next_offsets.setdefault(place, first)
    positions = []
    for place in places:
        offset = next_offsets[place]
        next_offsets[place] = offset + 1
        positions.append(Position(place.topic, place.partition, offset))
    return positions
