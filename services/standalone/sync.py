"""Runs one sync: fetcher, mapper and writer in this process over the embedded log, until the run is done."""

import logging
import secrets
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from schemas.outcome import FAILING
from schemas.run import RunResult
from schemas.run_sweep import SweepMode
from schemas.topics import COMMANDS, ENTITIES, MAPPING, RUNS, dlq_topic
from services.fetcher.conductor import Conductor
from services.fetcher.default_resources import default_blueprints
from services.fetcher.first_start import FirstStart, create_missing_blueprints
from services.fetcher.leadership import undisputed
from services.fetcher.mapping_authority import MappingAuthority, mapping_without_file
from services.fetcher.preflight import check_access
from services.fetcher.raw_publisher import RawPublisher
from services.fetcher.run_book import Surroundings, Watch
from services.fetcher.run_reader import RunReader
from services.fetcher.run_requests import new_run_id
from services.fetcher.sweep.sweeping import make_sweep
from services.mapper.omissions import new_omissions
from services.standalone.clients import Clients, now, open_clients
from services.standalone.findings import Findings
from services.standalone.port_report import PortReport, port_report
from services.standalone.stages import STOP_GRACE_S, WRITER_MEMBERS, run_stages
from services.writer.core import WriterCore
from services.writer.planning import PlanRecorder
from shared.errors import ConfigurationError
from shared.http.waits import WaitLedger
from shared.installations import FILE_REMEDY, require_own_log
from shared.log.sqlite import SqliteLog
from shared.logs import log_context
from shared.mapping_file import LoadedMapping
from shared.mapping_warnings import warning_lines
from shared.runs_topic import RunRecords
from shared.settings import Settings
from shared.sources import plan_sources
from shared.tasks import all_of

logger = logging.getLogger(__name__)

POLL_S = 0.1
"""Seconds between two looks at the stages: one process, so a look costs next to nothing."""


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
        await require_own_log(log, sync.settings.integration.identifier, FILE_REMEDY)
        await all_of(check_access(clients.pagerduty), clients.port.authenticate())
        async with port_report(
            clients.port.integration,
            sync.settings,
            dry_run=sync.dry_run,
            has_file=sync.mapping is not None,
        ) as report:
            loaded = sync.mapping or await _without_file(clients, sync.settings, report)
            first_start = await _first_start(clients, sync.settings, loaded)
            closed: list[RunResult] = []
            try:
                return await _run(sync, log, clients, loaded, first_start, report.begin, closed.append)
            finally:
                # A run that was interrupted or gave up has dead letters too.
                for result in closed[-1:]:
                    await _keep(sync, log, result)
                    await report.end(result)


@asynccontextmanager
async def _open_log(file: Path | None) -> AsyncIterator[SqliteLog]:
    log = await SqliteLog.open(file, durable=True, consuming=True) if file else await SqliteLog.temporary()
    try:
        yield log
    finally:
        await log.close()


async def _without_file(clients: Clients, settings: Settings, report: PortReport) -> LoadedMapping:
    try:
        loaded = await mapping_without_file(
            clients.port.get_integration,
            settings.integration.identifier,
            may_be_default=settings.initialize_port_resources,
        )
        warnings = warning_lines(loaded)
    except ConfigurationError as error:
        await report.refused(str(error))
        raise
    for line in warnings:
        logger.warning(line)
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
    on_begun: Callable[[RunResult], None],
    on_closed: Callable[[RunResult], None],
) -> RunResult:
    identifier = sync.settings.integration.identifier
    started_at = now()
    before = RunRecords(log)
    await before.catch_up()
    newest = max((run.run_id for run in before.runs), default="")
    run_id = new_run_id(started_at, secrets.token_hex(2), newest)
    sources = plan_sources(loaded.config, kinds=sync.kinds, now=started_at)
    topics = [source.topic for source in sources]
    stages = [*topics, ENTITIES.name]
    await log.create_topics([*stages, *map(dlq_topic, stages), MAPPING.name, COMMANDS.name, RUNS.name])
    authority = MappingAuthority(log, identifier, now)
    mapping = await authority.publish(loaded)
    run = RunResult(run_id=run_id, started_at=started_at, only_kinds=sorted(sync.kinds or ()))
    on_begun(run)
    recorder = PlanRecorder() if sync.dry_run else None
    writer = WriterCore(
        log,
        clients.port,
        now=now,
        concurrency=sync.settings.port.concurrency,
        grace_s=STOP_GRACE_S,
        dry_run=recorder,
        deletes=sync.settings.deletes,
        members=WRITER_MEMBERS,
    )
    omissions = new_omissions()
    findings = Findings(first_start, omissions, writer, recorder)

    def close(result: RunResult) -> None:
        findings.add_to(result)
        on_closed(result)

    leadership = undisputed()
    reader = RunReader(
        sources,
        client=clients.pagerduty,
        publisher=RawPublisher(log, leads=leadership.holds, now=now),
        stamp=run.stamp,
        identifier=identifier,
        started_at=started_at,
        now=now,
        concurrency=sync.settings.pagerduty.concurrency,
        leadership=leadership,
    )
    conductor = Conductor(
        Surroundings(
            log=log,
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
            leadership=leadership,
        ),
        list_source=reader.list_source,
        refresh=reader.refresh,
        sweep=make_sweep(
            log,
            clients.port,
            ask=reader.ask,
            relist=reader.relist,
            identifier=identifier,
            mode=_sweep_mode(sync),
            now=now,
            remembers=sync.settings.log.file is not None,
        ),
        port_time=clients.port.time,
        note_listing=authority.note_listing,
    )
    with reader, log_context(run_id=run_id):
        async with run_stages(sync.settings, log, writer, omissions, on_fatal="raise") as running:
            return await conductor.resync(run, mapping, sources, running.tasks)


def _sweep_mode(sync: Sync) -> SweepMode:
    """Return what the sweep does: a dry run deletes nothing, whatever the setting."""
    mode = SweepMode(sync.settings.deletes.value)
    return SweepMode.DRY_RUN if sync.dry_run and mode is SweepMode.ON else mode


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
