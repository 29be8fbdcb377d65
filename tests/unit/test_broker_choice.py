"""Proves in which order tests look for a Kafka, and what Docker is asked for."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest
from testcontainers.core.config import ConnectionMode, testcontainers_config

from tests.broker.container import IMAGE, STARTED, NoDockerError, kafka_container
from tests.broker.fixtures import NoKafkaError, first_kafka
from tests.broker.jars import NoJarsError
from tests.compose_file import read_services
from tests.unit.docker_daemon import Daemon, docker_daemon


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    found = Daemon({IMAGE}, f"[KafkaRaftServer nodeId=1] {STARTED} (kafka.server.KafkaRaftServer)\n")
    # The library's own container that looks after the others.
    monkeypatch.setattr(testcontainers_config, "ryuk_disabled", True)
    # Where the tests run in a container themselves the library would look for a network of theirs.
    monkeypatch.setattr(testcontainers_config, "connection_mode_override", ConnectionMode.docker_host)
    with docker_daemon(found, tmp_path / "docker.sock") as host:
        monkeypatch.setenv("DOCKER_HOST", host)
        yield found


def test_container_is_kafkas_own_image_and_tells_clients_where_it_is(daemon: Daemon) -> None:
    with kafka_container() as servers:
        (host, _, port) = servers.partition(":")
        assert host == "127.0.0.1"
    (created,) = daemon.created
    assert (created["Image"], created["HostConfig"]["PortBindings"]) == (
        IMAGE,
        {f"{port}/tcp": [{"HostIp": "", "HostPort": port}]},
    )
    environment = dict(line.split("=", 1) for line in created["Env"])
    assert environment["KAFKA_LISTENERS"] == f"PLAINTEXT://:{port},CONTROLLER://:9093"
    assert environment["KAFKA_ADVERTISED_LISTENERS"] == f"PLAINTEXT://{servers}"
    calls = [request for request in daemon.requests if request.startswith(("POST", "DELETE"))]
    assert calls == ["POST /containers/create", "POST /containers/c1/start", "DELETE /containers/c1"]


def test_image_and_settings_are_those_of_the_compose_file(daemon: Daemon) -> None:
    with kafka_container():
        pass
    (created,) = daemon.created
    environment = dict(line.split("=", 1) for line in created["Env"])
    compose = read_services({})["kafka"]
    assert compose.definition["image"] == IMAGE
    # Where it listens and keeps its data is another matter.
    other = {
        "KAFKA_LISTENERS",
        "KAFKA_ADVERTISED_LISTENERS",
        "KAFKA_CONTROLLER_QUORUM_VOTERS",
        "KAFKA_LOG_DIRS",
    }
    shared = compose.environment.keys() - other
    assert {name: environment[name] for name in shared} == {
        name: compose.environment[name] for name in shared
    }


def test_image_that_docker_cannot_get_is_no_docker(daemon: Daemon) -> None:
    daemon.images.clear()
    with pytest.raises(NoDockerError, match=f"no {IMAGE} from Docker"), kafka_container():
        raise AssertionError("there is none")


def test_broker_that_ends_is_said_and_its_container_removed(daemon: Daemon) -> None:
    daemon.prints, daemon.state = "no space left\n", "exited"
    with pytest.raises(RuntimeError, match="exited"), kafka_container():
        raise AssertionError("it has ended")
    assert daemon.requests[-1] == "DELETE /containers/c1"


def test_docker_of_another_machine_is_left_alone(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(testcontainers_config, "tc_host_override", "192.0.2.1")
    with pytest.raises(NoDockerError, match="not that of this machine"), kafka_container():
        raise AssertionError("it is another's")
    assert daemon.created == []


def test_docker_beside_a_container_of_ours_is_left_alone(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(testcontainers_config, "connection_mode_override", ConnectionMode.gateway_ip)
    with pytest.raises(NoDockerError, match="not that of this machine"), kafka_container():
        raise AssertionError("its port is not at 127.0.0.1")
    assert daemon.created == []


def test_no_docker_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'nothing.sock'}")
    with pytest.raises(NoDockerError, match=r"no Docker \(DockerException\)"), kafka_container():
        raise AssertionError("there is none")


@contextmanager
def working() -> Iterator[str]:
    yield "a container"


def no_docker() -> AbstractContextManager[str]:
    raise NoDockerError("no Docker")


def jars(_: ExitStack) -> str:
    return "jars"


def no_jars(_: ExitStack) -> str:
    raise NoJarsError("no Maven")


def test_kafka_is_looked_for_in_this_order() -> None:
    with ExitStack() as stack:
        assert first_kafka(stack, "given", working, jars) == "given"
        assert first_kafka(stack, None, working, jars) == "a container"
        assert first_kafka(stack, None, no_docker, jars) == "jars"
        with pytest.raises(NoKafkaError, match="PAGERPORT_TEST_KAFKA is not set, no Docker, no Maven"):
            first_kafka(stack, None, no_docker, no_jars)
