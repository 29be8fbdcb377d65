"""Makes the sweep that a conductor calls after a run, and says in the result what became of it."""

import logging
from collections.abc import Callable
from contextlib import closing
from datetime import datetime

from schemas.run_sweep import RunSweep, SweepMode
from services.fetcher.sweep.course import SweepCourse
from services.fetcher.sweep.interface import Ask, Relist, Sweep, SweptRun
from services.fetcher.sweep.range_reader import RangeLostError
from services.fetcher.sweep.scratch import Scratch
from services.fetcher.sweep.tools import SweepTools
from services.fetcher.sweep.weighing import held_since
from services.fetcher.sweep.wording import describe, warnings_of
from shared.log.interface import Log
from shared.port.client import PortClient
from shared.runs_topic import RunRecords

logger = logging.getLogger(__name__)

NO_PORT_TIME = "Port did not tell its time when the run began, so that nobody can say what came later"


def make_sweep(
    log: Log,
    port: PortClient,
    *,
    ask: Ask,
    relist: Relist | None,
    identifier: str,
    mode: SweepMode,
    now: Callable[[], datetime],
    remembers: bool = True,
) -> Sweep:
    """Return the sweep that a conductor calls between the last barrier of a run and its result.

    Args:
        log: Has the range of the run, and takes the deletes.
        port: Says what is ours.
        ask: Asks PagerDuty for one object.
        relist: Reads a list a second time; None: what cannot be asked for one by one is not proven.
        identifier: The installation.
        mode: Delete, only say what would be deleted, or do not look.
        now: Aware UTC.
        remembers: The log outlives the run, so that the next one knows what this one held.
    """
    tools = SweepTools(log=log, port=port, ask=ask, relist=relist, identifier=identifier, mode=mode, now=now)

    async def sweep(run: SweptRun) -> None:
        """Sweep after a run.

        Raises:
            FatalError: Port or PagerDuty refuses us or cannot be reached.
            NotOwnerError: Another process leads.
        """
        threshold = run.mapping.config.entity_deletion_threshold
        result = run.result
        result.sweep = RunSweep(mode=mode, since=run.port_started_at, threshold=threshold)
        if mode is not SweepMode.OFF:
            await _judge(tools, run, result.sweep)
        result.deletes = describe(result.sweep)
        for warning in warnings_of(result.sweep, remembers=remembers):
            result.warnings.append(warning)
            logger.error(warning)

    return sweep


async def _judge(tools: SweepTools, run: SweptRun, sweep: RunSweep) -> None:
    if run.port_started_at is None:
        sweep.reason = NO_PORT_TIME
        return
    with closing(Scratch()) as scratch:
        try:
            runs = RunRecords(tools.log)
            await runs.catch_up()
            held = held_since(runs.runs, run.result.run_id)
            await SweepCourse(tools, run, sweep, run.port_started_at, scratch, held).judge()
        except RangeLostError as error:
            sweep.reason = str(error)
            sweep.blueprints = {}
