"""Fills the raw topic of incidents, all at once or at a steady pace."""

import asyncio
import time
from collections.abc import Iterable
from datetime import UTC, datetime

from benchmarks.incidents import incident
from benchmarks.installation import IDENTIFIER, places_of
from schemas.headers import Origin
from schemas.topics import RAW, raw_topic
from services.fetcher.raw_records import build_raw_records
from shared.log.interface import NewRecord
from shared.log.kafka import KafkaLog

KIND = "incidents"
TOPIC = raw_topic(KIND)
PLACES = places_of(TOPIC, RAW.partitions)
PAGE = 1_000
TICK_S = 0.05


def object_id(number: int) -> str:
    """Return the id of an incident."""
    return f"Q{number:06}"


async def fill(log: KafkaLog, number: int, *, run_id: str = "") -> float:
    """Append so many incidents and return the mean size of their values.

    Args:
        log: The log.
        number: How many.
        run_id: The resync that they belong to; empty: they are live.
    """
    await log.create_topics([TOPIC])
    size_bytes = 0
    for first in range(0, number, PAGE):
        records = _records(range(first, min(first + PAGE, number)), run_id)
        size_bytes += sum(len(record.value or b"") for record in records)
        await log.append(records)
    return size_bytes / number


async def trickle(log: KafkaLog, per_s: float, numbers: range) -> dict[str, float]:
    """Append live incidents at a steady pace; return the time each was handed to Kafka, epoch seconds."""
    sent_at_s: dict[str, float] = {}
    appends: list[asyncio.Task[object]] = []
    began_s, done = time.monotonic(), 0
    while done < len(numbers):
        due = min(len(numbers), int((time.monotonic() - began_s) * per_s))
        if part := numbers[done:due]:
            records, now_s = _records(part, ""), time.time()
            sent_at_s |= {object_id(number): now_s for number in part}
            appends.append(asyncio.create_task(log.append(records)))
            done = due
        await asyncio.sleep(TICK_S)
    await asyncio.gather(*appends)
    return sent_at_s


def _records(numbers: Iterable[int], run_id: str) -> list[NewRecord]:
    now = datetime.now(UTC)
    return build_raw_records(
        TOPIC,
        [(object_id(number), incident(number)) for number in numbers],
        kind=KIND,
        origin=Origin.RESYNC if run_id else Origin.LIVE,
        run_id=run_id,
        identifier=IDENTIFIER,
        observed_at=now,
        made_at=now,
    ).records
