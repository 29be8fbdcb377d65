"""`pagerport topics create` and `check` on a real broker, and what a log does with topics that are wrong."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from schemas.topics import COMMANDS, ENTITIES, WEBHOOKS, raw_topic
from services.cli.app import main
from shared.errors import ConfigurationError
from shared.log.interface import NewRecord
from shared.log.kafka_topics import ENVELOPE_BYTES
from tests.kafka.cluster import Cluster

RAW = raw_topic("incidents")
MAPPING = """
resources:
  - kind: incidents
    selector: {query: "true"}
    port: {entity: {mappings: {identifier: .id, blueprint: '"pagerdutyIncident"'}}}
"""
FIXED = (
    "dlq.pagerduty.webhooks",
    "dlq.pagerport.commands",
    "dlq.port.entities",
    "pagerduty.webhooks",
    "pagerport.commands",
    "pagerport.mapping",
    "pagerport.runs",
    "port.entities",
)


async def make(cluster: Cluster, name: str, partitions: int, configs: Mapping[str, str]) -> str:
    """Create a topic as somebody else would."""
    topic = cluster.prefix + name
    async with cluster.admin() as admin:
        await admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=dict(configs))])
    return topic


@pytest.fixture
def environment(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OCEAN__KAFKA__BOOTSTRAP_SERVERS", cluster.servers)
    monkeypatch.setenv("OCEAN__KAFKA__TOPIC_PREFIX", cluster.prefix)
    monkeypatch.setenv("OCEAN__KAFKA__CONNECT_TIMEOUT_S", "1")
    return monkeypatch


async def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str], list[str]]:
    """Return exit code, lines on stdout and lines on stderr of the program."""

    def end() -> int:
        with pytest.raises(SystemExit) as ended:
            main(["topics", *arguments])
        assert isinstance(ended.value.code, int)
        return ended.value.code

    code = await asyncio.to_thread(end)
    captured = capsys.readouterr()
    return code, captured.out.splitlines(), captured.err.splitlines()


@pytest.mark.usefixtures("environment")
async def test_created_topics_are_as_they_should_be(
    cluster: Cluster, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    own = [cluster.prefix + name for name in FIXED]
    hint = "`pagerport topics create` makes those that are missing"
    assert await run(capsys, "check") == (2, [f"{name}: is missing" for name in own], [hint])
    assert await run(capsys, "create") == (0, [f"{name}: created" for name in own], [])
    assert await run(capsys, "check") == (0, ["8 topics are as they should be"], [])
    (tmp_path / "mapping.yaml").write_text(MAPPING)
    raw = [cluster.prefix + name for name in ("dlq.pagerduty.raw.incidents", "pagerduty.raw.incidents")]
    code, lines, _ = await run(capsys, "create", "--mapping", "mapping.yaml", "--json")
    assert (code, json.loads("\n".join(lines))) == (0, {"created": raw, "existing": own})
    # Topics of a mapping that is not named are checked as well once they are there.
    assert await run(capsys, "check") == (0, ["10 topics are as they should be"], [])


@pytest.mark.usefixtures("environment")
async def test_each_difference_is_a_line(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    await run(capsys, "create")
    webhooks = cluster.prefix + WEBHOOKS.name
    async with cluster.admin() as admin:
        configs = {"cleanup.policy": "compact", "retention.ms": "1000"}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, webhooks, configs)])
    limit = 4 * 1024 * 1024 + ENVELOPE_BYTES
    lines = [
        f"{webhooks}: cleanup.policy is compact, should be delete",
        f"{webhooks}: max.message.bytes is 1048588, should be {limit}",
        f"{webhooks}: retention.ms is 1000, should be 604800000",
    ]
    # Brokers hear of changed settings a moment later.
    while (checked := await run(capsys, "check"))[0] == 0:
        pass
    assert checked == (1, lines, [])
    raw = await make(cluster, RAW, 5, {"cleanup.policy": "compact", "max.message.bytes": str(limit)})
    code, found, errors = await run(capsys, "check")
    assert (code, found, errors) == (2, [f"{raw}: has 5 partitions, must have 6", *lines], [])


async def test_other_endings_are_one_line_each(
    environment: pytest.MonkeyPatch, cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    await make(cluster, COMMANDS.name, 2, {})
    code, _, errors = await run(capsys, "create")
    says = f"{cluster.prefix}pagerport.commands: has 2 partitions, must have 1"
    assert (code, [line for line in errors if says in line]) == (2, errors)
    environment.setenv("OCEAN__KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    code, _, errors = await run(capsys, "check")
    assert code == 3
    assert "gave up after 1 s" in errors[-1]
    environment.delenv("OCEAN__KAFKA__BOOTSTRAP_SERVERS")
    code, _, errors = await run(capsys, "check")
    assert (code, len(errors)) == (2, 1)
    assert "OCEAN__KAFKA__BOOTSTRAP_SERVERS: is missing" in errors[0]


async def test_missing_topic_that_may_not_be_created_is_named(cluster: Cluster) -> None:
    log = await cluster.open_log(may_create_topics=False)
    with pytest.raises(ConfigurationError) as raised:
        await log.create_topics([WEBHOOKS.name, COMMANDS.name])
    assert [line.split(": ")[0] for line in str(raised.value).splitlines()] == [
        cluster.prefix + WEBHOOKS.name,
        cluster.prefix + COMMANDS.name,
    ]
    other = await cluster.open_log()
    await other.create_topics([WEBHOOKS.name])
    await log.create_topics([WEBHOOKS.name])


async def test_topic_with_another_number_of_partitions_is_refused(cluster: Cluster) -> None:
    topic = await make(cluster, ENTITIES.name, 3, {})
    log = await cluster.open_log()
    with pytest.raises(ConfigurationError, match=f"{topic}: has 3 partitions, must have 6"):
        await log.create_topics([ENTITIES.name])


async def test_logs_that_create_the_same_topics_at_once_all_get_them(cluster: Cluster) -> None:
    logs = [await cluster.open_log() for _ in range(3)]
    await asyncio.gather(*(log.create_topics([RAW, WEBHOOKS.name]) for log in logs))
    for log in logs:
        assert len(await log.partitions(lambda _: True)) == 7


async def test_record_that_the_cluster_does_not_take_is_refused(cluster: Cluster) -> None:
    await make(cluster, WEBHOOKS.name, 1, {"max.message.bytes": "10000"})
    log = await cluster.open_log()
    with pytest.raises(ValueError, match=r"more bytes than the cluster takes in pagerduty\.webhooks"):
        await log.append([NewRecord(WEBHOOKS.name, b"k", b"x" * 20_000)])
    await log.append([NewRecord(WEBHOOKS.name, b"k", b"x" * 5_000)])


async def test_largest_record_of_the_registry_is_taken(cluster: Cluster) -> None:
    log = await cluster.open_log()
    await log.create_topics([WEBHOOKS.name])
    headers = tuple((f"h{number}", b"") for number in range(100))
    used = sum(len(name) for name, _ in headers) + 1
    await log.append([NewRecord(WEBHOOKS.name, b"k", b"x" * (WEBHOOKS.max_message_bytes - used), headers)])
