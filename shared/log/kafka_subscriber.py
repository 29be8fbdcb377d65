"""Makes FastStream's subscriber for a member of a group, which hands batches over as they were fetched."""

from collections.abc import Awaitable, Callable
from typing import Final

from aiokafka import ConsumerRebalanceListener, ConsumerRecord
from aiokafka import TopicPartition as ClusterPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from faststream.kafka.message import FAKE_CONSUMER
from faststream.kafka.subscriber.usecase import BatchSubscriber

from shared.log.interface import Subscription
from shared.log.kafka_connection import MAX_POLL_INTERVAL_MS, KafkaConnection
from shared.log.kafka_reader import FETCH_MAX_BYTES

BATCH_RECORDS: Final = 1_000
"""Most records that FastStream hands over at once."""
EMPTY_POLL_PAUSE_MS: Final = 50
"""FastStream sleeps this long after a poll that brought nothing: the price of a first record."""


class Rebalances(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Hands aiokafka's news to a member; a rebalance goes on when the call returns."""

    def __init__(
        self,
        revoked: Callable[[], Awaitable[None]],
        assigned: Callable[[set[ClusterPartition]], Awaitable[None]],
    ) -> None:
        self._revoked = revoked
        self._assigned = assigned

    async def on_partitions_revoked(self, revoked: set[ClusterPartition]) -> None:  # noqa: ARG002 - aiokafka's
        """Wait until the batch in hand is done; nothing of it is done twice then."""
        await self._revoked()

    async def on_partitions_assigned(self, assigned: set[ClusterPartition]) -> None:
        """Begin with the new partitions."""
        await self._assigned(assigned)


async def parse_raw(records: tuple[ConsumerRecord, ...]) -> KafkaMessage:
    """Return a batch as FastStream's message without looking into it, so that no record can fail here.

    One parameter: it replaces FastStream's parser. The bodies are for its middlewares, which sum them up.
    """
    return KafkaMessage(
        raw_message=records,
        body=[record.value or b"" for record in records],
        consumer=FAKE_CONSUMER,
        correlation_id="-",
        message_id="-",
    )


def decode_none(message: KafkaMessage) -> object:
    """Return the raw records; FastStream decodes even what no handler asks for."""
    return message.raw_message


def make_subscriber(
    broker: KafkaBroker,
    connection: KafkaConnection,
    group: str,
    topics: Subscription,
    rebalances: Rebalances,
) -> BatchSubscriber:
    """Return a subscriber that is not started and has no handler yet.

    Args:
        broker: FastStream's broker, connected.
        connection: Names and times.
        group: Group id, without the installation's prefix.
        topics: What to read.
        rebalances: Hears of partitions that come and go.
    """
    return broker.subscriber(
        pattern=connection.names.pattern(topics),
        group_id=connection.names.group(group),
        batch=True,
        ack_policy=AckPolicy.MANUAL,
        parser=parse_raw,
        decoder=decode_none,
        listener=rebalances,
        # Only for partitions never committed: the runtime's positions win, see `KafkaMember._aim`.
        auto_offset_reset="earliest",
        partition_assignment_strategy=(RangePartitionAssignor,),
        max_records=BATCH_RECORDS,
        batch_timeout_ms=EMPTY_POLL_PAUSE_MS,
        fetch_max_bytes=FETCH_MAX_BYTES,
        session_timeout_ms=connection.session_timeout_ms,
        heartbeat_interval_ms=connection.heartbeat_interval_ms,
        rebalance_timeout_ms=connection.rebalance_timeout_ms,
        max_poll_interval_ms=MAX_POLL_INTERVAL_MS,
        persistent=False,
        title=group,
        description=f"Member of the group {group}.",
    )
