"""Opens the log on Kafka as the settings say, and says in one line why that does not work."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

from aiokafka.conn import create_conn
from aiokafka.errors import KafkaError

from shared.errors import ConfigurationError, FatalError, PagerportError, RetryableError
from shared.log.interface import Sleep
from shared.log.kafka import KafkaLog
from shared.log.kafka_connection import KafkaConnection
from shared.log.kafka_errors import sort_error
from shared.log.kafka_names import KafkaNames
from shared.log.kafka_security import make_security, security_mistakes
from shared.settings.model import Settings

logger = logging.getLogger(__name__)

SERVERS_VARIABLE: Final = "OCEAN__KAFKA__BOOTSTRAP_SERVERS"
RETRY_INTERVAL_S: Final = 1.0
PROBE_TIMEOUT_S: Final = 10.0
SHORTEST_TRY_S: Final = 1.0
HEARTBEATS_PER_SESSION: Final = 10


def kafka_connection(settings: Settings, *, service: str) -> KafkaConnection:
    """Return how Kafka is reached.

    Args:
        settings: All settings.
        service: Which of our processes asks; part of the client id.

    Raises:
        ConfigurationError: A line per mistake, with the variable and how to mend it.
    """
    kafka = settings.kafka
    mistakes = list(security_mistakes(kafka))
    if not kafka.servers:
        mistakes.insert(
            0, f"{SERVERS_VARIABLE}: is missing; set it to your brokers, host:port, comma-separated"
        )
    security = None
    try:
        security = make_security(kafka)
    except ValueError as error:
        mistakes.append(str(error))
    if mistakes:
        raise ConfigurationError("\n".join(mistakes))
    return KafkaConnection(
        servers=kafka.servers,
        security=security,
        names=KafkaNames(settings.integration.identifier, kafka.topic_prefix),
        service=service,
        may_create_topics=kafka.create_topics,
        replication_factor=kafka.replication_factor,
        session_timeout_ms=int(kafka.session_timeout_s * 1000),
        heartbeat_interval_ms=int(kafka.session_timeout_s * 1000 / HEARTBEATS_PER_SESSION),
        rebalance_timeout_ms=int(kafka.rebalance_timeout_s * 1000),
        append_timeout_s=kafka.append_timeout_s,
        connect_timeout_s=kafka.connect_timeout_s,
    )


@asynccontextmanager
async def open_kafka_log(
    settings: Settings, *, service: str, must_create: bool = False
) -> AsyncIterator[KafkaLog]:
    """Open the log for a command, which reads, appends and creates topics but joins no group.

    Args:
        settings: All settings.
        service: Part of the client id.
        must_create: The user asks for topics to be created, whatever the settings say of services.

    Raises:
        ConfigurationError, FatalError: As `kafka_connection` and `connect_within`.
    """
    connection = kafka_connection(settings, service=service)
    log = KafkaLog(replace(connection, may_create_topics=connection.may_create_topics or must_create))
    try:
        await connect_within(log)
        yield log
    finally:
        await log.close()


async def connect_within(
    log: KafkaLog, within_s: float | None = None, *, sleep: Sleep = asyncio.sleep
) -> None:
    """Connect a log; as long as no broker answers, try again.

    Args:
        log: Not connected yet.
        within_s: How long; None: as the settings say, a minute.
        sleep: Waits between attempts.

    Raises:
        ConfigurationError: The login or the certificate is refused; at once.
        FatalError: No broker can be reached in that time.
    """
    connection = log.connection
    limit_s = connection.connect_timeout_s if within_s is None else within_s
    clock = asyncio.get_running_loop().time
    deadline_s = clock() + limit_s
    has_said = False
    while True:
        try:
            await _try_once(log, max(deadline_s - clock(), SHORTEST_TRY_S))
        except RetryableError as error:
            if clock() + RETRY_INTERVAL_S > deadline_s:
                raise FatalError(
                    f"{error}; gave up after {limit_s:g} s: check {SERVERS_VARIABLE} and "
                    "OCEAN__KAFKA__SECURITY_PROTOCOL"
                ) from error
            if not has_said:
                logger.warning("%s; trying for %g s", error, limit_s)
                has_said = True
            await sleep(RETRY_INTERVAL_S)
        else:
            return


async def _try_once(log: KafkaLog, within_s: float) -> None:
    """Connect once; a name that is not found or a silent server may take longer than there is left.

    Raises:
        RetryableError, ConfigurationError: As the servers answer, or they do not in that time.
    """
    connection = log.connection
    try:
        async with asyncio.timeout(within_s):
            await _probe(connection)
            await log.start()
    except TimeoutError as error:
        raise RetryableError(
            f"Kafka at {connection.address}, connecting: no answer in {within_s:.0f} s"
        ) from error


async def _probe(connection: KafkaConnection) -> None:
    """Return when one of the servers answers and takes the login.

    A client of aiokafka says only that none did; this says why.

    Raises:
        RetryableError, ConfigurationError: As the servers answer.
    """
    failures = await asyncio.gather(*(_probe_server(connection, server) for server in connection.servers))
    if None in failures:
        return
    found = [failure for failure in failures if failure is not None]
    raise next((one for one in found if isinstance(one, ConfigurationError)), found[0])


async def _probe_server(connection: KafkaConnection, server: str) -> PagerportError | None:
    host, _, port = server.rpartition(":")
    arguments: dict[str, Any] = {
        name: value
        for name, value in connection.client_arguments().items()
        if name in {"client_id", "security_protocol", "ssl_context"} or name.startswith("sasl_")
    }
    arguments["request_timeout_ms"] = int(PROBE_TIMEOUT_S * 1000)
    try:
        connected = await create_conn(host.strip("[]"), int(port), **arguments)
    except (KafkaError, OSError) as error:
        return sort_error(error, address=server, doing="connecting")
    connected.close()
    return None
