"""Holds the clients of an open log on Kafka: what appends, what reads outside of groups, what administers."""

import asyncio
from typing import Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from shared.log.kafka_connection import KafkaConnection
from shared.log.kafka_lanes import Lanes
from shared.log.kafka_reader import KafkaReaders
from shared.log.kafka_stopping import stop_for_good
from shared.tasks import all_of

BATCH_BYTES: Final = 512 * 1024
"""Of one request's part for one partition: few round trips on real networks. A larger record goes alone."""
MAX_REQUEST_BYTES: Final = 16 * 1024 * 1024
CLOSE_TIMEOUT_S: Final = 5.0
"""aiokafka's producer waits for what is under way as long as a request may take."""


class KafkaClients:
    """The clients, connected until they are closed.

    Attributes:
        admin: Topics, groups and their offsets.
        outside: A consumer of no group, which is asked where partitions begin and end.
        lanes: Take what is appended.
        readers: Read outside of groups.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        producer: AIOKafkaProducer,
        admin: AIOKafkaAdminClient,
        outside: AIOKafkaConsumer,
    ) -> None:
        self.admin = admin
        self.outside = outside
        self.lanes = Lanes(producer, connection.names)
        self.readers = KafkaReaders(connection.client_arguments(), connection.names)
        self._producer = producer

    @classmethod
    async def start(cls, connection: KafkaConnection) -> "KafkaClients":
        """Connect.

        Raises:
            KafkaError, OSError: Kafka cannot be reached or refuses us; nothing stays open.
        """
        arguments = connection.client_arguments()
        producer = AIOKafkaProducer(
            **{**arguments, "request_timeout_ms": int(connection.append_timeout_s * 1000)},
            acks="all",
            # With idempotence one batch that expires poisons the producer for good; see decision 10.
            enable_idempotence=False,
            max_batch_size=BATCH_BYTES,
            max_request_size=MAX_REQUEST_BYTES,
        )
        admin = AIOKafkaAdminClient(**arguments)
        outside = AIOKafkaConsumer(**arguments, group_id=None, enable_auto_commit=False)
        clients = cls(connection, producer, admin, outside)
        try:
            await all_of(producer.start(), admin.start(), outside.start())
        except BaseException:
            await clients.close()
            raise
        return clients

    async def close(self) -> None:
        """Close the connections."""
        await self.lanes.close()
        await self.readers.close()
        ends = (
            (self._producer.stop, self._producer.client),
            (self.outside.stop, self.outside._client),
            (self.admin.close, self.admin._client),
        )
        await asyncio.gather(*(stop_for_good(*end, timeout_s=CLOSE_TIMEOUT_S) for end in ends))
