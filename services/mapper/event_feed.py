"""Maps webhook events beside raw objects, from the moment a mapping in Port's webhook format is in force."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

from schemas.mapping import MappingInForce
from schemas.topics import WEBHOOKS
from services.mapper.pool import WorkerPool
from services.mapper.webhook_format_core import WebhookMapperCore
from shared.groups import EVENT_MAPPER_GROUP
from shared.log.interface import Log, Subscription
from shared.runtime import Consumer
from shared.service.metrics import ServiceMetrics
from shared.settings import Settings

BATCH_RECORDS: Final = 500


class EventFeed:
    """A second consumer of this process. It costs nothing until it is needed: no worker, no group.

    Args:
        log: The log.
        settings: All settings.
        metrics: Count what it does.
        now: Aware UTC.
    """

    def __init__(
        self, log: Log, settings: Settings, metrics: ServiceMetrics, now: Callable[[], datetime]
    ) -> None:
        jq = settings.mapper
        self._log = log
        # A pool of its own: one that is asked for two plans in turn compiles them in turn.
        self._pool = WorkerPool(1, batch_timeout_s=jq.batch_timeout_s, engine=jq.engine)
        self._core = WebhookMapperCore(log, self._pool, now=now, identifier=settings.integration.identifier)
        self._metrics = metrics
        metrics.counter(
            "late_event_changes",
            "Changes by webhook mappings that were not made: an event that occurred later came before.",
            (),
            lambda: {(): float(self._core.late)},
        )
        self._needed = asyncio.Event()

    def use(self, mapping: MappingInForce) -> None:
        """Map events that come from now on by this mapping.

        Raises:
            ExpressionError: An expression does not compile; only if the mapping was published unchecked.
        """
        self._core.use(mapping)
        if self._core.is_needed:
            self._needed.set()

    async def run(self) -> None:
        """Wait until it is needed, then map events until cancelled."""
        await self._needed.wait()
        await self._log.create_topics([WEBHOOKS.name])
        async with self._pool:
            consumer = Consumer(
                self._log,
                EVENT_MAPPER_GROUP,
                Subscription.to(WEBHOOKS.name),
                self._metrics.meter(self._core),
                max_records=BATCH_RECORDS,
                on_fatal="hold",
            )
            consuming = asyncio.create_task(consumer.run())
            try:
                await asyncio.shield(consuming)
            finally:
                # In order also when cancelled: what is in hand is committed, the partition handed over.
                consumer.stop()
                await asyncio.gather(consuming, return_exceptions=True)
