"""Is what runs in a service's app: its connection to Kafka, the service itself, what it shows of both."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Final

from shared.errors import FatalError, PagerportError, RetryableError
from shared.installations import require_own_log
from shared.log.kafka import KafkaLog
from shared.log.kafka_opening import connect_within
from shared.service.lag import LagGauge
from shared.service.metrics import Samples, ServiceMetrics
from shared.service.readiness import Check, membership_checks
from shared.service.running import OpenService, Running
from shared.settings import Settings

logger = logging.getLogger(__name__)

STOP_TIMEOUT_S: Final = 20.0
"""For what a service has in hand; a container gets 30 s by default."""
OPEN_RETRY_S: Final = 1.0


class ServiceProcess:
    """One service between its start and its end.

    Args:
        name: Name of the service.
        settings: All settings.
        log: Not connected yet.
        metrics: Those of the process.
        open_service: Starts the service on the log.
        on_failure: Ends the process.

    Attributes:
        log: Connected by `connect`.
        failure: What ended the service, or kept it from starting; None: nothing did.
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        log: KafkaLog,
        metrics: ServiceMetrics,
        open_service: OpenService,
        *,
        on_failure: Callable[[], None],
    ) -> None:
        self.log = log
        self.failure: BaseException | None = None
        self._name = name
        self._settings = settings
        self._is_connected = False
        self._metrics = metrics
        self._open_service = open_service
        self._on_failure = on_failure
        self._held = AsyncExitStack()
        self._running: Running | None = None
        self._watch: asyncio.Task[None] | None = None
        self._lag = LagGauge(log.end_offsets, metrics)
        metrics.gauge("ready", "1: the check holds, as /health/ready says.", ("check",), self._readiness)

    @property
    def is_open(self) -> bool:
        """Return whether the service has started."""
        return self._running is not None

    async def connect(self) -> None:
        """Connect to Kafka, unless that is done; nothing is served before it.

        Raises:
            PagerportError: Kafka cannot be reached for a minute, or refuses us.
        """
        if self._is_connected:
            return
        try:
            await connect_within(self.log)
        except Exception as error:
            self.failure = error
            raise
        self._is_connected = True

    async def open(self) -> Running:
        """Start the service and return what runs; when it cannot start, the process is ended."""
        try:
            running = self._running = await self._open_within()
        except Exception as error:  # noqa: BLE001 - kept, and raised when the server has ended
            self._fail(error)
            return Running()
        self._watch = asyncio.create_task(self._watch_tasks(running.tasks))
        logger.info("started")
        return running

    async def _open_within(self) -> Running:
        """Start the service; a broker that goes away meanwhile is tried as long as one that was never there.

        Raises:
            PagerportError: The service cannot start.
        """
        clock = asyncio.get_running_loop().time
        limit_s = self.log.connection.connect_timeout_s
        deadline_s = clock() + limit_s
        while True:
            try:
                await require_own_log(self.log, self._settings.integration.identifier)
                opened = self._open_service(self.log, self._settings, self._metrics)
                return await self._held.enter_async_context(opened)
            except RetryableError as error:
                if clock() + OPEN_RETRY_S > deadline_s:
                    raise FatalError(f"{error}; gave up after {limit_s:g} s") from error
                logger.warning("%s; trying for %g s", error, limit_s)
            await asyncio.sleep(OPEN_RETRY_S)

    async def close(self) -> None:
        """Let the service finish what it has in hand and leave its groups."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self._held.aclose()
        except TimeoutError:
            logger.warning("gave up what was in hand after %.0f s", STOP_TIMEOUT_S)

    def checks(self) -> list[Check]:
        """Return what the service stands on."""
        if self._running is None:
            address = self.log.connection.address
            return [Check("started", is_ok=False, detail=f"connecting to Kafka at {address}")]
        now_s = asyncio.get_running_loop().time()
        members = [consumer.membership for consumer in self._running.consumers]
        checks = [check for member in members for check in membership_checks(member, now_s)]
        return [*checks, *self._running.checks()]

    async def read_lags(self) -> None:
        """Bring the lag up to date; a Kafka that does not answer leaves the last one."""
        if self._running is not None:
            await self._lag.read(self._running.consumers)

    def _readiness(self) -> Samples:
        return {(check.name,): float(check.is_ok) for check in self.checks()}

    async def _watch_tasks(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        """End the process when a task of the service ends: half a service only looks alive."""
        if not tasks:
            return
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            error = None if task.cancelled() else task.exception()
            self._fail(error or FatalError(f"{self._name}: {task.get_name()} has ended by itself"))

    def _fail(self, error: BaseException) -> None:
        if self.failure is None:
            self.failure = error
        if not isinstance(error, PagerportError):
            logger.error("unexpected error", exc_info=error)
        self._on_failure()
