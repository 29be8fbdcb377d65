"""Reads the newest state of every object from the raw topics of a log."""

from collections.abc import AsyncIterator, Collection
from typing import Final

from schemas.headers import Operation, RecordHeaders
from schemas.topics import RAW_PREFIX, raw_topic
from services.cli.mapping.tried import TrialObject
from shared.kinds import KINDS
from shared.log.interface import Log, Record, TopicPartition
from shared.topic_scan import scan

_KINDS: Final = {raw_topic(kind): kind for kind in KINDS}


async def raw_topics(log: Log) -> set[str]:
    """Return the raw topics that a log has."""
    places = await log.partitions(lambda name: name.startswith(RAW_PREFIX))
    return {place.topic for place in places}


async def newest_objects(log: Log, kinds: Collection[str]) -> AsyncIterator[list[TrialObject]]:
    """Yield the objects that a log holds, each as it was published last; those that are gone are left out.

    Args:
        log: Read twice: first to see which record of an object is its last one.
        kinds: Only these kinds; empty: all.
    """
    places = [
        place
        for place in await log.partitions(lambda name: name.startswith(RAW_PREFIX))
        if not kinds or _kind_of(place.topic) in kinds
    ]
    for place in places:
        last = await _last_offsets(log, place)
        async for records in scan(log, [place]):
            found = [
                one
                for record in records
                if last.get(record.key or b"") == record.offset and (one := _object(record)) is not None
            ]
            if found:
                yield found


async def _last_offsets(log: Log, place: TopicPartition) -> dict[bytes, int]:
    last: dict[bytes, int] = {}
    async for records in scan(log, [place]):
        last.update((record.key or b"", record.offset) for record in records)
    return last


def _object(record: Record) -> TrialObject | None:
    """Return the object of a record; None: it is gone, or the record cannot be read."""
    try:
        headers = RecordHeaders.decode(record.headers)
        key = (record.key or b"").decode()
    except ValueError:
        return None
    if record.value is None or headers.operation is Operation.DELETE:
        return None
    kind = headers.kind or _kind_of(record.topic)
    return TrialObject(kind, record.value, record.topic, key, omitted=headers.omitted)


def _kind_of(topic: str) -> str:
    """Return the kind of a raw topic; behind the kind may stand what sets a source apart."""
    if topic in _KINDS:
        return _KINDS[topic]
    return _KINDS.get(topic.rpartition(".")[0], "")
