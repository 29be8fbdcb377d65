"""Runs one sync: fetcher, mapper and writer in this process over the embedded log, until the run is done."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from schemas.headers import Origin
from schemas.mapping import MappingInForce
from schemas.outcome import FAILING
from schemas.run import KindResult, RunResult
from schemas.topics import COMMANDS, ENTITIES, MAPPING, RAW_PREFIX, RUNS, dlq_topic
from services.fetcher.conductor import Conductor, Watch
from services.fetcher.default_resources import default_blueprints
from services.fetcher.enrichment.run_enrichment import RunEnrichment
from services.fetcher.first_start import FirstStart, create_missing_blueprints
from services.fetcher.listing import list_source
from services.fetcher.mapping_authority import mapping_without_file, publish_mapping
from services.fetcher.page_room import PageRoom
from services.fetcher.preflight import check_access
from services.fetcher.refresh import refresh_object
from services.mapper.core import LeftOut, MapperCore, new_omissions
from services.mapper.pool import WorkerPool
from services.standalone.clients import Clients, now, open_clients
from services.standalone.findings import Findings
from services.writer.core import WriterCore
from services.writer.planning import PlanRecorder
from shared.errors import ConfigurationError
from shared.groups import MAPPER_GROUP, WRITER_GROUP
from shared.http.waits import WaitLedger
from shared.log.interface import NewRecord
from shared.log.sqlite import SqliteLog
from shared.logs import log_context
from shared.mapping_file import LoadedMapping, require_sound
from shared.pagerduty.client import PagerDutyClient
from shared.runtime import Consumer
from shared.settings import Settings
from shared.sightings import Sightings
from shared.sources import Source, plan_sources
from shared.tasks import all_of

logger = logging.getLogger(__name__)

POLL_S = 0.1
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
        mapping: The user's mapping; None: the one kept in Port, else the default one.
        kinds: Only these kinds; None: all of the mapping.
        dry_run: Write nothing to Port; the result has the plan instead.
        keep_as: Where the log goes when something did not arrive; None: nowhere.
        waits: Hears of every wait.
        on_snapshot: Hears of the run's state, several times a second and at the end.
        on_kept: Hears where the dead letters of the run can be looked at.
    """

    settings: Settings
    mapping: LoadedMapping | None
    kinds: Collection[str] | None
    dry_run: bool = False
    keep_as: Callable[[str], Path] | None
    waits: WaitLedger
    on_snapshot: Callable[[RunResult], None]
    on_kept: Callable[[Path], None]


def new_run_id(at: datetime) -> str:
    """Return an id that sorts by time."""
    return f"{at:%Y%m%dT%H%M%S.%f}Z-{secrets.token_hex(2)}"


async def run_sync(sync: Sync) -> RunResult:
    """Run one sync to its end and return the result. However it ends, what did not arrive is kept.

    Raises:
        ConfigurationError: Before anything is sent, or when Port holds no sound mapping.
        FatalError: PagerDuty or Port refuses us or cannot be reached, or nothing moved for too long.
        RejectedError: Port refuses a default blueprint.
        RetryableError: Port goes on failing for a default blueprint, or for the mapping that it holds.
    """
    if sync.mapping is not None:
        # What is wrong with a file is said before anybody is asked.
        plan_sources(sync.mapping.config, kinds=sync.kinds, now=now())
    async with (
        # A dry run must not pass for a sync in a log that is kept.
        _open_log(None if sync.dry_run else sync.settings.log.file) as log,
        open_clients(sync.settings, sync.waits, dry_run=sync.dry_run) as clients,
    ):
        await all_of(check_access(clients.pagerduty), clients.port.authenticate())
        loaded = sync.mapping or await _without_file(clients, sync.settings)
        first_start = await _first_start(clients, sync.settings, loaded)
        closed: list[RunResult] = []
        try:
            return await _run(sync, log, clients, loaded, first_start, closed.append)
        finally:
            # A run that was interrupted or gave up has dead letters too.
            for result in closed[-1:]:
                await _keep(sync, log, result)


@asynccontextmanager
async def _open_log(file: Path | None) -> AsyncIterator[SqliteLog]:
    log = await SqliteLog.open(file, durable=True, consuming=True) if file else await SqliteLog.temporary()
    try:
        yield log
    finally:
        await log.close()


async def _without_file(clients: Clients, settings: Settings) -> LoadedMapping:
    loaded = await mapping_without_file(
        clients.port.get_integration,
        settings.integration.identifier,
        may_be_default=settings.initialize_port_resources,
    )
    for problem in require_sound(loaded):
        logger.warning(loaded.line(problem))
    logger.info("no mapping file is given; in force: %s", loaded.name)
    return loaded


