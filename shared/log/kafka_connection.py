"""Says how Kafka is reached: addresses, security, names and times, for every client that is made."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from faststream.kafka import KafkaBroker
from faststream.kafka.security import parse_security
from faststream.security import BaseSecurity

from shared.log.kafka_logging import FastStreamLogger
from shared.log.kafka_names import KafkaNames

RETRY_BACKOFF_MS: Final = 100
CONNECTIONS_MAX_IDLE_MS: Final = 180_000
"""Below what the load balancers of hosted offers allow. Source: Azure Event Hubs, Kafka client settings."""
MAX_POLL_INTERVAL_MS: Final = 30 * 24 * 3600 * 1000
"""Longer than any hold: a batch waits while a remote API is down, and the heartbeats go on by themselves."""
GRACEFUL_TIMEOUT_S: Final = 15.0

MiddlewareFactory = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaConnection:
    """Everything a client of the cluster needs to know.

    Attributes:
        servers: `host:port` of some brokers.
        security: TLS and SASL; None: neither.
        names: The installation's names.
        service: Which of our processes it is; part of the client id.
        may_create_topics: Whether missing topics are created.
        replication_factor: Of topics that are created; None: 3, or fewer where there are fewer brokers.
        session_timeout_ms: Silence after which the group gives a member's partitions away.
        heartbeat_interval_ms: How soon a member hears of a rebalance.
        rebalance_timeout_ms: How long a member may take to finish its batch before a rebalance goes on
            without it.
        metadata_max_age_ms: How long a topic that is created later may take to reach its readers.
        request_timeout_ms: Longest wait for the answer to one request.
        append_timeout_s: Longest wait for the acknowledgement of one append.
        commit_timeout_s: Longest wait for a commit, then the batch is handled again. aiokafka itself waits
            for ever; a commit that comes late after all does no harm, it says what is true.
        connect_timeout_s: How long an unreachable cluster is tried at start.
    """

    servers: tuple[str, ...]
    security: BaseSecurity | None = None
    names: KafkaNames
    service: str = "cli"
    may_create_topics: bool = True
    replication_factor: int | None = None
    session_timeout_ms: int = 10_000
    heartbeat_interval_ms: int = 1_000
    rebalance_timeout_ms: int = 30_000
    metadata_max_age_ms: int = 5_000
    request_timeout_ms: int = 30_000
    append_timeout_s: float = 30.0
    commit_timeout_s: float = 60.0
    connect_timeout_s: float = 60.0

    @property
    def address(self) -> str:
        """Return the servers for messages."""
        return ", ".join(self.servers)

    def client_arguments(self) -> dict[str, Any]:
        """Return what every client of aiokafka takes."""
        return {
            "bootstrap_servers": list(self.servers),
            "client_id": self.names.client(self.service),
            "request_timeout_ms": self.request_timeout_ms,
            "retry_backoff_ms": RETRY_BACKOFF_MS,
            "connections_max_idle_ms": CONNECTIONS_MAX_IDLE_MS,
            "metadata_max_age_ms": self.metadata_max_age_ms,
            **parse_security(self.security),
        }

    def make_broker(self, *, middlewares: Sequence[MiddlewareFactory] = ()) -> KafkaBroker:
        """Return FastStream's broker, which only consumes: the log appends with a producer of its own.

        Its lines about each message are at debug level; `faststream run --log-level` would raise them.
        """
        return KafkaBroker(
            list(self.servers),
            security=self.security,
            client_id=self.names.client(self.service),
            request_timeout_ms=self.request_timeout_ms,
            retry_backoff_ms=RETRY_BACKOFF_MS,
            connections_max_idle_ms=CONNECTIONS_MAX_IDLE_MS,
            metadata_max_age_ms=self.metadata_max_age_ms,
            consumer_only=True,
            # FastStream would create a missing topic with one partition and no compaction.
            allow_auto_create_topics=False,
            graceful_timeout=GRACEFUL_TIMEOUT_S,
            middlewares=middlewares,
            logger=FastStreamLogger(),
            log_level=logging.DEBUG,
        )
