"""Runs one sync: fetcher, mapper and writer in this process over the embedded log, until the run is done."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from schemas.headers import Origin
from schemas.mapping import MappingInForce
from schemas.run import KindResult, RunResult
from schemas.topics import COMMANDS, ENTITIES, MAPPING, RAW_PREFIX, RUNS, dlq_topic
from services.fetcher.conductor import Conductor, Watch
from services.fetcher.listing import list_source
from services.fetcher.mapping_authority import mapping_of_port, publish_mapping
from services.fetcher.preflight import check_access
from services.fetcher.refresh import refresh_object
from services.mapper.core import MapperCore
from services.mapper.pool import WorkerPool
from services.standalone.clients import Clients, now, open_clients
from services.writer.core import WriterCore
from shared.groups import MAPPER_GROUP, WRITER_GROUP
from shared.http.waits import WaitLedger
from shared.log.interface import NewRecord
from shared.log.sqlite import SqliteLog
from shared.mapping_file import LoadedMapping, require_sound
from shared.pagerduty.client import PagerDutyClient
from shared.runtime import Consumer
from shared.settings import Settings
from shared.sources import Source, plan_sources
from shared.tasks import all_of

POLL_S = 0.05
"""Seconds between two looks at the stages: one process, so a look costs next to nothing."""
MAPPER_BATCH = 500
WRITER_BATCH = 1000
STOP_GRACE_S = 1.0
"""How long calls under way may take to end when the run is stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    """What one sync is asked to do.

    Attributes:
        settings: All settings.
        mapping: The user's mapping; None: the one kept in Port.
        kinds: Only these kinds; None: all of the mapping.
        keep_as: Where the log goes when the run is not green; None: nowhere.
        waits: Hears of every wait.
        on_snapshot: Hears of the run's state, several times a second and at the end.
    """

    settings: Settings
    mapping: LoadedMapping | None
    kinds: Collection[str] | None
    keep_as: Callable[[str], Path] | None
    waits: WaitLedger
    on_snapshot: Callable[[RunResult], None]


def new_run_id(at: datetime) -> str:
    """Return an id that sorts by time."""
    return f"{at:%Y%m%dT%H%M%S.%f}Z-{secrets.token_hex(2)}"


async def run_sync(sync: Sync) -> tuple[RunResult, Path | None]:
    """Run one sync to its end.

    Returns:
        The result, and where its log is kept if it is.

    Raises:
        ConfigurationError: Before anything is sent, or when Port holds no sound mapping.
        FatalError: PagerDuty or Port refuses us or cannot be reached, or nothing moved for too long.
    """
    if sync.mapping is not None:
        # What is wrong with a file is said before anybody is asked.
        plan_sources(sync.mapping.config, kinds=sync.kinds, now=now())
    async with _open_log(sync.settings.log.file) as log, open_clients(sync.settings, sync.waits) as clients:
        await all_of(check_access(clients.pagerduty), clients.port.authenticate())
        loaded = sync.mapping or await _from_port(clients, sync.settings.integration.identifier)
        result = await _run(sync, log, clients, loaded)
        kept = await _keep(sync, log, result)
    return result, kept


@asynccontextmanager
async def _open_log(file: Path | None) -> AsyncIterator[SqliteLog]:
    log = await SqliteLog.open(file, durable=True, consuming=True) if file else await SqliteLog.temporary()
    try:
        yield log
    finally:
        await log.close()


async def _from_port(clients: Clients, identifier: str) -> LoadedMapping:
    loaded = await mapping_of_port(clients.port.get_integration, identifier)
    require_sound(loaded)
    return loaded


async def _run(sync: Sync, log: SqliteLog, clients: Clients, loaded: LoadedMapping) -> RunResult:
    identifier = sync.settings.integration.identifier
    started_at = now()
    run_id = new_run_id(started_at)
    sources = plan_sources(loaded.config, kinds=sync.kinds, now=started_at)
    topics = [source.topic for source in sources]
    stages = [*topics, ENTITIES.name]
    await log.create_topics([*stages, *map(dlq_topic, stages), MAPPING.name, COMMANDS.name, RUNS.name])
    mapping = await publish_mapping(log, loaded, identifier=identifier, now=started_at)
    fetcher = _Fetcher(sync.settings, log, clients.pagerduty, run_id)
    conductor = Conductor(
        log,
        list_source=fetcher.list_source,
        refresh=fetcher.refresh,
        identifier=identifier,
        waits=sync.waits,
        requests=clients.requests,
        watch=Watch(
            poll_s=POLL_S, stall_timeout_s=sync.settings.sync.stall_timeout_s, on_snapshot=sync.on_snapshot
        ),
        now=now,
    )
    async with _stages(sync, log, clients, mapping) as tasks:
        return await conductor.resync(run_id, mapping, sources, tasks)


@dataclass(frozen=True, slots=True)
class _Fetcher:
    """What the conductor asks of PagerDuty, published to the log of this sync."""

    settings: Settings
    log: SqliteLog
    client: PagerDutyClient
    run_id: str

    async def list_source(self, source: Source, heard: Callable[[KindResult], None]) -> KindResult:
        return await list_source(
            source,
            client=self.client,
            publish=self._publish,
            run_id=self.run_id,
            origin=Origin.RESYNC,
            identifier=self.settings.integration.identifier,
            now=now,
            on_progress=heard,
            concurrency=self.settings.pagerduty.concurrency,
        )

    async def refresh(self, source: Source, object_id: str) -> bool:
        return await refresh_object(
            source,
            object_id,
            client=self.client,
            publish=self._publish,
            identifier=self.settings.integration.identifier,
            now=now,
        )

    async def _publish(self, records: Sequence[NewRecord]) -> None:
        await self.log.append(records)


@asynccontextmanager
async def _stages(
    sync: Sync, log: SqliteLog, clients: Clients, mapping: MappingInForce
) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Run mapper and writer for the time of the block."""
    settings = sync.settings
    identifier = settings.integration.identifier
    async with WorkerPool(settings.mapper.workers, batch_timeout_s=settings.mapper.batch_timeout_s) as pool:
        mapper = MapperCore(log, pool, now=now, identifier=identifier)
        mapper.use(mapping)
        writer = WriterCore(
            log, clients.port, now=now, concurrency=settings.port.concurrency, grace_s=STOP_GRACE_S
        )
        consumers = [
            Consumer(
                log,
                MAPPER_GROUP,
                lambda topic: topic.startswith(RAW_PREFIX),
                mapper,
                max_records=MAPPER_BATCH,
                on_fatal="raise",
                mapping_version=lambda: mapping.version,
            ),
            Consumer(
                log, WRITER_GROUP, ENTITIES.name.__eq__, writer, max_records=WRITER_BATCH, on_fatal="raise"
            ),
        ]
        tasks = [asyncio.create_task(consumer.run()) for consumer in consumers]
        try:
            yield tasks
        finally:
            for consumer in consumers:
                consumer.stop()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _keep(sync: Sync, log: SqliteLog, result: RunResult) -> Path | None:
    if sync.settings.log.file:
        return sync.settings.log.file
    if result.green or sync.keep_as is None:
        return None
    path = sync.keep_as(result.run_id)
    await log.keep_as(path)
    return path