async def _first_start(clients: Clients, settings: Settings, loaded: LoadedMapping) -> FirstStart:
    if not settings.initialize_port_resources:
        return FirstStart()
    # All that the mapping names, not only what `--kind` asks for: a blueprint that is created later could
    # not be given the relations that it lacks.
    return await create_missing_blueprints(clients.port, loaded.config, default_blueprints())


async def _run(
    sync: Sync,
    log: SqliteLog,
    clients: Clients,
    loaded: LoadedMapping,
    first_start: FirstStart,
    on_closed: Callable[[RunResult], None],
) -> RunResult:
    identifier = sync.settings.integration.identifier
    started_at = now()
    run_id = new_run_id(started_at)
    sources = plan_sources(loaded.config, kinds=sync.kinds, now=started_at)
    topics = [source.topic for source in sources]
    stages = [*topics, ENTITIES.name]
    await log.create_topics([*stages, *map(dlq_topic, stages), MAPPING.name, COMMANDS.name, RUNS.name])
    mapping = await publish_mapping(log, loaded, identifier=identifier, now=started_at)
    enrichment = RunEnrichment(
        sources,
        client=clients.pagerduty,
        started_at=started_at,
        now=now,
        concurrency=sync.settings.pagerduty.concurrency,
    )
    fetcher = _Fetcher(sync.settings, log, clients.pagerduty, run_id, enrichment)
    recorder = PlanRecorder() if sync.dry_run else None
    writer = WriterCore(
        log,
        clients.port,
        now=now,
        concurrency=sync.settings.port.concurrency,
        grace_s=STOP_GRACE_S,
        dry_run=recorder,
    )
    omissions = new_omissions()
    findings = Findings(first_start, omissions, writer, recorder)

    def close(result: RunResult) -> None:
        findings.add_to(result)
        on_closed(result)

    conductor = Conductor(
        log,
        list_source=fetcher.list_source,
        refresh=fetcher.refresh,
        identifier=identifier,
        waits=sync.waits,
        requests=clients.requests,
        successes=clients.successes,
        watch=Watch(
            poll_s=POLL_S,
            stall_timeout_s=sync.settings.sync.stall_timeout_s,
            on_snapshot=sync.on_snapshot,
            on_close=close,
        ),
        now=now,
    )
    with enrichment, log_context(run_id=run_id):
        async with _stages(sync.settings, log, mapping, writer, omissions) as tasks:
            return await conductor.resync(run_id, mapping, sources, tasks)


@dataclass(frozen=True, slots=True)
class _Fetcher:
    """What the conductor asks of PagerDuty, published to the log of this sync."""

    settings: Settings
    log: SqliteLog
    client: PagerDutyClient
    run_id: str
    enrichment: RunEnrichment
    room: PageRoom = field(default_factory=PageRoom)
    """For the pages of all listings of the run."""

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
            room=self.room,
            enricher=self.enrichment.of(source),
        )

    async def refresh(self, source: Source, object_id: str) -> bool:
        return await refresh_object(
            source,
            object_id,
            client=self.client,
            publish=self._publish,
            identifier=self.settings.integration.identifier,
            now=now,
            enricher=self.enrichment.of(source),
        )

    async def _publish(self, records: Sequence[NewRecord]) -> None:
        await self.log.append(records)


@asynccontextmanager
async def _stages(
    settings: Settings,
    log: SqliteLog,
    mapping: MappingInForce,
    writer: WriterCore,
    omissions: Sightings[LeftOut],
) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Run mapper and writer for the time of the block."""
    identifier = settings.integration.identifier
    async with WorkerPool(settings.mapper.workers, batch_timeout_s=settings.mapper.batch_timeout_s) as pool:
        mapper = MapperCore(
            log,
            pool,
            now=now,
            identifier=identifier,
            leaving_grace_s=STOP_GRACE_S,
            omissions=omissions,
        )
        mapper.use(mapping)
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


async def _keep(sync: Sync, log: SqliteLog, result: RunResult) -> None:
    """Keep the dead letters of a run if it has any, and tell where they are."""
    if not _has_letters(result):
        return
    if sync.settings.log.file and not sync.dry_run:
        sync.on_kept(sync.settings.log.file)
    elif sync.keep_as is not None:
        path = sync.keep_as(result.run_id)
        try:
            await log.keep_as(path)
        except ConfigurationError as error:
            # The result says more of this run than that: it must be shown all the same.
            logger.error(str(error))  # noqa: TRY400 - the message says it all
        else:
            sync.on_kept(path)


def _has_letters(result: RunResult) -> bool:
    """Return whether anything became a dead letter: a row that could not be published does not."""
    stages = (stage for kind in result.kinds.values() for stage in (kind.mapper, kind.writer))
    # One that is not counted yet was written after the last commit of a run that was ended.
    return any(stage.get(count, 0) for stage in stages for count in FAILING) or any(
        one.letter for one in result.failures
    )
