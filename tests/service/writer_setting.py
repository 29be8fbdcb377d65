"""Builds a writer over a simulated Port and an embedded log, and the records that it reads."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from schemas.headers import Origin, RecordHeaders
from schemas.outcome import Count
from schemas.topics import ENTITIES, dlq_topic
from services.writer.core import WriterCore
from shared.core import Batch
from shared.dead_letters import read_dead_letter
from shared.http.backoff import Backoff
from shared.log.interface import Record, TopicPartition
from shared.log.sqlite import SqliteLog
from shared.outcome import Outcome
from shared.progress import Progress
from shared.settings.choices import Deletes
from tests.service.port_setting import IDENTIFIER, STARTED_AT, Setting, port_setting

RUN = "run-1"
SOURCE = f"pagerport/{IDENTIFIER}/mapper".encode()
"""Of changes; becomes that of the writer's own installation."""
KIND = "services"
LETTERS = TopicPartition(dlq_topic(ENTITIES.name), 0)


def record(offset: int, value: bytes | None, headers: Any = None, key: bytes = b"app/a") -> Record:
    return Record(
        topic=ENTITIES.name,
        partition=0,
        offset=offset,
        timestamp_ms=0,
        key=key,
        value=value,
        headers=change_headers(Origin.RESYNC) if headers is None else headers,
    )


def change_headers(origin: Origin, **more: Any) -> tuple[tuple[str, bytes], ...]:
    run_id = "" if origin is Origin.LIVE else RUN
    headers = RecordHeaders(
        id="1",
        source=SOURCE.decode(),
        type="pagerport.entity",
        time=STARTED_AT,
        origin=origin,
        kind=KIND,
        runid=run_id,
        **more,
    )
    return headers.encode()


def upsert(identifier: Any, origin: Origin = Origin.RESYNC, blueprint: str = "app", **more: Any) -> Any:
    """Return headers and value of a change; `more` are the fields of EntityChange."""
    value = {
        "operation": "upsert",
        "blueprint": blueprint,
        "identifier": identifier,
        "source": {"kind": KIND, "object_id": f"P{identifier}"},
        **more,
    }
    return change_headers(origin), orjson.dumps(value)


def delete(identifier: Any, origin: Origin = Origin.LIVE, *, confirmed: bool = False, **more: Any) -> Any:
    _, value = upsert(identifier, origin, operation="delete", **more)
    return change_headers(origin, confirmed=confirmed), value


@dataclass
class WriterSetting:
    """One writer with everything around it."""

    setting: Setting
    core: WriterCore
    log: SqliteLog

    async def handle(
        self,
        *changes: Any,
        leaving: asyncio.Event | None = None,
        progress: Mapping[TopicPartition, Progress] | None = None,
    ) -> Sequence[Outcome | None]:
        """Hand over changes at the offsets 0, 1, 2 … of one partition."""
        own = f"pagerport/{self.setting.port.identifier}/mapper".encode()
        records = [
            record(
                offset,
                value,
                headers and tuple((name, own if one == SOURCE else one) for name, one in headers),
            )
            for offset, (headers, value) in enumerate(changes)
        ]
        return await self.core.handle(Batch(records, leaving or asyncio.Event(), progress or {}))

    async def counts(self, *changes: Any) -> list[dict[str, int] | None]:
        return [
            None if outcome is None else {str(count): number for count, number in outcome.counts.items()}
            for outcome in await self.handle(*changes)
        ]

    async def letters(self) -> dict[int, tuple[str, str]]:
        """Return reason and detail by offset of the original."""
        records = await self.log.read({LETTERS: 0}, max_records=1000, wait_s=0)
        found = [read_dead_letter(one) for one in records]
        return {one.offset: (one.failures[0].reason.value, one.failures[0].detail) for one in found}


@asynccontextmanager
async def writer_setting(
    *,
    dry_run: Any = None,
    search_chunk: int = 100,
    deletes: Deletes = Deletes.ON,
    members: int = 1,
    says_all: bool = False,
    now: Callable[[], datetime] | None = None,
    **options: Any,
) -> AsyncIterator[WriterSetting]:
    async with port_setting(**options) as setting:
        log = await SqliteLog.temporary()
        try:
            await log.create_topics([ENTITIES.name, LETTERS.topic])
            core = WriterCore(
                log,
                setting.port,
                now=now or setting.clock.now,
                search_chunk=search_chunk,
                concurrency=4,
                patience=options.get("patience"),
                backoff=Backoff(cap_s=15.0, jitter=lambda: 1.0),
                grace_s=5.0,
                dry_run=dry_run,
                deletes=deletes,
                members=members,
                says_all=says_all,
                clock=setting.clock.seconds,
            )
            yield WriterSetting(setting, core, log)
        finally:
            await log.close()


def one(count: Count, **more: int) -> dict[str, int]:
    return {str(count): 1, **more}
