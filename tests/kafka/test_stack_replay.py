"""Mappers come and go, and mappings change, in the middle of replays."""

import copy
import json
import os
from collections.abc import Iterator

import orjson
import pytest

from schemas.headers import Operation, Origin, RecordHeaders
from schemas.topics import raw_topic
from shared.log.interface import NewRecord
from shared.log.kafka_opening import open_kafka_log
from shared.settings import Settings
from simulators.port.blueprints import DEMO_BLUEPRINTS
from tests.kafka.cluster import places_of, read_all
from tests.kafka.installation import MAPPING, installation
from tests.kafka.stack import Stack
from tests.torture.verdict import read_writes

pytestmark = [pytest.mark.pipeline, pytest.mark.timeout(1200)]
INCIDENTS = raw_topic("incidents")
RECORDS = int(os.environ.get("PAGERPORT_TEST_REPLAY", "2400"))
"""Raw records to be replayed; `make torture` takes 50 000."""
OBJECTS = max(200, RECORDS // 50)
VERSIONS = RECORDS // OBJECTS
PATIENCE_S = 60.0 + RECORDS / 100


@pytest.fixture
def stack(kafka_servers: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    blueprints = copy.deepcopy(list(DEMO_BLUEPRINTS))
    for one in blueprints:
        if one["identifier"] == "pagerdutyIncident":
            one["schema"]["properties"]["order"] = {"type": "number", "title": "Order"}
    folder = tmp_path_factory.mktemp("replay")
    with installation(folder, kafka_servers, "--incidents", str(OBJECTS), blueprints=blueprints) as stack:
        yield stack


async def add_versions(stack: Stack) -> int:
    """Append newer versions of each incident, as if so many live changes had come; return how many."""
    settings = Settings.model_validate(
        {
            "kafka": {"bootstrap_servers": stack.servers, "topic_prefix": stack.prefix},
            "integration": {"identifier": "pipeline"},
        }
    )
    async with open_kafka_log(settings, service="test") as log:
        newest = {record.key: record for record in await read_all(log, places_of(INCIDENTS))}
        records = []
        for number in range(1, VERSIONS + 1):
            for record in newest.values():
                headers = RecordHeaders.decode(record.headers).model_copy(
                    update={"origin": Origin.LIVE, "runid": "", "operation": Operation.UPSERT}
                )
                value = {**orjson.loads(record.value or b""), "number": number}
                records.append(NewRecord(INCIDENTS, record.key, orjson.dumps(value), headers.encode()))
        await log.append(records)
    return len(newest)


def numbered(generation: int) -> str:
    """Return a mapping of which each entity says by what version of it, and of which of its object, it is."""
    slow = "([range(500)] | add | . - .)"
    order = f"({generation * 1000} + (.number // 0)) + {slow}"
    return MAPPING.replace("urgency: .urgency", f"urgency: .urgency\n            order: {order}")


def orders(stack: Stack) -> list[int]:
    """Return by what version each incident is."""
    return [
        entity["properties"].get("order", 0) for entity in stack.stage.catalog()["pagerdutyIncident"].values()
    ]


def requests(stack: Stack) -> int:
    """Return how often PagerDuty was asked for objects; the subscription is looked at every five minutes."""
    paths = [request["path"] for request in stack.stage.pagerduty.requests()]
    return sum(not path.startswith("/webhook_subscriptions") for path in paths)


def change_mapping(stack: Stack, generation: int) -> None:
    stack.stage.mapping(numbered(generation))


async def test_mappers_come_and_go_and_mappings_change_during_a_replay(stack: Stack) -> None:
    stack.wait_until_idle()
    change_mapping(stack, 1)
    stack.wait_until(lambda: min(orders(stack)) >= 1000, "the mapping is in force")
    stack.wait_until_idle()
    number = await add_versions(stack)
    newest = 1000 + VERSIONS
    stack.wait_until(lambda: orders(stack) == [newest] * number, "all have come", timeout_s=PATIENCE_S)
    asked = requests(stack)

    second = stack.start("mapper", 2)
    stack.wait_until(second.is_healthy, "the second mapper is healthy", second)
    change_mapping(stack, 2)
    stack.wait_until(lambda: max(orders(stack)) >= 2000, "the replay has begun")
    third = stack.start("mapper", 3)
    stack.wait_until(third.is_healthy, "the third mapper is healthy", third)
    stack.processes["mapper-1"].kill()
    assert second.stop() == 0
    stack.wait_until(lambda: orders(stack) == [2000 + VERSIONS] * number, "it is over", timeout_s=PATIENCE_S)
    stack.wait_until_idle()

    change_mapping(stack, 3)
    stack.wait_until(lambda: max(orders(stack)) >= 3000, "the next replay has begun")
    change_mapping(stack, 4)
    change_mapping(stack, 5)
    last = [5000 + VERSIONS] * number
    stack.wait_until(lambda: orders(stack) == last, "the last mapping is everywhere", timeout_s=PATIENCE_S)
    stack.wait_until_idle()

    assert read_writes(stack.stage, "order").falls == {}
    assert requests(stack) == asked
    assert {run["state"] for run in stack.runs()} == {"completed"}
    assert json.loads(stack.command("dlq", "list", "--json").stdout) == []
