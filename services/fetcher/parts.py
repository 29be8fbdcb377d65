"""Holds what the fetcher as a service is made of: the log, the third parties, the user's wishes."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from schemas.command import Command
from schemas.mapping import MappingFile, MappingInForce
from schemas.run import RunResult
from services.fetcher.first_start import FirstStart
from services.fetcher.mapping_poll import LoadMapping
from services.fetcher.raw_publisher import RawPublisher
from services.fetcher.run_reader import RunReader
from services.fetcher.sweep.interface import Sweep
from shared.core import Core
from shared.http.waits import WaitLedger
from shared.log.interface import Clock, Log, Sleep
from shared.pagerduty.client import PagerDutyClient

MakeHydration = Callable[[RawPublisher, Callable[[], MappingInForce | None]], Core]
"""Makes what takes webhook events, from what publishes raw records and what tells the mapping in force."""
MakeSweep = Callable[[RunReader], Sweep]
"""Makes the sweep of a run, from what asks PagerDuty for it."""


async def _create_nothing(_: MappingFile) -> FirstStart:
    return FirstStart()


@dataclass(frozen=True, slots=True, kw_only=True)
class FetcherParts:
    """See the module.

    Attributes:
        log: The log.
        identifier: The installation.
        client: Asks PagerDuty.
        waits: Knows which third party is waited for.
        requests: Requests to each third party so far.
        successes: How many of them were served.
        load_mapping: Reads the user's mapping.
        mapping_interval: Between two looks at it.
        resync_interval: Between two starts of the scheduled resync; None: there is none.
        concurrency: Requests to PagerDuty at once.
        kind_intervals: Kind to the time between two starts of a resync of its own.
        now: Aware UTC.
        prepare: Creates blueprints before a mapping comes into force.
        port_time: Asks Port what time it has; None: nobody needs it.
        make_sweep: See `MakeSweep`; None: nothing is deleted.
        make_hydration: See `MakeHydration`; None: events wait.
        on_release: Has held deletes confirmed; None: nothing is ever held.
        may_begin: Whether what must come before the first run is done; runs wait for it, but not for long.
        on_snapshot: Hears of a run's state at each look; must not block.
        on_close: Completes a run's result before it is written; must not block.
        poll_s: Seconds between two looks at the stages.
        publish_every_s: Seconds between two states of a run in `pagerport.runs`.
        clock: Monotonic seconds.
        sleep: Waits for seconds.
    """

    log: Log
    identifier: str
    client: PagerDutyClient
    waits: WaitLedger
    requests: Callable[[], dict[str, int]]
    successes: Callable[[], int]
    load_mapping: LoadMapping
    mapping_interval: timedelta
    resync_interval: timedelta | None
    concurrency: int
    now: Callable[[], datetime]
    kind_intervals: Mapping[str, timedelta] = field(default_factory=dict)
    prepare: Callable[[MappingFile], Awaitable[FirstStart]] = _create_nothing
    port_time: Callable[[], Awaitable[datetime | None]] | None = None
    make_sweep: MakeSweep | None = None
    make_hydration: MakeHydration | None = None
    on_release: Callable[[Command], Awaitable[None]] | None = None
    may_begin: Callable[[], bool] = lambda: True
    on_snapshot: Callable[[RunResult], None] = lambda _: None
    on_close: Callable[[RunResult], None] = lambda _: None
    poll_s: float = 1.0
    publish_every_s: float = 2.0
    clock: Clock = time.monotonic
    sleep: Sleep = asyncio.sleep
