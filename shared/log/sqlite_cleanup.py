"""Makes the embedded log forget: superseded records of compacted topics, old records of the others."""

from collections.abc import Iterator
from dataclasses import dataclass

from schemas.topics import DAY_MS
from shared.log.interface import TopicPartition
from shared.log.sqlite_chunk import ChunkRecord, keys_of_chunk, pack_chunk, unpack_chunk
from shared.log.sqlite_schema import OFFSET_MASK
from shared.log.sqlite_store import Lane, Store

TOMBSTONE_RETENTION_MS = DAY_MS
"""How long a tombstone outlives what it deletes. Source: Apache Kafka, topic setting delete.retention.ms."""


@dataclass(frozen=True, slots=True)
class Compaction:
    """What to remove from one partition.

    Attributes:
        place: The partition.
        read_to: Every record below this offset was looked at.
        newest: Last offset of each key.
        drop_tombstones_before_ms: Tombstones appended earlier go.
        tombstone_ms: When the oldest tombstone that stays was appended.
        rows: Chunks in which something goes.
    """

    place: TopicPartition
    read_to: int
    newest: dict[bytes | None, int]
    drop_tombstones_before_ms: int
    tombstone_ms: int | None
    rows: tuple[int, ...]

    def keeps(self, offset: int, key: bytes | None, timestamp_ms: int, *, is_tombstone: bool) -> bool:
        """Whether a record stays.

        The partition's last record always does: a reader that has read it has read all, and a group that
        committed it stands at the end.
        """
        if offset >= self.read_to - 1 or key is None:
            return True
        return self.newest[key] == offset and not (
            is_tombstone and timestamp_ms < self.drop_tombstones_before_ms
        )


def plan_compaction(store: Store, place: TopicPartition, now_ms: int) -> Compaction | None:
    """Read a partition's keys and say what can go; None: nothing new since the last time."""
    lane = store.lanes[place]
    cleaned_to, tombstone_ms = store.connection.execute(
        "SELECT cleaned_to, tombstone_ms FROM partitions WHERE id = ?", (lane.id,)
    ).fetchone()
    limit_ms = now_ms - TOMBSTONE_RETENTION_MS
    if cleaned_to >= lane.end and (tombstone_ms is None or tombstone_ms >= limit_ms):
        return None
    plan = Compaction(place, lane.end, {}, limit_ms, None, ())
    for _, offset, key, _, _ in _keys(store, lane):
        plan.newest[key] = offset
    rows: dict[int, None] = {}
    oldest_ms: int | None = None
    for row, offset, key, timestamp_ms, is_tombstone in _keys(store, lane):
        if not plan.keeps(offset, key, timestamp_ms, is_tombstone=is_tombstone):
            rows[row] = None
        elif is_tombstone:
            oldest_ms = timestamp_ms if oldest_ms is None else min(oldest_ms, timestamp_ms)
    return Compaction(place, lane.end, plan.newest, limit_ms, oldest_ms, tuple(rows))


def _keys(store: Store, lane: Lane) -> Iterator[tuple[int, int, bytes | None, int, bool]]:
    for row, span, timestamp_ms, head in store.connection.execute(
        "SELECT id, span, timestamp_ms, head FROM chunks WHERE id >= ? AND id < ? ORDER BY id",
        (lane.row(0), lane.row(lane.end)),
    ):
        base = (row & OFFSET_MASK) - span
        for delta, key, is_tombstone in keys_of_chunk(head):
            yield row, base + delta, key, timestamp_ms, is_tombstone


def rewrite_chunks(store: Store, plan: Compaction, rows: tuple[int, ...]) -> None:
    """Remove from some chunks of the plan what it does not keep, in one transaction."""
    with store.transaction():
        for row in rows:
            span, timestamp_ms, head, body = store.connection.execute(
                "SELECT span, timestamp_ms, head, body FROM chunks WHERE id = ?", (row,)
            ).fetchone()
            base = (row & OFFSET_MASK) - span
            kept = [
                record
                for record in unpack_chunk(head, body)
                if plan.keeps(
                    base + record.delta, record.key, timestamp_ms, is_tombstone=record.value is None
                )
            ]
            store.connection.execute("DELETE FROM chunks WHERE id = ?", (row,))
            if kept:
                shift = kept[0].delta
                chunk = pack_chunk(
                    [ChunkRecord(delta - shift, key, value, headers) for delta, key, value, headers in kept]
                )
                last = base + kept[-1].delta
                store.connection.execute(
                    "INSERT INTO chunks VALUES (?, ?, ?, ?, ?)",
                    (
                        store.lanes[plan.place].row(last),
                        chunk.last_delta,
                        timestamp_ms,
                        chunk.head,
                        chunk.body,
                    ),
                )


def finish_compaction(store: Store, plan: Compaction) -> None:
    """Note that the plan is carried out."""
    with store.transaction():
        store.connection.execute(
            "UPDATE partitions SET cleaned_to = ?, tombstone_ms = ? WHERE id = ?",
            (plan.read_to, plan.tombstone_ms, store.lanes[plan.place].id),
        )


def expire(store: Store, place: TopicPartition, before_ms: int) -> None:
    """Remove the chunks at the partition's start that were appended before a time, and move its start."""
    with store.transaction():
        lane = store.lanes[place]
        # Only what precedes the first young chunk: the start is one offset, behind which nothing is missing.
        (newest_old,) = store.connection.execute(
            """
            SELECT max(id) FROM chunks WHERE id >= :low AND id < coalesce(
                (SELECT min(id) FROM chunks WHERE id >= :low AND id < :high AND timestamp_ms >= :before_ms),
                :high)
            """,
            {"low": lane.row(0), "high": lane.row(lane.end), "before_ms": before_ms},
        ).fetchone()
        if newest_old is None:
            return
        start = (newest_old & OFFSET_MASK) + 1
        store.connection.execute("DELETE FROM chunks WHERE id >= ? AND id <= ?", (lane.row(0), newest_old))
        store.connection.execute(
            "UPDATE partitions SET start_offset = ?, next_floor = ? WHERE id = ?", (start, lane.end, lane.id)
        )
    lane.start = start
