"""What nobody should have sent, in every topic: a dead letter of its own, and nothing for its neighbours."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from schemas.topics import COMMANDS, ENTITIES, MAPPING, RUNS, WEBHOOKS, raw_topic
from shared.log.interface import Record, TopicPartition
from shared.log.kafka_opening import open_kafka_log
from shared.settings import Settings
from tests.kafka.cluster import places_of, read_all
from tests.kafka.installation import MAPPING as TEXT
from tests.kafka.installation import installation
from tests.kafka.stack import Stack
from tests.torture.verdict import mistakes

pytestmark = [pytest.mark.pipeline, pytest.mark.timeout(600)]
USERS = raw_topic("users")
LARGE = b"x" * 2 * 1024 * 1024
POISON = ("null header", "header that is no UTF-8", "broken JSON", "2 MiB of nonsense")
Headers = list[tuple[str, bytes | None]]


@pytest.fixture
def stack(kafka_servers: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with installation(tmp_path_factory.mktemp("poison"), kafka_servers, "--incidents", "20") as stack:
        stack.wait_until_idle()
        yield stack


@asynccontextmanager
async def anybody(stack: Stack) -> AsyncIterator[AIOKafkaProducer]:
    """Yield a producer that sends what our own code would not."""
    producer = AIOKafkaProducer(
        bootstrap_servers=stack.servers, enable_idempotence=False, max_request_size=8 * 1024 * 1024
    )
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def newest(stack: Stack, topic: str, key: bytes = b"") -> Record:
    """Return a sound record of a topic, of those whose key begins so."""
    settings = Settings.model_validate(
        {
            "kafka": {"bootstrap_servers": stack.servers, "topic_prefix": stack.prefix},
            "integration": {"identifier": "pipeline"},
        }
    )
    async with open_kafka_log(settings, service="test") as log:
        records = await read_all(log, places_of(topic))
    return [record for record in records if (record.key or b"").startswith(key)][-1]


def live(record: Record) -> Headers:
    """Return a record's headers as those of a live change: deletes of a run are only proposals."""
    kept = [(name, value) for name, value in record.headers if name not in {"ce_origin", "ce_runid"}]
    return [*kept, ("ce_origin", b"live")]


def poisoned(sound: Record, *, is_compacted: bool) -> dict[str, tuple[bytes | None, bytes | None, Headers]]:
    """Return what is wrong, to key, value and headers of a record that is otherwise sound."""
    headers = list(sound.headers)

    def with_header(value: bytes | None, *names: str) -> Headers:
        return [(its_name, value if its_name in names else its_value) for its_name, its_value in headers]

    bad: list[tuple[bytes | None, bytes | None, Headers]] = [
        (sound.key, sound.value, with_header(None, "ce_time")),
        (sound.key, sound.value, with_header(b"\xff", "ce_source", "ce_runid")),
        (sound.key, b'{"id": ', headers),
        (sound.key, LARGE, headers),
    ]
    found = dict(zip(POISON, bad, strict=True))
    if not is_compacted:
        # The broker refuses it in a compacted topic.
        found["null key"] = (None, sound.value, headers)
    return found


def left_out(stack: Stack, process: str, topic: str) -> tuple[int, int]:
    """Return how many records of a topic a service could not read, by its log lines and by its metrics."""
    one = stack.processes[process]
    said = sum(f" {topic}/0 offset " in line and " cannot be read" in line for line in one.said.splitlines())
    (line,) = (
        line
        for line in one.get("/metrics").text.splitlines()
        if line.startswith(f'pagerport_left_out_records_total{{topic="{topic}"}}')
    )
    return said, int(float(line.rpartition(" ")[2]))


