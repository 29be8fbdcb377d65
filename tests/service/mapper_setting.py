"""Sets the mapper's core between the topics of a temporary log, with real JQ workers."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from schemas.dead_letter import DeadLetter
from schemas.entity_change import EntityChange
from schemas.headers import Operation, Origin, RecordHeaders
from schemas.mapping import MappingInForce
from schemas.topics import dlq_topic
from services.mapper.core import MapperCore
from services.mapper.omissions import LeftOut, new_omissions
from services.mapper.pool import WorkerPool
from shared.core import Batch
from shared.dead_letters import read_dead_letter
from shared.log.interface import NewRecord, Record, TopicPartition
from shared.log.sqlite import SqliteLog
from shared.outcome import Outcome
from shared.sightings import Sightings
from tests.mapper_builders import INCIDENTS, NOW

Json = Any


def raw_record(
    value: Json,
    *,
    key: bytes | None = None,
    topic: str = INCIDENTS,
    body: bytes | None = None,
    more: tuple[tuple[str, bytes | None], ...] = (),
    **headers: Json,
) -> NewRecord:
    """Return a raw record; `more` goes behind its headers, later ones of a name count."""
    if value is not None:
        body = json.dumps(value).encode()
        key = key or value["id"].encode()
    attributes: dict[str, Json] = {
        "id": "r/1",
        "source": "pagerport/acme/fetcher",
        "type": "pagerport.raw",
        "time": NOW,
        "origin": Origin.RESYNC,
        "kind": topic.removeprefix("pagerduty.raw."),
        "runid": "run-1",
        "observedat": NOW,
    }
    return NewRecord(topic, key, body, RecordHeaders(**{**attributes, **headers}).encode() + more)


@dataclass
class Setting:
    """The core, its log, and what has been read of it."""

    log: SqliteLog
    pool: WorkerPool
    core: MapperCore
    omissions: Sightings[LeftOut]
    leaving: asyncio.Event = field(default_factory=asyncio.Event)
    _positions: dict[TopicPartition, int] = field(default_factory=dict)

    async def handle(self, *records: NewRecord) -> Sequence[Outcome | None]:
        return await self.core.handle(Batch(await self.published(*records), self.leaving))

    async def published(self, *records: NewRecord) -> list[Record]:
        """Append raw records and return them as they are read."""
        topics = sorted({record.topic for record in records})
        await self.log.create_topics([*topics, *map(dlq_topic, topics)])
        places = await self.log.append(records)
        starts = {TopicPartition(one.topic, one.partition): one.offset for one in reversed(places)}
        read = await self.log.read(starts, max_records=len(records), wait_s=0)
        found = {(one.topic, one.partition, one.offset): one for one in read}
        return [found[place.topic, place.partition, place.offset] for place in places]

    async def entities(self) -> list[Record]:
        """Return the entity records that were appended since the last call."""
        return await self._new("port.entities")

    async def changes(self) -> list[EntityChange]:
        return [EntityChange.model_validate_json(one.value or b"") for one in await self.entities()]

    async def letters(self, topic: str = INCIDENTS) -> list[DeadLetter]:
        return [read_dead_letter(one) for one in await self._new(dlq_topic(topic))]

    async def _new(self, topic: str) -> list[Record]:
        places = await self.log.partitions(lambda name: name == topic)
        starts = {place: self._positions.get(place, 0) for place in places}
        read = await self.log.read(starts, max_records=100_000, wait_s=0)
        for record in read:
            self._positions[record.place] = record.offset + 1
        return read


@asynccontextmanager
async def setting(
    mapping: MappingInForce | None,
    *,
    workers: int = 1,
    batch_timeout_s: float = 30.0,
    memory_limit_bytes: int = 1024**3,
    leaving_grace_s: float = 2.0,
    patience_s: float = 100.0,
) -> AsyncIterator[Setting]:
    log = await SqliteLog.temporary(clock=NOW.timestamp)
    pool = WorkerPool(workers, batch_timeout_s=batch_timeout_s, memory_limit_bytes=memory_limit_bytes)
    try:
        await log.create_topics(["port.entities"])
        omissions = new_omissions()
        core = MapperCore(
            log,
            pool,
            now=lambda: NOW,
            identifier="acme",
            leaving_grace_s=leaving_grace_s,
            patience_s=patience_s,
            omissions=omissions,
        )
        if mapping is not None:
            core.use(mapping)
        yield Setting(log, pool, core, omissions)
    finally:
        await pool.close()
        await log.close()


def upserts(changes: Sequence[EntityChange]) -> dict[str, EntityChange]:
    return {str(one.identifier): one for one in changes if one.operation is Operation.UPSERT}
