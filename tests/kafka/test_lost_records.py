"""A cluster that has forgotten records before they were handled: an alarm and a resync, never silence."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from schemas.command import Command, CommandType
from schemas.topics import COMMANDS, ENTITIES
from shared.commands_topic import read_command
from shared.core import Batch
from shared.groups import WRITER_GROUP
from shared.log.interface import Committed, NewRecord, Subscription, TopicPartition
from shared.lost_records import ASKED_BY, resync_for
from shared.outcome import DONE, Outcome
from shared.runtime import Consumer
from tests.kafka.cluster import DEADLINE_S, Cluster, read_all

AT = datetime(2026, 11, 23, tzinfo=UTC)
GROUP_STOOD_AT, LOG_BEGINS_AT, RECORDS = 2, 10, 15


class Core:
    """Notes what it is handed."""

    def __init__(self, until: int) -> None:
        self.offsets: list[int] = []
        self.is_done = asyncio.Event()
        self._until = until

    async def handle(self, batch: Batch) -> Sequence[Outcome | None]:
        self.offsets += [record.offset for record in batch.records]
        if self.offsets[-1] == self._until:
            self.is_done.set()
        return [DONE] * len(batch.records)


async def test_group_whose_records_are_forgotten_asks_for_a_resync_and_goes_on_behind_them(
    cluster: Cluster,
) -> None:
    log = await cluster.open_log()
    await log.create_topics([ENTITIES.name, COMMANDS.name])
    positions = await log.append([NewRecord(ENTITIES.name, b"user/U1", b"{}")] * RECORDS)
    place = TopicPartition(ENTITIES.name, positions[0].partition)
    await log.commit(WRITER_GROUP, {place: Committed(GROUP_STOOD_AT)})
    await cluster.forget_before(place, LOG_BEGINS_AT)

    core = Core(until=RECORDS - 1)
    consumer = Consumer(
        log,
        WRITER_GROUP,
        Subscription.to(ENTITIES.name),
        core,
        on_fatal="hold",
        on_lost=resync_for(log, "test", lambda: AT),
    )
    running = asyncio.create_task(consumer.run())
    async with asyncio.timeout(DEADLINE_S):
        await core.is_done.wait()
    consumer.stop()
    await running

    asked = [read_command(one)[1] for one in await read_all(log, [TopicPartition(COMMANDS.name, 0)])]
    assert asked == [Command(type=CommandType.RESYNC, asked_by=ASKED_BY)]
    assert core.offsets == list(range(LOG_BEGINS_AT, RECORDS))
    assert (await log.committed(WRITER_GROUP, [place]))[place].offset == RECORDS
