"""Runs services of one installation as processes against a Kafka, and feeds its topics."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx

from benchmarks.processes import MemoryWatch, cpu_s, tree
from benchmarks.program import PROGRAM
from schemas.mapping import MappingInForce
from schemas.topics import COMMANDS, ENTITIES, MAPPING, RUNS, dlq_topic
from services.fetcher.default_resources import default_mapping
from shared.log.interface import TopicPartition
from shared.log.kafka import KafkaLog
from shared.log.kafka_connection import KafkaConnection
from shared.log.kafka_names import KafkaNames
from shared.log.kafka_opening import connect_within
from shared.mapping_topic import mapping_record
from tests.broker.fixtures import ADDRESS_VARIABLE
from tests.broker.jars import kafka_jars
from tests.broker.server import KafkaServer

IDENTIFIER = "benchmark"
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 40.0
POLL_S = 0.1
OWN_TOPICS = (MAPPING.name, COMMANDS.name, RUNS.name, ENTITIES.name)


@dataclass(frozen=True, slots=True)
class Broker:
    """A Kafka to measure with.

    Attributes:
        servers: Its bootstrap servers.
        process_id: None: it is somebody else's, and what it uses is not known.
    """

    servers: str
    process_id: int | None

    def cpu_s(self) -> float:
        """Return the CPU time it has used so far; nan: not known."""
        return float("nan") if self.process_id is None else cpu_s(self.process_id)


@contextmanager
def broker() -> Iterator[Broker]:
    """Yield the Kafka of PAGERPORT_TEST_KAFKA, else one of this machine that runs until the block ends."""
    if address := os.environ.get(ADDRESS_VARIABLE):
        yield Broker(address, None)
        return
    server = KafkaServer(kafka_jars())
    try:
        server.start()
        yield Broker(server.bootstrap_servers, server.process_id)
    finally:
        server.close()


@dataclass
class Service:
    """One service in its process."""

    name: str
    process: subprocess.Popen[bytes]
    url: str
    memory: MemoryWatch

    def cpu_s(self) -> float:
        """Return the CPU time of the process and its workers so far."""
        return sum(cpu_s(one) for one in tree(self.process.pid))

    def wait_until_ready(self, detail: str = "") -> None:
        """Wait until it is ready and a check says this, e.g. how many partitions it has."""
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while not self._is_ready(detail):
            if self.process.poll() is not None or time.monotonic() > deadline_s:
                raise SystemExit(f"{self.name} has not started (exit code {self.process.returncode})")
            time.sleep(POLL_S)

    def _is_ready(self, detail: str) -> bool:
        try:
            answer = httpx.get(f"{self.url}/health/ready", timeout=5)
        except httpx.HTTPError:
            return False
        details = [check["detail"] for check in answer.json()["checks"]] if answer.is_success else []
        return answer.is_success and (not detail or detail in details)


@dataclass(frozen=True)
class Installation:
    """One installation on a Kafka, with topics and groups of its own.

    Attributes:
        broker: The Kafka.
        prefix: Of its topics and groups.
        third_parties: The part of its environment that says how PagerDuty and Port are reached.
    """

    broker: Broker
    prefix: str
    third_parties: Mapping[str, str] = field(default_factory=dict)

    @asynccontextmanager
    async def log(self) -> AsyncIterator[KafkaLog]:
        """Open its log, with all its topics but the raw ones."""
        names = KafkaNames(IDENTIFIER, self.prefix)
        log = KafkaLog(KafkaConnection(servers=(self.broker.servers,), names=names, service="benchmark"))
        try:
            await connect_within(log)
            await log.create_topics([*OWN_TOPICS, dlq_topic(ENTITIES.name)])
            yield log
        finally:
            await log.close()

    @contextmanager
    def services(self, *names: str) -> Iterator[list[Service]]:
        """Run services until the block ends: `services("mapper", "mapper", "writer")`."""
        with ExitStack() as stack:
            yield [stack.enter_context(self._service(name)) for name in names]

    @contextmanager
    def _service(self, name: str) -> Iterator[Service]:
        port = _free_port()
        environment = {
            "PATH": os.environ["PATH"],
            "OCEAN__LOG__LEVEL": "warning",
            **self.third_parties,
            "OCEAN__KAFKA__BOOTSTRAP_SERVERS": self.broker.servers,
            "OCEAN__KAFKA__TOPIC_PREFIX": self.prefix,
            "OCEAN__INTEGRATION__IDENTIFIER": IDENTIFIER,
            "OCEAN__HTTP__PORT": str(port),
        }
        with subprocess.Popen(
            [PROGRAM, name], env=environment, cwd=tempfile.gettempdir(), stdout=sys.stderr
        ) as process:
            try:
                with MemoryWatch(process.pid) as memory:
                    yield Service(name, process, f"http://127.0.0.1:{port}", memory)
            finally:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(STOP_TIMEOUT_S)
                except subprocess.TimeoutExpired:
                    process.kill()


async def put_in_force(log: KafkaLog) -> None:
    """Publish the default mapping: mappers that wait for one begin."""
    mapping = MappingInForce(version=1, config=default_mapping().config)
    await log.append([mapping_record(mapping, identifier=IDENTIFIER, made_at=datetime.now(UTC))])


async def lag(log: KafkaLog, group: str, places: Sequence[TopicPartition]) -> int:
    """Return how many records of the partitions a group has not done with."""
    ends, committed = await log.end_offsets(places), await log.committed(group, places)
    return sum(end - (committed[place].offset if place in committed else 0) for place, end in ends.items())


async def wait_until_done(log: KafkaLog, group: str, places: Sequence[TopicPartition]) -> None:
    """Return when a group has committed all that the partitions hold."""
    while True:
        if not await lag(log, group, places):
            return
        await asyncio.sleep(POLL_S)


def places_of(topic: str, partitions: int) -> list[TopicPartition]:
    """Return the partitions of a topic."""
    return [TopicPartition(topic, partition) for partition in range(partitions)]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
