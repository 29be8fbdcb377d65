"""Is the pytest plugin that finds a Kafka for the session, or says loudly that there is none."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.broker.container import NoDockerError, kafka_container
from tests.broker.jars import NoJarsError, kafka_jars
from tests.broker.server import KafkaServer
from tests.broker.tls import Certificates, NoCertificatesError, make_certificates

ADDRESS_VARIABLE = "PAGERPORT_TEST_KAFKA"
"""Bootstrap servers of a Kafka for tests; without it one is started."""
REQUIRE_VARIABLE = "PAGERPORT_REQUIRE_KAFKA"
"""Set to 1, a test that would be skipped for want of Kafka fails."""

MakeServer = Callable[[], KafkaServer]

_WHY = "no Kafka: "
_skipped: pytest.StashKey[dict[str, str]] = pytest.StashKey()


def no_kafka(request: pytest.FixtureRequest, why: str) -> None:
    """Skip the test, or fail it where Kafka is required."""
    if os.environ.get(REQUIRE_VARIABLE) == "1":
        pytest.fail(f"{_WHY}{why} ({REQUIRE_VARIABLE}=1)", pytrace=False)
    request.config.stash.setdefault(_skipped, {})[request.node.nodeid] = why
    pytest.skip(_WHY + why)


@pytest.fixture(scope="session")
def kafka_source() -> Iterator[str | Exception]:
    """Yield the servers of the session's Kafka, or why there is none."""
    if address := os.environ.get(ADDRESS_VARIABLE):
        yield address
        return
    with ExitStack() as stack:
        try:
            found: str | Exception = stack.enter_context(kafka_container())
        except NoDockerError as no_docker:
            try:
                server = KafkaServer(kafka_jars())
                stack.callback(server.close)
                server.start()
                found = server.bootstrap_servers
            except NoJarsError as no_jars:
                found = RuntimeError(f"{ADDRESS_VARIABLE} is not set, {no_docker}, {no_jars}")
        yield found


@pytest.fixture
def kafka_servers(request: pytest.FixtureRequest, kafka_source: str | Exception) -> str:
    """Return the servers of a Kafka that the session's tests share."""
    if isinstance(kafka_source, Exception):
        no_kafka(request, str(kafka_source))
    return str(kafka_source)


@pytest.fixture
def kafka_server_jars(request: pytest.FixtureRequest) -> Path:
    """Return Kafka's jars, for tests that start a broker of their own in order to kill it."""
    try:
        return kafka_jars()
    except NoJarsError as error:
        no_kafka(request, str(error))
        raise


@pytest.fixture
def own_kafka(kafka_server_jars: Path) -> Iterator[KafkaServer]:
    """Yield a started broker that the test may kill."""
    server = KafkaServer(kafka_server_jars)
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def _certificates() -> Iterator[Certificates | Exception]:
    with tempfile.TemporaryDirectory() as folder:
        try:
            found: Certificates | Exception = make_certificates(Path(folder))
        except NoCertificatesError as error:
            found = error
        yield found


@pytest.fixture
def certificates(request: pytest.FixtureRequest, _certificates: Certificates | Exception) -> Certificates:
    """Return certificates of a private authority."""
    if isinstance(_certificates, Exception):
        no_kafka(request, str(_certificates))
        raise _certificates
    return _certificates


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say at the end what was not tested."""
    skipped = config.stash.get(_skipped, {})
    if skipped:
        reasons = "; ".join(sorted(set(skipped.values())))
        terminalreporter.write_line(
            f"WARNING: {len(skipped)} tests against a real Kafka were skipped: {reasons}", red=True, bold=True
        )
