"""Puts the fetcher together as the settings say: runs, sweep, live changes, dead letters that may heal."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

from schemas.command import Command
from schemas.mapping import MappingFile, MappingInForce
from schemas.run_sweep import SweepMode
from services.fetcher.default_resources import default_blueprints, default_mapping
from services.fetcher.first_start import FirstStart, create_missing_blueprints
from services.fetcher.healing import Healing
from services.fetcher.held_letters import HeldLetters
from services.fetcher.hydration.core import HydrationCore
from services.fetcher.hydration.hydrator import Hydrator
from services.fetcher.hydration.live_enrichment import LiveEnrichment
from services.fetcher.integration.care import IntegrationCare
from services.fetcher.integration.wanted import WantedIntegration
from services.fetcher.mapping_poll import FILE_INTERVAL, LoadMapping, from_file, from_port
from services.fetcher.opening import open_pagerduty
from services.fetcher.parts import FetcherParts
from services.fetcher.raw_publisher import RawPublisher
from services.fetcher.run_counts import note_lost
from services.fetcher.run_reader import RunReader
from services.fetcher.service import FetcherService
from services.fetcher.showing import show
from services.fetcher.standing import StandingBoard, read_standing
from services.fetcher.subscription.watch import SubscriptionWatch, subscription_watch
from services.fetcher.sweep.interface import Sweep
from services.fetcher.sweep.sweeping import make_sweep
from shared.core import Core
from shared.http.wait_watch import WaitWatch
from shared.http.waits import WaitLedger
from shared.kept_letters import read_letters
from shared.log.interface import Log
from shared.pagerduty.client import PagerDutyClient
from shared.port.client import PortClient
from shared.port.opening import open_port
from shared.refresh_requests import release_requests
from shared.service.metrics import ServiceMetrics
from shared.service.readiness import Check, RemoteWatch
from shared.service.running import Running
from shared.service.tracing import Tracing
from shared.settings import Settings
from shared.webhook_address import live_changes

logger = logging.getLogger(__name__)


class FetcherAssembly:
    """The fetcher's parts while it runs.

    Args:
        log: The log.
        settings: All settings.
        pagerduty: Asks PagerDuty.
        port: Is asked for the mapping, for blueprints and for what we own.
        waits: Knows which third party is waited for.
        tracing: Hears of the events that are hydrated.
    """

    def __init__(
        self,
        log: Log,
        settings: Settings,
        pagerduty: PagerDutyClient,
        port: PortClient,
        waits: WaitLedger,
        tracing: Tracing,
    ) -> None:
        self._log = log
        self._settings = settings
        self._identifier = settings.integration.identifier
        self._pagerduty = pagerduty
        self._port = port
        self._waits = waits
        self._tracing = tracing
        self.hydration: HydrationCore | None = None
        self.subscription: SubscriptionWatch | None = None
        self.service = FetcherService(self._parts())
        self.healing = Healing(
            log,
            may_ask=self._may_heal,
            kinds=self._kinds,
            identifier=self._identifier,
            now=_now,
            held=HeldLetters(log, port, now=_now),
        )
        self.subscription = self._subscription()
        self.integration = self._integration()
        self.standing = StandingBoard(
            log,
            self._identifier,
            lambda: read_standing(_now(), self.service, self.hydration, self.subscription, self.integration),
            sleep=asyncio.sleep,
        )

    async def release(self, command: Command) -> None:
        """Have every delete that the breaker holds confirmed."""
        letters = await read_letters(self._log)
        records = release_requests(
            letters, blueprint=command.blueprint, identifier=self._identifier, made_at=_now()
        )
        if records:
            await self._log.append(records)

    def checks(self) -> list[Check]:
        """Return what the fetcher stands on, beside its group."""
        hydration = self.hydration.held if self.hydration else ""
        trouble = "; ".join(self.subscription.trouble) if self.subscription else ""
        problem = self.service.mapping_problem
        return [
            Check("runs", not self.service.held, self.service.held),
            Check("live changes", not hydration, hydration),
            # The last good mapping and the last good subscription go on: said, but nothing is down.
            Check("mapping", is_ok=True, detail=refusal(problem, has_good=not self.service.held)),
            Check("subscription", is_ok=True, detail=trouble),
            Check("integration in Port", is_ok=True, detail=self.integration.trouble),
        ]

    def requests(self) -> dict[str, int]:
        """Return the requests sent to each third party so far."""
        return {"PagerDuty": self._pagerduty.requests, "Port": self._port.requests}

    def _parts(self) -> FetcherParts:
        settings = self._settings
        interval_min = settings.scheduled_resync_interval_min
        return FetcherParts(
            log=self._log,
            identifier=self._identifier,
            client=self._pagerduty,
            waits=self._waits,
            requests=self.requests,
            successes=lambda: self._pagerduty.successes + self._port.successes,
            load_mapping=self._load_mapping(),
            mapping_interval=(
                FILE_INTERVAL
                if settings.mapping.file
                else timedelta(seconds=settings.event_listener.interval_s)
            ),
            resync_interval=timedelta(minutes=interval_min) if interval_min else None,
            concurrency=settings.pagerduty.concurrency,
            kind_intervals={
                kind: timedelta(minutes=minutes) for kind, minutes in settings.resync.kinds.items()
            },
            now=_now,
            prepare=self._prepare,
            port_time=self._port.time,
            make_sweep=self._make_sweep,
            make_hydration=self._make_hydration,
            on_release=self.release,
            may_begin=self._may_begin,
            on_close=note_lost,
        )

    def _load_mapping(self) -> LoadMapping:
        if self._settings.mapping.file:
            logger.info("a mapping file is given: the mapping that Port holds is not looked at")
            return from_file(self._settings.mapping.file)
        return from_port(
            self._port.get_integration,
            self._identifier,
            may_be_default=self._settings.initialize_port_resources,
        )

    async def _prepare(self, config: MappingFile) -> FirstStart:
        if not self._settings.initialize_port_resources:
            return FirstStart()
        return await create_missing_blueprints(self._port, config, default_blueprints())

    def _make_sweep(self, reader: RunReader) -> Sweep:
        return make_sweep(
            self._log,
            self._port,
            ask=reader.ask,
            relist=reader.relist,
            identifier=self._identifier,
            mode=SweepMode(self._settings.deletes.value),
            now=_now,
        )

    def _make_hydration(self, publisher: RawPublisher, mapping: Callable[[], MappingInForce | None]) -> Core:
        concurrency = self._settings.pagerduty.concurrency
        live = self._pagerduty.live()
        enrichment = LiveEnrichment(live, now=_now, concurrency=concurrency)
        hydrator = Hydrator(live, publisher, enrichment, identifier=self._identifier, now=_now)
        self.hydration = HydrationCore(
            self._log, hydrator, mapping=mapping, waits=self._waits, now=_now, concurrency=concurrency
        )
        return self._tracing.traced(self.hydration)

    def _subscription(self) -> SubscriptionWatch | None:
        return subscription_watch(self._settings, self._pagerduty, self.service.catch_up, asyncio.sleep)

    def _integration(self) -> IntegrationCare:
        return IntegrationCare(
            self._port.integration,
            wanted_integration(self._settings, has_file=self._settings.mapping.file is not None),
            state=self.service.resync_state,
            on_request=self.service.asked_in_port,
            interval_s=self._settings.event_listener.interval_s,
            clock=time.monotonic,
            sleep=asyncio.sleep,
        )

    async def look_after_subscription(self) -> None:
        """Care for the subscription whenever this replica leads, until cancelled."""
        if self.subscription is None:
            return
        await self.service.while_leading(self.subscription.run)

    def _may_begin(self) -> bool:
        """Whether the subscription was looked after: a run that begins later misses no event."""
        return self.subscription is None or self.subscription.has_looked

    def _may_heal(self) -> bool:
        return self.service.leads() and not (self.hydration and self.hydration.waiting)

    def _kinds(self) -> set[str]:
        mapping = self.service.mapping()
        return {entry.kind for entry in mapping.config.resources} if mapping else set()


def refusal(problem: str, *, has_good: bool) -> str:
    """Return what the check of the mapping says of a user's mapping that is not in force."""
    if not problem:
        return ""
    return f"last good mapping in force; refused: {problem}" if has_good else f"refused: {problem}"


