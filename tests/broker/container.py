"""Runs Apache Kafka's own image where Docker can be reached."""

import gc
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from tests.broker.jars import VERSION

IMAGE = f"apache/kafka:{VERSION}"
START_TIMEOUT_S = 120


class NoDockerError(Exception):
    """Docker cannot be reached; the message says why."""


@contextmanager
def kafka_container() -> Iterator[str]:
    """Yield the servers of a broker in a container.

    Raises:
        NoDockerError: Docker cannot be reached.
    """
    from docker.errors import DockerException  # type: ignore[import-untyped]  # types-docker would be a package more
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.waiting_utils import wait_for_logs

    # The broker tells clients its address, so the port must be known before it starts.
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_LISTENERS": f"PLAINTEXT://:{port},CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "4",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS": "1000",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        "KAFKA_LOG_RETENTION_CHECK_INTERVAL_MS": "1000",
        "KAFKA_LOG_INITIAL_TASK_DELAY_MS": "1000",
    }
    failure = ""
    with warnings.catch_warnings():
        # The library leaves the socket of a failed attempt to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            # Without Docker it is the constructor that fails.
            container = DockerContainer(IMAGE).with_bind_ports(port, port)
            for name, value in settings.items():
                container = container.with_env(name, value)
            container.start()
        except DockerException as error:
            failure = type(error).__name__
        if failure:
            gc.collect()
            raise NoDockerError(f"no Docker ({failure})")
    try:
        wait_for_logs(container, "Kafka Server started", timeout=START_TIMEOUT_S)
        yield f"127.0.0.1:{port}"
    finally:
        container.stop()
