"""Starts the mapper on a log: its JQ workers, the mapping it follows, its place in the group."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

from schemas.mapping import MappingInForce
from schemas.topics import ENTITIES, MAPPING, RAW_PREFIX
from services.mapper.core import MapperCore
from services.mapper.event_feed import EventFeed
from services.mapper.pool import WorkerPool
from services.mapper.said_omissions import SaidOmissions
from shared import left_out
from shared.groups import MAPPER_GROUP
from shared.log.interface import Log, Subscription
from shared.lost_records import resync_for
from shared.mapping_follower import MappingFollower
from shared.runtime import Consumer
from shared.service.metrics import ServiceMetrics
from shared.service.readiness import Check
from shared.service.running import Running
from shared.settings import Settings

BATCH_RECORDS: Final = 500


@asynccontextmanager
async def open_mapper(log: Log, settings: Settings, metrics: ServiceMetrics) -> AsyncIterator[Running]:
    """Map what comes in the raw topics, by the mapping that the log holds, for the time of the block.

    Raises:
        ConfigurationError: A topic is missing and may not be created, or has another number of partitions.
    """
    identifier = settings.integration.identifier
    raw = Subscription.to_all(RAW_PREFIX)
    # Raw topics are the fetcher's to create; those that there are must have the partitions of their keys.
    present = {place.topic for place in await log.partitions(raw)}
    await log.create_topics([MAPPING.name, ENTITIES.name, *sorted(present)])
    jq = settings.mapper
    async with WorkerPool(jq.workers, batch_timeout_s=jq.batch_timeout_s, engine=jq.engine) as pool:
        watch_expressions(metrics, pool)
        core = MapperCore(log, pool, now=_now, identifier=identifier, omissions=SaidOmissions())
        follower = MappingFollower(log, identifier)
        metrics.counter(
            left_out.COUNTER, left_out.SAYS, ("topic",), lambda: {(MAPPING.name,): follower.left_out}
        )
        consumer = Consumer(
            log,
            MAPPER_GROUP,
            raw,
            metrics.meter(core),
            max_records=BATCH_RECORDS,
            on_fatal="hold",
            mapping_version=follower.version,
            replay_from=follower.replay_from,
            on_lost=resync_for(log, identifier, _now),
        )
        events = EventFeed(log, settings, metrics, _now)

        def use(mapping: MappingInForce) -> None:
            core.use(mapping)
            events.use(mapping)

        tasks = [
            asyncio.create_task(consumer.run(), name="mapping"),
            asyncio.create_task(follower.follow(use, consumer.replay), name="following the mapping"),
            asyncio.create_task(events.run(), name="mapping events"),
        ]
        try:
            yield Running(
                tasks=tasks,
                consumers=[consumer],
                checks=lambda: [
                    _mapping_check(follower),
                    _records_check(core, consumer),
                    _expressions_check(pool),
                ],
            )
        finally:
            consumer.stop()
            for task in tasks[1:]:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _now() -> datetime:
    return datetime.now(UTC)


def _records_check(core: MapperCore, consumer: Consumer) -> Check:
    held = core.held(consumer.owned)
    return Check("records", is_ok=not held, detail=held)


def watch_expressions(metrics: ServiceMetrics, pool: WorkerPool) -> None:
    """Show over how many objects JQ workers were lost, and which expressions do not end."""
    metrics.counter(
        "jq_lost_objects",
        "Objects over which a JQ worker was lost; each is a dead letter.",
        ("reason",),
        lambda: {(reason.value,): number for reason, number in pool.lost.items()},
    )
    metrics.gauge(
        "jq_hanging",
        "1: an expression of the mapping that has proved not to end.",
        ("topic", "expression"),
        lambda: {(one.topic, str(one)): 1 for one in pool.hanging},
    )


def _expressions_check(pool: WorkerPool) -> Check:
    # Not the service's fault, and it goes on: ready all the same.
    says = "; ".join(f"{one} does not end, over objects of {one.topic}" for one in pool.hanging)
    return Check("expressions", is_ok=True, detail=says or "all end")


def _mapping_check(follower: MappingFollower) -> Check:
    if follower.held:
        return Check("mapping", is_ok=False, detail=follower.held)
    version = follower.version()
    return Check("mapping", is_ok=True, detail=f"version {version}" if version else "none published yet")