def wanted_integration(settings: Settings, *, has_file: bool) -> WantedIntegration:
    """Return the integration object that Port is to hold.

    Args:
        settings: All settings.
        has_file: Whether the mapping is one of a file: then Port gets none that would be edited in vain.
    """
    may_be_default = settings.initialize_port_resources and not has_file
    return WantedIntegration(
        identifier=settings.integration.identifier,
        version=version("pagerport"),
        default=default_mapping().config if may_be_default else None,
    )


@asynccontextmanager
async def open_fetcher(log: Log, settings: Settings, metrics: ServiceMetrics) -> AsyncIterator[Running]:
    """Run the fetcher for the time of the block: it leads, or stands by."""
    waits = WaitLedger()
    async with AsyncExitStack() as stack:
        pagerduty = await stack.enter_async_context(open_pagerduty(settings, waits))
        port = await stack.enter_async_context(open_port(settings, waits))
        assembly = FetcherAssembly(log, settings, pagerduty, port, waits, metrics.tracing)
        logger.info(live_changes(settings))
        metrics.watch_waits(waits)
        metrics.watch_requests(assembly.requests)
        show(metrics, assembly.service, assembly.hydration, assembly.healing)
        if assembly.hydration is not None:
            # Behind the consumer, which may hand it another batch until then.
            stack.push_async_callback(assembly.hydration.close)
        service = await stack.enter_async_context(assembly.service)
        tasks = [
            asyncio.create_task(assembly.healing.run(), name="healing dead letters"),
            asyncio.create_task(service.while_leading(assembly.integration.run), name="integration in Port"),
            asyncio.create_task(service.while_leading(assembly.standing.run), name="telling how it stands"),
            asyncio.create_task(WaitWatch(waits, "fetcher").run(), name="telling whom it waits for"),
        ]
        if assembly.subscription is not None:
            tasks.append(asyncio.create_task(assembly.look_after_subscription(), name="subscription care"))
        stack.push_async_callback(_end, tasks)
        watches = [
            RemoteWatch("PagerDuty", lambda: pagerduty.successes, waits),
            RemoteWatch("Port", lambda: port.successes, waits),
        ]
        yield Running(
            tasks=[*service.tasks, *tasks],
            consumers=[service.consumer],
            checks=lambda: [*assembly.checks(), *(watch.check() for watch in watches)],
        )


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _now() -> datetime:
    return datetime.now(UTC)
