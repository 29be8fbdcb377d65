"""What ends a service on Kafka: one clear line, and the exit code that says whose turn it is."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka.admin import NewTopic

from schemas.mapping import MappingFile, MappingInForce
from schemas.topics import COMMANDS, ENTITIES, MAPPING, WEBHOOKS, raw_topic, topic_of
from shared.errors import FatalError, RetryableError
from shared.log.interface import Log
from shared.mapping_topic import mapping_record
from shared.service.app import ServiceApp
from shared.service.metrics import ServiceMetrics
from shared.service.running import Running
from shared.settings import Settings
from tests.broker.server import ADMIN, PASSWORD, STRANGER, KafkaServer
from tests.kafka.cluster import Cluster
from tests.kafka.stack import Process, Stack, free_port
from tests.pipeline.harness import Stage, pagerduty, port

pytestmark = pytest.mark.timeout(600)
SERVICES = ("fetcher", "gateway", "mapper", "writer")
END_TIMEOUT_S = 40.0
NOBODY = "127.0.0.1:1"


@pytest.fixture(scope="module")
def simulators(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("simulators")
    with pagerduty("--account", "small") as there, port(folder, blueprints=[]) as here:
        yield Stage(there, here, folder)


@pytest.fixture
def stage(simulators: Stage, tmp_path: Path) -> Stage:
    return replace(simulators, folder=tmp_path)


def login(user: str, password: str) -> dict[str, str]:
    return {
        "OCEAN__KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "OCEAN__KAFKA__SASL_MECHANISM": "SCRAM-SHA-512",
        "OCEAN__KAFKA__USERNAME": user,
        "OCEAN__KAFKA__PASSWORD": password,
    }


def errors_of(process: Process) -> list[str]:
    """Return the lines that say why it ended."""
    assert "Traceback" not in process.said, process.said
    return [line for line in process.said.splitlines() if line.startswith("error: ")]


def all_end(stack: Stack) -> set[int]:
    """Start every service, wait for all to end by themselves, and return their exit codes."""
    for name in SERVICES:
        stack.start(name)
    try:
        return {process.wait(END_TIMEOUT_S) for process in stack.processes.values()}
    finally:
        stack.down()


def test_unreachable_kafka_is_tried_for_the_time_set_and_is_exit_3(stage: Stage) -> None:
    stack = Stack(stage, NOBODY, prefix="x.", more={"OCEAN__KAFKA__CONNECT_TIMEOUT_S": "2"})
    assert all_end(stack) == {3}
    for process in stack.processes.values():
        (line,) = errors_of(process)
        assert f"Kafka at {NOBODY}" in line
        assert "gave up after 2 s: check OCEAN__KAFKA__BOOTSTRAP_SERVERS" in line


def test_fetcher_that_is_to_run_once_is_exit_2_before_anything_is_reached(stage: Stage) -> None:
    stack = Stack(stage, NOBODY, prefix="x.", more={"OCEAN__EVENT_LISTENER__TYPE": "ONCE"})
    process = stack.start("fetcher")
    assert process.wait(END_TIMEOUT_S) == 2
    assert errors_of(process) == [
        "error: OCEAN__EVENT_LISTENER: is ONCE, but a fetcher runs until it is stopped; take "
        "`pagerport sync` for one run (it needs no Kafka), or POLLING here and `pagerport resync --wait` "
        "for each run"
    ]
    assert "trying for" not in process.said
    # The others read the same `.env`, and it is nothing to them.
    gateway = stack.start("gateway")
    stack.wait_until(lambda: "trying for 60 s" in gateway.said, "it tries", gateway)
    assert gateway.stop() == 0


def test_service_that_still_tries_to_reach_kafka_stops_at_once(stage: Stage) -> None:
    stack = Stack(stage, NOBODY, prefix="x.")
    process = stack.start("gateway")
    stack.wait_until(lambda: "trying for 60 s" in process.said, "it tries", process)
    assert process.stop() == 0
    assert errors_of(process) == []
    assert process.said.endswith("gateway stopping after SIGTERM\n")


def test_wrong_password_is_exit_2(stage: Stage, own_kafka: KafkaServer) -> None:
    stack = Stack(stage, own_kafka.sasl_servers, prefix="x.", more=login(ADMIN, "wrong"))
    assert all_end(stack) == {2}
    for process in stack.processes.values():
        (line,) = errors_of(process)
        assert "check OCEAN__KAFKA__SASL_MECHANISM, …__USERNAME and …__PASSWORD" in line
        assert "wrong" not in process.said


async def test_topics_of_another_installation_are_exit_2(stage: Stage, own_kafka: KafkaServer) -> None:
    stack = Stack(stage, own_kafka.bootstrap_servers, prefix="shared.")
    theirs = Cluster(own_kafka.bootstrap_servers, "shared.")
    async with theirs.stack:
        log = await theirs.open_log()
        await log.create_topics([MAPPING.name])
        mapping = MappingInForce(version=1, config=MappingFile.model_validate({"resources": []}))
        await log.append([mapping_record(mapping, identifier="team-b", made_at=datetime.now(UTC))])
    assert await asyncio.to_thread(all_end, stack) == {2}
    for process in stack.processes.values():
        (line,) = errors_of(process)
        assert "holds the mapping of another installation, 'team-b'" in line
        assert "OCEAN__KAFKA__TOPIC_PREFIX" in line
    refused = await asyncio.to_thread(stack.command, "resync", code=2)
    assert "holds the mapping of another installation, 'team-b'" in refused.stderr


def test_missing_topics_that_may_not_be_created_are_exit_2(stage: Stage, own_kafka: KafkaServer) -> None:
    stack = Stack(stage, own_kafka.sasl_servers, prefix="y.", more=login(STRANGER, PASSWORD))
    assert all_end(stack) == {2}
    for process in stack.processes.values():
        lines = errors_of(process)
        assert lines
        assert all("is missing, or hidden from this user, and cannot be created" in line for line in lines)


def test_missing_topics_that_are_not_to_be_created_are_exit_2(stage: Stage, own_kafka: KafkaServer) -> None:
    stack = Stack(
        stage, own_kafka.bootstrap_servers, prefix="z.", more={"OCEAN__KAFKA__CREATE_TOPICS": "false"}
    )
    assert all_end(stack) == {2}
    for process in stack.processes.values():
        lines = errors_of(process)
        assert lines
        assert all("is missing; create it with `pagerport topics create`" in line for line in lines)


async def test_wrong_number_of_partitions_is_exit_2(stage: Stage, cluster: Cluster) -> None:
    read = {
        "fetcher": COMMANDS.name,
        "gateway": WEBHOOKS.name,
        "mapper": raw_topic("incidents"),
        "writer": ENTITIES.name,
    }
    async with cluster.admin() as admin:
        await admin.create_topics([NewTopic(cluster.prefix + topic, 7, 1) for topic in read.values()])
    stack = Stack(stage, cluster.servers, prefix=cluster.prefix)
    assert await asyncio.to_thread(all_end, stack) == {2}
    for name, topic in read.items():
        says = f"error: {cluster.prefix}{topic}: has 7 partitions, must have {topic_of(topic).partitions}"
        lines = errors_of(stack.processes[f"{name}-1"])
        assert any(line.startswith(says) for line in lines), lines


def test_address_that_is_taken_is_exit_2(stage: Stage, kafka_servers: str) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))  # noqa: S104 - as the service does
        taken.listen()
        number = taken.getsockname()[1]
        stack = Stack(stage, kafka_servers, prefix=f"{stage.folder.name}.")
        process = stack.start("gateway", OCEAN__HTTP__PORT=str(number))
        assert process.wait(END_TIMEOUT_S) == 2
    (line,) = errors_of(process)
    assert f"cannot listen on 0.0.0.0:{number}" in line


@pytest.mark.parametrize("dies", ["with an error", "without a word"])
async def test_service_of_which_a_task_dies_ends(
    cluster: Cluster, dies: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_closed = False

    async def work() -> None:
        if dies == "with an error":
            raise FatalError("this cannot go on")

    @asynccontextmanager
    async def open_service(log: Log, settings: Settings, metrics: ServiceMetrics) -> AsyncIterator[Running]:
        nonlocal is_closed
        yield Running(tasks=[asyncio.create_task(work(), name="half of it")])
        is_closed = True

    settings = settings_of(cluster, free_port())
    says = "this cannot go on" if dies == "with an error" else "half of it has ended by itself"
    async with asyncio.timeout(60):
        with pytest.raises(FatalError, match=says):
            await ServiceApp("worker", settings, open_service).serve()
    assert is_closed
    logging.getLogger("pagerport").handlers.clear()


def settings_of(cluster: Cluster, number: int) -> Settings:
    """Return the settings of a service in this process."""
    return Settings.model_validate(
        {
            "kafka": {"bootstrap_servers": cluster.servers, "topic_prefix": cluster.prefix},
            "http": {"port": number, "host": "127.0.0.1"},
        }
    )


async def test_service_that_cannot_start_yet_tries_again_and_asks_others_to_do_the_same(
    cluster: Cluster,
) -> None:
    attempts = 0
    may_open = asyncio.Event()
    is_waiting = asyncio.Event()

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 202, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    @asynccontextmanager
    async def open_service(log: Log, settings: Settings, metrics: ServiceMetrics) -> AsyncIterator[Running]:
        nonlocal attempts
        attempts += 1
        metrics.gauge("attempts", "Shown anew at each.", (), lambda: {(): float(attempts)})
        if attempts == 1:
            raise RetryableError("the broker has just gone")
        is_waiting.set()
        await may_open.wait()
        yield Running(routes=[("/hook", answer)])

    number = free_port()
    app = ServiceApp("worker", settings_of(cluster, number), open_service)
    async with asyncio.timeout(60), httpx.AsyncClient(base_url=f"http://127.0.0.1:{number}") as http:
        serving = asyncio.create_task(app.serve())
        await is_waiting.wait()
        # A 404 would tell PagerDuty to drop the event, and after some of them the subscription.
        early = [(await http.post("/hook")).status_code, (await http.get("/health/ready")).status_code]
        may_open.set()
        while (await http.get("/health/ready")).status_code != 200:
            pass
        late = [(await http.post("/hook")).status_code, (await http.post("/nowhere")).status_code]
        metrics = (await http.get("/metrics")).text
        app.exit()
        code = await serving
    assert (early, late, code) == ([503, 503], [202, 404], 0)
    assert "pagerport_attempts 2.0" in metrics
