"""The four services on a broker with a login tell no secret while everything fails."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from schemas.topics import WEBHOOKS
from shared.log.interface import NewRecord, TopicPartition
from shared.log.kafka import KafkaLog
from shared.log.kafka_opening import kafka_connection
from shared.settings import Settings
from tests.broker.fixtures import SecureKafka
from tests.broker.server import ADMIN
from tests.kafka.cluster import read_all
from tests.kafka.stack import Stack
from tests.pipeline.echoing import in_headers, in_html, in_json, reset
from tests.pipeline.every_command import every_command
from tests.pipeline.planted import KAFKA_PASSWORD
from tests.pipeline.test_secrets import (
    SPYING,
    Scene,
    at,
    deliver,
    event,
    hosts,
    in_turn,
    items_in_json,
    scene,
    workers,
)

__all__ = ["hosts", "scene"]

pytestmark = [pytest.mark.pipeline, pytest.mark.timeout(600)]

LOGIN = {
    "security_protocol": "SASL_PLAINTEXT",
    "sasl_mechanism": "SCRAM-SHA-512",
    "username": ADMIN,
    "password": KAFKA_PASSWORD,
}


@pytest.fixture
def stack(scene: Scene, secure_kafka: SecureKafka) -> Iterator[Stack]:
    mapping = scene.stage.mapping(SPYING)
    login = {f"OCEAN__KAFKA__{name.upper()}": value for name, value in LOGIN.items()}
    stack = Stack(
        scene.stage,
        secure_kafka.server.sasl_servers,
        prefix="secrets.",
        # Each service is given all secrets: whichever it holds it must not tell.
        more={**scene.environment(), **login, "OCEAN__KAFKA__CONNECT_TIMEOUT_S": "20"},
        variables={"PAGERPORT_MAPPING": str(mapping)},
    )
    stack.more["OCEAN__BASE_URL"] = f"http://127.0.0.1:{stack.gateway_port}"  # type: ignore[index]  # a dict
    try:
        yield stack
    finally:
        stack.down()


def shown(scene: Scene, stack: Stack) -> None:
    """Keep what the endpoints of all services show."""
    for name, process in stack.processes.items():
        for path in ("/metrics", "/health/ready", "/health/live", "/asyncapi"):
            answer = httpx.get(process.url + path, timeout=30)
            scene.produced.append((f"{path} of {name}: {answer.status_code}", answer.text))


async def topics(stack: Stack) -> list[tuple[str, bytes]]:
    """Return all that lies in Kafka: each record with its headers."""
    login = {**LOGIN, "bootstrap_servers": stack.servers, "topic_prefix": stack.prefix}
    settings = Settings.model_validate({"kafka": login, "integration": {"identifier": "pipeline"}})
    log = KafkaLog(kafka_connection(settings, service="test"))
    await log.start()
    try:
        records = await read_all(log, await log.partitions(lambda _: True))
    finally:
        await log.close()
    return [
        (
            f"{one.topic}/{one.partition}/{one.offset}",
            b"\n".join([one.key or b"", one.value or b"", *(part or b"" for _, part in one.headers)])
            + repr([name for name, _ in one.headers]).encode(),
        )
        for one in records
    ]


async def poison(stack: Stack) -> None:
    """Append what nobody can read."""
    login = {**LOGIN, "bootstrap_servers": stack.servers, "topic_prefix": stack.prefix}
    settings = Settings.model_validate({"kafka": login, "integration": {"identifier": "pipeline"}})
    log = KafkaLog(kafka_connection(settings, service="test"))
    await log.start()
    try:
        names = {place.topic for place in await log.partitions(lambda name: not name.startswith("dlq."))}
        await log.append([NewRecord(name, b"\xff", b"{\xff", (("x", None),)) for name in sorted(names)])
        assert await log.end_offsets([TopicPartition(WEBHOOKS.name, 0)])
    finally:
        await log.close()


async def test_services_on_kafka_tell_no_secret(scene: Scene, stack: Stack) -> None:
    scene.pagerduty.behaviour = at("/webhook_subscriptions", in_json(400))
    scene.port.behaviour = at(".*/entities/bulk", items_in_json)
    stack.up()
    stack.wait_for_runs(1)
    shown(scene, stack)
    gateway = stack.processes["gateway-1"].url
    scene.pagerduty.behaviour = at("/(users|teams|services)/.*", in_json(400))
    assert deliver(gateway, event("service.updated", "PNOBODY")) == 202
    assert deliver(gateway, b"\xff{") == 202
    await poison(stack)
    letters = ("dlq", "list", "--json", "--limit", "100000")
    stack.wait_until(lambda: "dlq.pagerduty.webhooks" in stack.command(*letters).stdout, "a letter is kept")
    for said in ("--json", "--all"):
        scene.produced.append((f"dlq list {said}", stack.command("dlq", "list", said).stdout))
    scene.pagerduty.behaviour = in_turn(in_json(403), in_html(502), in_json(401), reset, in_headers(400))
    scene.port.behaviour = in_turn(in_json(422), in_headers(403), reset, in_json(500), in_json(401))
    shown(scene, stack)
    lines = every_command(stack.variables["PAGERPORT_MAPPING"], webhook_url=gateway)
    with ThreadPoolExecutor(6) as several:
        ended = list(several.map(lambda line: stack.command("--debug", *line, code=None), lines))
    for line, one in zip(lines, ended, strict=True):
        scene.produced += [(f"stdout of {line}", one.stdout), (f"stderr of {line}", one.stderr)]
    wrong = {**stack.more, "OCEAN__KAFKA__PASSWORD": "guessed-and-wrong"}
    right, stack.more = stack.more, wrong
    refused = stack.command("--debug", "status", code=2)
    scene.produced.append(("the wrong password", refused.stderr + refused.stdout))
    assert "guessed" not in refused.stderr
    stack.more = right
    shown(scene, stack)
    mapper = stack.processes["mapper-1"].process
    assert mapper is not None
    scene.produced += [(f"worker {pid} {part}", text) for pid, part, text in workers(mapper.pid)]
    stack.down()
    scene.produced += await topics(stack)
    assert scene.leaks() == []
