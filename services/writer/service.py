"""Starts the writer on a log: its client of Port, its core, its place in the group."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

from schemas.topics import ENTITIES
from services.writer.core import WriterCore
from shared.groups import WRITER_GROUP
from shared.http.waits import WaitLedger
from shared.log.interface import Log, Subscription
from shared.port.opening import open_port
from shared.runtime import Consumer
from shared.service.metrics import ServiceMetrics
from shared.service.readiness import RemoteWatch
from shared.service.running import Running
from shared.settings import Settings

BATCH_RECORDS: Final = 1000


@asynccontextmanager
async def open_writer(log: Log, settings: Settings, metrics: ServiceMetrics) -> AsyncIterator[Running]:
    """Write what comes in `port.entities` to Port for the time of the block."""
    waits = WaitLedger()
    async with open_port(settings, waits) as port:
        core = WriterCore(log, port, now=lambda: datetime.now(UTC), concurrency=settings.port.concurrency)
        consumer = Consumer(
            log,
            WRITER_GROUP,
            Subscription.to(ENTITIES.name),
            metrics.meter(core),
            max_records=BATCH_RECORDS,
            on_fatal="hold",
        )
        metrics.watch_waits(waits)
        metrics.watch_requests(lambda: {"Port": port.requests})
        watch = RemoteWatch("Port", lambda: port.successes, waits)
        task = asyncio.create_task(consumer.run(), name="writing")
        try:
            yield Running(tasks=[task], consumers=[consumer], checks=lambda: [watch.check()])
        finally:
            consumer.stop()
            await asyncio.gather(task, return_exceptions=True)
