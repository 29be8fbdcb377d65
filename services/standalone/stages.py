"""Runs mapper and writer in this process, over the log that they share with the fetcher."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Literal

from schemas.topics import ENTITIES, RAW_PREFIX
from services.mapper.core import MapperCore
from services.mapper.omissions import LeftOut
from services.mapper.pool import WorkerPool
from services.standalone.clients import now
from services.writer.core import WriterCore
from shared.groups import MAPPER_GROUP, WRITER_GROUP
from shared.log.interface import Log, Subscription, TopicPartition
from shared.mapping_follower import MappingFollower
from shared.runtime import Consumer
from shared.settings import Settings
from shared.sightings import Sightings

MAPPER_BATCH: Final = 500
WRITER_BATCH: Final = 1000
WRITER_MEMBERS: Final = 3
"""Members of the writer's group: one's calls to Port go out while another waits for the last of its batch."""
STOP_GRACE_S: Final = 1.0
"""How long calls under way may take to end when the stages are stopped."""

OnLost = Callable[[Mapping[TopicPartition, int]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Stages:
    """Mapper and writer while they run.

    Attributes:
        mapper: Consumes the raw topics.
        writers: Consume the entity topic, some partitions each.
        tasks: Run until the block ends; one that ends before has failed.
    """

    mapper: Consumer
    writers: list[Consumer]
    tasks: list[asyncio.Task[None]]


@asynccontextmanager
async def run_stages(
    settings: Settings,
    log: Log,
    writer_core: WriterCore,
    omissions: Sightings[LeftOut],
    *,
    on_fatal: Literal["raise", "hold"],
    on_lost: OnLost | None = None,
) -> AsyncIterator[Stages]:
    """Run mapper and writer for the time of the block; the mapper follows the mapping in the log.

    Args:
        settings: All settings.
        log: The log.
        writer_core: The writer, made for `WRITER_MEMBERS`.
        omissions: Takes what is left as it is.
        on_fatal: See `Consumer`.
        on_lost: See `Consumer`.
    """
    identifier = settings.integration.identifier
    follower = MappingFollower(log, identifier)
    jq = settings.mapper
    async with WorkerPool(jq.workers, batch_timeout_s=jq.batch_timeout_s, engine=jq.engine) as pool:
        core = MapperCore(
            log,
            pool,
            now=now,
            identifier=identifier,
            leaving_grace_s=STOP_GRACE_S,
            omissions=omissions,
        )
        mapper = Consumer(
            log,
            MAPPER_GROUP,
            Subscription.to_all(RAW_PREFIX),
            core,
            max_records=MAPPER_BATCH,
            on_fatal=on_fatal,
            mapping_version=follower.version,
            replay_from=follower.replay_from,
            on_lost=on_lost,
        )
        writers = [
            Consumer(
                log,
                WRITER_GROUP,
                Subscription.to(ENTITIES.name),
                writer_core,
                max_records=WRITER_BATCH,
                on_fatal=on_fatal,
                on_lost=on_lost,
            )
            for _ in range(WRITER_MEMBERS)
        ]
        tasks = [asyncio.create_task(consumer.run()) for consumer in (mapper, *writers)]
        following = asyncio.create_task(follower.follow(core.use, mapper.replay))
        try:
            yield Stages(mapper, writers, [*tasks, following])
        finally:
            following.cancel()
            for consumer in (mapper, *writers):
                consumer.stop()
            await asyncio.gather(*tasks, following, return_exceptions=True)
