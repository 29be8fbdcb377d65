"""Starts the mapper on a log: its JQ workers, the mapping it follows, its place in the group."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

from schemas.topics import RAW_PREFIX
from services.mapper.core import MapperCore
from services.mapper.pool import WorkerPool
from shared.groups import MAPPER_GROUP
from shared.log.interface import Log, Subscription
from shared.mapping_follower import MappingFollower
from shared.runtime import Consumer
from shared.service.metrics import ServiceMetrics
from shared.service.readiness import Check
from shared.service.running import Running
from shared.settings import Settings

BATCH_RECORDS: Final = 500


@asynccontextmanager
async def open_mapper(log: Log, settings: Settings, metrics: ServiceMetrics) -> AsyncIterator[Running]:
    """Map what comes in the raw topics, by the mapping that the log holds, for the time of the block."""
    identifier = settings.integration.identifier
    async with WorkerPool(settings.mapper.workers, batch_timeout_s=settings.mapper.batch_timeout_s) as pool:
        core = MapperCore(log, pool, now=lambda: datetime.now(UTC), identifier=identifier)
        follower = MappingFollower(log, identifier)
        consumer = Consumer(
            log,
            MAPPER_GROUP,
            Subscription.to_all(RAW_PREFIX),
            metrics.meter(core),
            max_records=BATCH_RECORDS,
            on_fatal="hold",
            mapping_version=follower.version,
            replay_from=follower.replay_from,
        )

        tasks = [
            asyncio.create_task(consumer.run(), name="mapping"),
            asyncio.create_task(follower.follow(core.use, consumer.replay), name="following the mapping"),
        ]
        try:
            yield Running(tasks=tasks, consumers=[consumer], checks=lambda: [_mapping_check(follower)])
        finally:
            consumer.stop()
            tasks[1].cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _mapping_check(follower: MappingFollower) -> Check:
    if follower.held:
        return Check("mapping", is_ok=False, detail=follower.held)
    version = follower.version()
    return Check("mapping", is_ok=True, detail=f"version {version}" if version else "none published yet")
