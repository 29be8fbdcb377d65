"""Is the pytest plugin that finds a Kafka for the session, or says loudly that there is none."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

from tests.broker.container import NoDockerError, kafka_container
from tests.broker.jars import NoJarsError, kafka_jars
from tests.broker.server import KafkaServer
from tests.broker.tls import Certificates, NoCertificatesError, make_certificates

ADDRESS_VARIABLE = "PAGERPORT_TEST_KAFKA"
"""Bootstrap servers of a Kafka for tests; without it one is started."""
REQUIRE_VARIABLE = "PAGERPORT_REQUIRE_KAFKA"
"""Set to 1, a test that would be skipped for want of Kafka fails."""

_WHY = "no Kafka: "


@dataclass(frozen=True, slots=True)
class SecureKafka:
    """A broker with TLS, and its private authority."""

    server: KafkaServer
    certificates: Certificates


class NoKafkaError(Exception):
    """There is no Kafka for tests; the message says what was looked for."""


def no_kafka(why: str) -> NoReturn:
    """Skip the test, or fail it where Kafka is required."""
    if os.environ.get(REQUIRE_VARIABLE) == "1":
        pytest.fail(f"{_WHY}{why} ({REQUIRE_VARIABLE}=1)", pytrace=False)
    pytest.skip(_WHY + why)


@pytest.fixture(scope="session")
def kafka_servers() -> Iterator[str]:
    """Yield the servers of a Kafka that the session's tests share."""
    with ExitStack() as stack:
        try:
            servers = first_kafka(stack, os.environ.get(ADDRESS_VARIABLE), kafka_container, _server_of_jars)
        except NoKafkaError as error:
            no_kafka(str(error))
        yield servers


def first_kafka(
    stack: ExitStack,
    address: str | None,
    container: Callable[[], AbstractContextManager[str]],
    jars: Callable[[ExitStack], str],
) -> str:
    """Return the servers of the Kafka given by its address, else of Docker's, else of a JVM of our own.

    Args:
        stack: Ends what is started.
        address: Given by the environment; empty or None: none is.
        container: Starts one in Docker; NoDockerError: there is no Docker.
        jars: Starts one on this machine; NoJarsError: that cannot be.

    Raises:
        NoKafkaError: There is none of these.
    """
    if address:
        return address
    try:
        return stack.enter_context(container())
    except NoDockerError as no_docker:
        try:
            return jars(stack)
        except NoJarsError as no_jars:
            raise NoKafkaError(f"{ADDRESS_VARIABLE} is not set, {no_docker}, {no_jars}") from no_jars


def _server_of_jars(stack: ExitStack) -> str:
    server = KafkaServer(kafka_jars())
    stack.callback(server.close)
    server.start()
    return server.bootstrap_servers


@pytest.fixture(scope="module")
def own_kafka() -> Iterator[KafkaServer]:
    """Yield a started broker that the tests of a module may kill; they leave it running."""
    try:
        server = KafkaServer(kafka_jars())
    except NoJarsError as error:
        no_kafka(str(error))
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="module")
def secure_kafka() -> Iterator[SecureKafka]:
    """Yield a started broker with TLS listeners, and what its clients need."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        try:
            certificates = make_certificates(folder)
            server = KafkaServer(kafka_jars(), certificates=certificates)
        except (NoJarsError, NoCertificatesError) as error:
            no_kafka(str(error))
        stack.callback(server.close)
        server.start()
        yield SecureKafka(server, certificates)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    """Say at the end, below pytest's own summary, what was not tested."""
    yield
    # Where, and why.
    texts = [str(report.longrepr[-1]) for report in terminalreporter.stats.get("skipped", ())]
    reasons = [text.partition(_WHY)[2] for text in texts if _WHY in text]
    if reasons:
        whys = "; ".join(sorted(set(reasons)))
        terminalreporter.write_line(
            f"WARNING: {len(reasons)} tests against a real Kafka were skipped: {whys}", red=True, bold=True
        )
