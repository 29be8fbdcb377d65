"""Opens logs on a cluster under names of their own, and closes what a test leaves open."""

import contextlib
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from schemas.topics import topic_of
from shared.log.interface import Log, NewRecord, Position, Record, TopicPartition
from shared.log.kafka import KafkaLog
from shared.log.kafka_connection import KafkaConnection
from shared.log.kafka_names import KafkaNames

HEARTBEAT_MS = 100
"""So that members hear of a rebalance at once."""
METADATA_MAX_AGE_MS = 500
SESSION_MS = 6_000
"""The shortest that brokers allow by default."""
DEADLINE_S = 60.0


@dataclass
class Cluster:
    """A cluster as one test sees it: its topics and groups have the test's own prefix."""

    servers: str
    prefix: str = field(default_factory=lambda: f"t{secrets.token_hex(4)}.")
    stack: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)

    def connection(self, **changed: Any) -> KafkaConnection:
        """Return how a test reaches the cluster."""
        chosen: dict[str, Any] = {
            "servers": (self.servers,),
            "names": KafkaNames("test", self.prefix),
            "service": "test",
            "session_timeout_ms": SESSION_MS,
            "heartbeat_interval_ms": HEARTBEAT_MS,
            "metadata_max_age_ms": METADATA_MAX_AGE_MS,
            **changed,
        }
        return KafkaConnection(**chosen)

    async def open_log(self, **changed: Any) -> KafkaLog:
        """Return a log that is open until the test ends."""
        connection = self.connection(**changed)
        broker = connection.make_broker()
        await broker.start()
        self.stack.push_async_callback(broker.stop)
        log = KafkaLog(connection, broker)
        self.stack.push_async_callback(log.close)
        await log.start()
        return log

    @contextlib.asynccontextmanager
    async def producer(self) -> AsyncIterator[AIOKafkaProducer]:
        """Yield somebody else's producer, which sends what our own code would not."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self.servers, enable_idempotence=False, max_request_size=8 * 1024 * 1024
        )
        await producer.start()
        try:
            yield producer
        finally:
            await producer.stop()

    @contextlib.asynccontextmanager
    async def admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        """Yield a client that may do everything."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.servers)
        await admin.start()
        try:
            yield admin
        finally:
            await admin.close()

    async def forget_before(self, place: TopicPartition, offset: int) -> None:
        """Let a partition begin later, as retention does."""
        on_cluster = KafkaNames("test", self.prefix).on_cluster(place)
        async with self.admin() as admin:
            await admin.delete_records({on_cluster: RecordsToDelete(before_offset=offset)})


def places_of(topic: str) -> list[TopicPartition]:
    """Return the partitions that the registry gives a topic."""
    return [TopicPartition(topic, partition) for partition in range(topic_of(topic).partitions)]


def numbered(topic: str, numbers: range) -> list[NewRecord]:
    """Return records whose keys and values are the numbers."""
    return [NewRecord(topic, b"P%d" % number, b"%d" % number) for number in numbers]


async def read_all(log: Log, places: Sequence[TopicPartition]) -> list[Record]:
    """Return everything that lies in partitions now."""
    ends = await log.end_offsets(places)
    positions = dict.fromkeys(places, 0)
    records: list[Record] = []
    while any(positions[place] < ends[place] for place in places):
        for record in await log.read(positions, max_records=5_000, wait_s=1.0):
            positions[record.place] = record.offset + 1
            records.append(record)
    return records


def place_of(position: Position) -> TopicPartition:
    """Return the partition of a position."""
    return TopicPartition(position.topic, position.partition)
