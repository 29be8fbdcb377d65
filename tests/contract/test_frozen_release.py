"""What release 0.1 wrote, frozen byte for byte: later releases read it as it was meant.

`records.json` holds a record of each kind, `log.db.gz` the file of a `pagerport run` that synced, took two
events and a refresh, and replayed. Neither is made anew: what a later release writes is frozen beside them.
"""

import base64
import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from schemas.command import Command, CommandType
from schemas.outcome import Reason
from schemas.refresh_request import RefreshCause
from schemas.topics import COMMANDS, ENTITIES, MAPPING, RUNS, WEBHOOKS, raw_topic
from services.fetcher.hydration.triggers import Trigger, read_trigger
from services.mapper.reading import Readable, read_record
from services.writer.change import Change
from services.writer.decoding import decode
from shared.commands_topic import read_command
from shared.dead_letters import read_dead_letter
from shared.groups import FETCHER_GROUP, MAPPER_GROUP, WRITER_GROUP
from shared.kept_letters import read_letters
from shared.log.interface import Log, Record, Subscription, TopicPartition
from shared.log.sqlite import SqliteLog
from shared.mapping_topic import MappingRecords
from shared.progress import Progress
from shared.runs_topic import RunRecords
from tests.dead_letter_originals import original_record

FROZEN = Path(__file__).parents[1] / "fixtures" / "release_0_1"
INSTALLATION = "pipeline"
INCIDENTS, SERVICES = raw_topic("incidents"), raw_topic("services")


def bytes_of(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)


def frozen(topic: str, header: tuple[str, bytes] | None = None, key: bytes | None = None) -> Record:
    """Return the only record of a topic that has a header or a key."""
    rows: list[dict[str, Any]] = json.loads((FROZEN / "records.json").read_text())
    records = [
        Record(
            topic=row["topic"],
            partition=row["partition"],
            offset=row["offset"],
            key=bytes_of(row["key"]),
            value=bytes_of(row["value"]),
            headers=tuple((name, bytes_of(value)) for name, value in row["headers"]),
            timestamp_ms=row["timestamp_ms"],
        )
        for row in rows
    ]
    (record,) = [
        record
        for record in records
        if record.topic == topic
        and (header is None or header in record.headers)
        and (key is None or record.key == key)
    ]
    return record


def test_raw_record_is_read_by_the_mapper() -> None:
    read = read_record(frozen(SERVICES))
    assert isinstance(read, Readable)
    assert (read.headers.origin, read.headers.kind, read.headers.schemaversion) == ("resync", "services", 1)
    assert (read.raw.object_id, read.raw.deleted) == ("P3WI7LT", False)


def test_entity_change_is_read_by_the_writer() -> None:
    change = decode(0, frozen(ENTITIES.name))
    assert isinstance(change, Change)
    assert (change.blueprint, change.kind, change.is_delete) == ("pagerdutyIncident", "incidents", False)
    assert change.identifier == change.object_id
    assert set(change.body) == {"title", "properties", "relations"}


def test_event_and_refresh_request_are_read_by_the_fetcher() -> None:
    event = read_trigger(frozen(WEBHOOKS.name, ("ce_type", b"pagerport.webhook")))
    refresh = read_trigger(frozen(WEBHOOKS.name, ("ce_type", b"pagerport.refresh")))
    assert isinstance(event, Trigger)
    assert isinstance(refresh, Trigger)
    assert (event.kind, event.object_id, event.cause) == ("services", "PR83MC2", None)
    assert (refresh.kind, refresh.object_id, refresh.cause) == ("services", "PR83MC2", RefreshCause.ASKED)


def test_command_is_read_by_the_fetcher() -> None:
    command_id, command = read_command(frozen(COMMANDS.name))
    assert command_id == "20261123T162543.165271Z-1204a146"
    assert command == Command(type=CommandType.REPLAY, asked_by="command line")


def test_mapping_topic_is_read_by_everybody() -> None:
    read = MappingRecords(INSTALLATION)
    read.take(
        frozen(MAPPING.name, key=key)
        for key in (b"pipeline", b"standing/pipeline", f"complete/{INCIDENTS}".encode())
    )
    assert read.in_force is not None
    assert (read.in_force.version, read.held) == (2, "")
    assert [resource.kind for resource in read.in_force.config.resources] == ["services", "incidents"]
    assert {topic: listing.objects for topic, listing in read.listings.items()} == {INCIDENTS: 6}
    assert read.standing is not None


def test_dead_letter_is_read_by_the_command_line() -> None:
    record = frozen(f"dlq.{INCIDENTS}")
    letter, original = read_dead_letter(record), original_record(record)
    assert [failure.reason for failure in letter.failures] == [Reason.IDENTIFIER_NULL]
    assert (letter.topic, letter.kind, letter.object_id) == (INCIDENTS, "incidents", "QOGF9FJ0U6HSXZ")
    assert original.key == b"QOGF9FJ0U6HSXZ"
    assert orjson.loads(original.value or b"")["id"] == "QOGF9FJ0U6HSXZ"


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[Log]:
    file = tmp_path / "log.db"
    file.write_bytes(gzip.decompress((FROZEN / "log.db.gz").read_bytes()))
    log = await SqliteLog.open(file, durable=True, consuming=True)
    yield log
    await log.close()


async def test_log_file_is_read_and_gone_on_with(log: Log) -> None:
    runs = RunRecords(log)
    await runs.catch_up()
    assert [(run.type, run.state, run.mapping_version) for run in runs.runs] == [
        ("resync", "completed_with_failures", 1),
        ("replay", "completed_with_failures", 2),
    ]
    letters = await read_letters(log)
    assert {letter.reasons for letter in letters} == {frozenset({Reason.IDENTIFIER_NULL})}
    for group, topics in (
        (FETCHER_GROUP, Subscription.to(COMMANDS.name, WEBHOOKS.name)),
        (MAPPER_GROUP, Subscription.to(INCIDENTS, SERVICES)),
        (WRITER_GROUP, Subscription.to(ENTITIES.name)),
    ):
        places = await log.partitions(topics)
        ends, committed = await log.end_offsets(places), await log.committed(group, places)
        assert {place: one.offset for place, one in committed.items()} == {
            place: end for place, end in ends.items() if end or place in committed
        }
        for one in committed.values():
            Progress.decode(one.metadata)
    assert TopicPartition(RUNS.name, 0) in await log.partitions(lambda _: True)
