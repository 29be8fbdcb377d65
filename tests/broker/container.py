"""Runs Apache Kafka's own image where Docker can be reached."""

import gc
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.broker.jars import VERSION

if TYPE_CHECKING:
    from testcontainers.core.container import DockerContainer

IMAGE = f"apache/kafka:{VERSION}"
STARTED = "Kafka Server started"
START_TIMEOUT_S = 120


class NoDockerError(Exception):
    """Docker cannot be reached, or has no such image; the message says why."""


@contextmanager
def kafka_container() -> Iterator[str]:
    """Yield the servers of a broker in a container.

    Raises:
        NoDockerError: Docker cannot be reached, runs elsewhere, or cannot make the container.
        TimeoutError: The broker does not start; with what it printed.
        RuntimeError: It ended; with what it printed.
    """
    from docker.errors import DockerException  # type: ignore[import-untyped]  # types-docker would be a package more

    # The broker tells clients its address, so the port must be known before it starts.
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    failure = ""
    with warnings.catch_warnings():
        # The library leaves the socket of a failed attempt to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            # Without Docker it is the constructor that fails.
            container = _container(port)
        except DockerException as error:
            failure = type(error).__name__
        if failure:
            gc.collect()
            raise NoDockerError(f"no Docker ({failure})")
    try:
        _require_local(container)
        try:
            container.start()
        except DockerException as error:
            raise NoDockerError(f"no {IMAGE} from Docker ({type(error).__name__})") from error
        yield f"127.0.0.1:{port}"
    finally:
        container.stop()


def _container(port: int) -> "DockerContainer":
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy

    # The image takes none of its defaults where anything is set.
    settings = {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_LISTENERS": f"PLAINTEXT://:{port},CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "KAFKA_INTER_BROKER_LISTENER_NAME": "PLAINTEXT",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "4",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS": "1000",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        "KAFKA_LOG_RETENTION_CHECK_INTERVAL_MS": "1000",
        "KAFKA_LOG_INITIAL_TASK_DELAY_MS": "1000",
    }
    waits = LogMessageWaitStrategy(STARTED).with_startup_timeout(START_TIMEOUT_S)
    return DockerContainer(IMAGE, env=settings).with_bind_ports(port, port).waiting_for(waits)


def _require_local(container: "DockerContainer") -> None:
    """Check that a container's port can be reached at 127.0.0.1, as the broker will tell its clients.

    Raises:
        NoDockerError: Docker is another machine's, or this process runs in a container itself.
    """
    from testcontainers.core.config import ConnectionMode

    client = container.get_docker_client()
    is_direct = client.get_connection_mode() is ConnectionMode.docker_host
    if not is_direct or client.host() not in {"localhost", "127.0.0.1", "::1"}:
        raise NoDockerError("Docker is not that of this machine")
