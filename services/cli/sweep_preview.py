"""Judges the last run's range of the log once more, and publishes nothing."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from schemas.headers import Origin
from schemas.mapping import MappingInForce
from schemas.run import KindResult, RunResult, RunState
from schemas.run_sweep import SweepMode
from schemas.topics import ENTITIES
from services.cli.open_log import open_log
from services.cli.sweep_report import not_judged
from services.fetcher.listing import list_source
from services.fetcher.mapping_authority import MappingAuthority
from services.fetcher.one_object import Presence, ask_for_object, single_query
from services.fetcher.opening import open_pagerduty
from services.fetcher.sweep.interface import Existence, SweptRun
from services.fetcher.sweep.sweeping import make_sweep
from shared.errors import ConfigurationError
from shared.http.waits import WaitLedger
from shared.log.interface import Log, NewRecord, TopicPartition
from shared.pagerduty.client import PagerDutyClient
from shared.port.opening import open_port
from shared.runs_topic import RunRecords
from shared.settings import Settings
from shared.sources import Source, plan_sources

_SWEPT = (RunState.COMPLETED, RunState.COMPLETED_WITH_FAILURES)
_EXISTENCES = {Presence.THERE: Existence.THERE, Presence.ABSENT: Existence.GONE}


async def preview_sweep(settings: Settings, file: Path | None = None) -> RunResult:
    """Return a run with what its sweep would decide now: the last one that could look for what is gone.

    Args:
        settings: All settings.
        file: The log; None: that of the settings.

    Raises:
        ConfigurationError: No run has come to its end yet, or the mapping has changed since.
        FatalError: PagerDuty, Port or Kafka refuses us or cannot be reached.
    """
    waits, identifier = WaitLedger(), settings.integration.identifier
    async with (
        open_log(file, settings) as log,
        open_pagerduty(settings, waits) as pagerduty,
        open_port(settings, waits, dry_run=True) as port,
    ):
        mapping = await MappingAuthority(log, identifier, _now).catch_up()
        run = await _run_to_judge(log, mapping)
        if mapping is None or mapping.version != run.mapping_version:
            raise ConfigurationError(
                f"the mapping has changed since run {run.run_id}: what it makes is known after the next run"
            )
        asking = _Asking(pagerduty, identifier, run.stamp)
        places = await log.partitions(ENTITIES.name.__eq__)
        sweep = make_sweep(
            log,
            port,
            ask=asking.ask,
            relist=asking.relist,
            identifier=identifier,
            mode=SweepMode.DRY_RUN,
            now=_now,
        )
        await sweep(
            SweptRun(
                result=run,
                mapping=mapping,
                sources=plan_sources(mapping.config, kinds=run.only_kinds or None, now=run.started_at),
                is_whole=run.is_whole,
                starts={
                    TopicPartition(ENTITIES.name, partition): end
                    for partition, end in run.noted.get(ENTITIES.name, {}).items()
                },
                ends=await log.end_offsets(places),
                port_started_at=run.port_started_at,
            )
        )
        return run


async def _run_to_judge(log: Log, mapping: MappingInForce | None) -> RunResult:
    """Return the newest run that looked for what is gone under the mapping in force; else the newest one."""
    records = RunRecords(log)
    await records.catch_up()
    swept = [run for run in reversed(records.runs) if run.state in _SWEPT]
    if not swept:
        raise ConfigurationError(
            "no run has come to its end yet: there is nothing to judge; see `pagerport runs`"
        )
    version = mapping.version if mapping else None
    able = (run for run in swept if run.mapping_version == version and not not_judged(run))
    return next(able, swept[0])


class _Asking:
    """Asks PagerDuty, and keeps the answers to itself."""

    def __init__(self, client: PagerDutyClient, identifier: str, stamp: str) -> None:
        self._client = client
        self._identifier = identifier
        self._stamp = stamp

    async def ask(self, source: Source, object_id: str) -> Existence:
        found = await ask_for_object(self._client, source.kind, object_id, single_query(source))
        return _EXISTENCES.get(found.presence, Existence.UNCLEAR)

    async def relist(self, source: Source) -> KindResult:
        return await list_source(
            source,
            client=self._client,
            publish=_publish_nothing,
            run_id=self._stamp,
            origin=Origin.RESYNC,
            identifier=self._identifier,
            now=_now,
            on_progress=lambda _: None,
        )


async def _publish_nothing(_: Sequence[NewRecord]) -> None:
    pass


def _now() -> datetime:
    return datetime.now(UTC)
