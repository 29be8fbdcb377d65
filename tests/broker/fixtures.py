"""Is the pytest plugin that finds a Kafka for the session, or says loudly that there is none."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
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


def no_kafka(why: str) -> NoReturn:
    """Skip the test, or fail it where Kafka is required."""
    if os.environ.get(REQUIRE_VARIABLE) == "1":
        pytest.fail(f"{_WHY}{why} ({REQUIRE_VARIABLE}=1)", pytrace=False)
    pytest.skip(_WHY + why)


@pytest.fixture(scope="session")
def kafka_servers() -> Iterator[str]:
    """Yield the servers of a Kafka that the session's tests share."""
    if address := os.environ.get(ADDRESS_VARIABLE):
        yield address
        return
    with ExitStack() as stack:
        try:
            servers = stack.enter_context(kafka_container())
        except NoDockerError as no_docker:
            try:
                server = KafkaServer(kafka_jars())
            except NoJarsError as no_jars:
                no_kafka(f"{ADDRESS_VARIABLE} is not set, {no_docker}, {no_jars}")
            stack.callback(server.close)
            server.start()
            servers = server.bootstrap_servers
        yield servers


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
