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

pytestmark = [pytest.mark.pipeline, pytest.mark.timeout(240)]
USERS = raw_topic("users")
LARGE = b"x" * 2 * 1024 * 1024
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


async def newest(stack: Stack, topic: str) -> Record:
    """Return a sound record of a topic."""
    settings = Settings.model_validate(
        {
            "kafka": {"bootstrap_servers": stack.servers, "topic_prefix": stack.prefix},
            "integration": {"identifier": "pipeline"},
        }
    )
    async with open_kafka_log(settings, service="test") as log:
        return (await read_all(log, places_of(topic)))[-1]


def poisoned(sound: Record, *, is_compacted: bool) -> dict[str, tuple[bytes | None, bytes | None, Headers]]:
    """Return what is wrong, to key, value and headers of a record that is otherwise sound."""
    headers = list(sound.headers)

    def with_header(name: str, value: bytes | None) -> Headers:
        return [(its_name, value if its_name == name else its_value) for its_name, its_value in headers]

    found: dict[str, tuple[bytes | None, bytes | None, Headers]] = {
        "null header": (sound.key, sound.value, with_header("ce_time", None)),
        "header that is no UTF-8": (sound.key, sound.value, with_header("ce_source", b"\xff")),
        "broken JSON": (sound.key, b'{"id": ', headers),
        "2 MiB of nonsense": (sound.key, LARGE, headers),
    }
    if not is_compacted:
        # The broker refuses it in a compacted topic.
        found["null key"] = (None, sound.value, headers)
    return found


async def test_poison_in_each_topic_costs_itself_alone(stack: Stack) -> None:
    sent: dict[str, str] = {}
    prefix = stack.prefix
    user = await newest(stack, USERS)
    entity = await newest(stack, ENTITIES.name)
    stack.stage.pagerduty.http.post("/_sim/events", json={"changes": [{"event_type": "service.created"}]})
    stack.wait_until_idle()
    event = await newest(stack, WEBHOOKS.name)
    stack.command("resync", "--kind", "teams", "--wait")
    command = await newest(stack, COMMANDS.name)
    run, mapping = await newest(stack, RUNS.name), await newest(stack, MAPPING.name)
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
            key = f"{values[ENTITIES.name]['blueprint']}/GOOD{number}".encode()
            await send(entity.place, key, change, list(entity.headers))

        await good(1)
        for sound in (user, entity, event, command, run, mapping):
            is_compacted = sound.topic in {USERS, RUNS.name, MAPPING.name}
            for name, (key, value, headers) in poisoned(sound, is_compacted=is_compacted).items():
                sent[await send(sound.place, key, value, headers)] = name
        await good(2)
        # A null value is a delete.
        await send(user.place, b"GOOD1", None, list(user.headers))
        await send(
            entity.place, f"{values[ENTITIES.name]['blueprint']}/GOOD1".encode(), None, list(entity.headers)
        )
        await send(event.place, event.key, None, list(event.headers))
        await send(command.place, command.key, None, list(command.headers))

    stack.stage.pagerduty.http.post("/_sim/events", json={"changes": [{"event_type": "service.created"}]})
    stack.wait_until(lambda: "GOOD2" in stack.stage.catalog()["pagerdutyUser"], "the last neighbour has come")
    stack.wait_until_idle()
    letters = json.loads(stack.command("dlq", "list", "--json", "--limit", "100").stdout)
    told = {
        (letter["original"].split("/")[0], sent.get(letter["original"], "null value")): letter["failures"][0][
            "reason"
        ]
        for letter in letters
    }
    print(json.dumps([[*key, value] for key, value in told.items()], indent=1))
    catalog = stack.stage.catalog()
    assert {name for name in catalog["pagerdutyUser"] if name.startswith("GOOD")} == {"GOOD2"}
    assert {name for name in catalog[values[ENTITIES.name]["blueprint"]] if name.startswith("GOOD")} == {
        "GOOD2"
    }

    assert stack.command("resync", "--wait", code=None).returncode == 0
    assert mistakes(stack.stage, TEXT) == []
    for process in stack.processes.values():
        assert process.is_healthy(), process.said