async def test_poison_in_each_topic_costs_itself_alone(stack: Stack) -> None:
    sent: dict[str, str] = {}
    prefix = stack.prefix
    user = await newest(stack, USERS)
    # Of a blueprint that is swept whole, unlike that of incidents, of which only a window is listed.
    entity = await newest(stack, ENTITIES.name, b"pagerdutyService/")
    stack.stage.pagerduty.http.post("/_sim/events", json={"changes": [{"event_type": "service.created"}]})
    stack.wait_until_idle()
    event = await newest(stack, WEBHOOKS.name)
    stack.command("resync", "--kind", "teams", "--wait")
    command = await newest(stack, COMMANDS.name)
    run, mapping = await newest(stack, RUNS.name), await newest(stack, MAPPING.name)
    blueprint = orjson.loads(entity.value or b"")["blueprint"]
    values = {USERS: orjson.loads(user.value or b""), ENTITIES.name: orjson.loads(entity.value or b"")}

    async with anybody(stack) as producer:

        async def send(place: TopicPartition, key: Any, value: Any, headers: Any) -> str:
            made = await producer.send_and_wait(
                prefix + place.topic, value, key=key, partition=place.partition, headers=headers
            )
            return f"{place.topic}/{made.partition}/{made.offset}"

        async def good(number: int) -> None:
            new_user = orjson.dumps({**values[USERS], "id": f"GOOD{number}"})
            await send(user.place, b"GOOD%d" % number, new_user, list(user.headers))
            change = orjson.dumps({**values[ENTITIES.name], "identifier": f"GOOD{number}"})
            await send(entity.place, f"{blueprint}/GOOD{number}".encode(), change, list(entity.headers))

        await good(1)
        for sound in (user, entity, event, command, run, mapping):
            is_compacted = sound.topic in {USERS, RUNS.name, MAPPING.name}
            for name, (key, value, headers) in poisoned(sound, is_compacted=is_compacted).items():
                sent[await send(sound.place, key, value, headers)] = name
        await good(2)
        # A null value is a delete, in the topics of objects and entities.
        await send(user.place, b"GOOD1", None, live(user))
        await send(entity.place, f"{blueprint}/GOOD1".encode(), None, live(entity))
        sent[await send(event.place, event.key, None, list(event.headers))] = "null value"
        sent[await send(command.place, command.key, None, list(command.headers))] = "null value"

    stack.stage.pagerduty.http.post("/_sim/events", json={"changes": [{"event_type": "service.created"}]})
    stack.wait_until(lambda: "GOOD2" in stack.stage.catalog()["pagerdutyUser"], "the last neighbour has come")
    stack.wait_until_idle()
    letters = json.loads(stack.command("dlq", "list", "--json", "--limit", "100").stdout)
    told = [
        (
            letter["original"].partition("/")[0],
            sent[letter["original"]],
            *(failure["reason"] for failure in letter["failures"]),
        )
        for letter in letters
    ]
    unreadable = {
        **dict.fromkeys((USERS,), (*POISON,)),
        **dict.fromkeys((ENTITIES.name,), (*POISON, "null key")),
        **dict.fromkeys((WEBHOOKS.name, COMMANDS.name), (*POISON, "null key", "null value")),
    }
    assert sorted(told) == sorted(
        (topic, name, "unreadable") for topic, names in unreadable.items() for name in names
    )
    catalog = stack.stage.catalog()
    assert {name for name in catalog["pagerdutyUser"] if name.startswith("GOOD")} == {"GOOD2"}
    assert {name for name in catalog[blueprint] if name.startswith("GOOD")} == {"GOOD2"}
    # These topics are read by everybody and belong to no group: what cannot be read there is left out.
    for name, topic in (("fetcher-1", MAPPING.name), ("fetcher-1", RUNS.name), ("mapper-1", MAPPING.name)):
        stack.wait_until(lambda: left_out(stack, name, topic) == (2, 2), f"{name} has said it")  # noqa: B023

    resync = stack.command("resync", "--wait", "--json", code=None)
    result = json.loads(resync.stdout)
    assert (resync.returncode, result["state"]) == (0, "completed")
    assert (result["unmapped"], result["unsettled"]) == (0, 0)
    assert mistakes(stack.stage, TEXT) == []
    for process in stack.processes.values():
        assert process.is_healthy(), process.said
