"""Starts the writer on a log: its client of Port, its core, its place in the group."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

from schemas.topics import ENTITIES, dlq_topic
from services.writer.core import WriterCore
from shared.groups import WRITER_GROUP
from shared.http.wait_watch import WaitWatch
from shared.http.waits import WaitLedger
from shared.log.interface import Log, Subscription
from shared.lost_records import resync_for
from shared.port.opening import open_port
from shared.runtime import Consumer
from shared.service.metrics import ServiceMetrics
from shared.service.readiness import Check, RemoteWatch
from shared.service.running import Running
from shared.settings import Settings

BATCH_RECORDS: Final = 1000
MEMBERS_ON_A_FILE: Final = 3
"""Members of the group where they cost nothing: one sends while another waits for its last answers."""


@asynccontextmanager
async def open_writer(log: Log, settings: Settings, metrics: ServiceMetrics) -> AsyncIterator[Running]:
    """Write what comes in `port.entities` to Port for the time of the block.

    Raises:
        ConfigurationError: A topic is missing and may not be created, or has another number of partitions.
    """
    await log.create_topics([ENTITIES.name, dlq_topic(ENTITIES.name)])
    waits = WaitLedger()
    members = 1 if settings.kafka.servers else MEMBERS_ON_A_FILE
    async with open_port(settings, waits) as port:
        core = WriterCore(
            log,
            port,
            now=lambda: datetime.now(UTC),
            concurrency=settings.port.concurrency,
            deletes=settings.deletes,
            members=members,
            says_all=True,
        )
        metered = metrics.meter(core)
        consumers = [
            Consumer(
                log,
                WRITER_GROUP,
                Subscription.to(ENTITIES.name),
                metered,
                max_records=BATCH_RECORDS,
                on_fatal="hold",
                on_lost=resync_for(log, settings.integration.identifier, lambda: datetime.now(UTC)),
            )
            for _ in range(members)
        ]
        metrics.watch_waits(waits)
        metrics.watch_requests(lambda: {"Port": port.requests})
        metrics.gauge(
            "deletes_held",
            "1: live deletes of the blueprint were held in the last ten minutes, for there were too many.",
            ("blueprint",),
            lambda: {(name,): 1.0 for name in core.held_blueprints},
        )
        watch = RemoteWatch("Port", lambda: port.successes, waits)
        tasks = [asyncio.create_task(consumer.run(), name="writing") for consumer in consumers]
        telling = asyncio.create_task(WaitWatch(waits, "writer").run(), name="telling whom it waits for")
        try:
            yield Running(
                tasks=[*tasks, telling],
                consumers=consumers,
                checks=lambda: [watch.check(), _records(core, consumers), _deletes(core)],
            )
        finally:
            for consumer in consumers:
                consumer.stop()
            telling.cancel()
            await asyncio.gather(*tasks, telling, return_exceptions=True)


def _records(core: WriterCore, consumers: Sequence[Consumer]) -> Check:
    held = core.held({place for consumer in consumers for place in consumer.owned})
    return Check("records", is_ok=not held, detail=held)


def _deletes(core: WriterCore) -> Check:
    """Say which live deletes the breaker holds: nothing is down, and upserts go on."""
    held = ", ".join(core.held_blueprints)
    detail = f"of {held} are held, too many at once; `pagerport release` has them confirmed" if held else ""
    return Check("deletes", is_ok=True, detail=detail)
