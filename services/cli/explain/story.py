"""Gathers from the log what has happened to one entity, from the raw object to the writer."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from difflib import get_close_matches
from enum import StrEnum
from typing import Final

import orjson
from pydantic import ValidationError

from schemas.entity_change import ChangeSource, entity_key
from schemas.headers import RecordHeaders
from schemas.mapping import MappingInForce, Resource
from schemas.topics import ENTITIES, MAPPING, RAW_PREFIX, raw_topic
from services.cli.next_steps import Remedy
from services.writer.change import Change
from services.writer.decoding import decode
from shared.groups import MAPPER_GROUP, WRITER_GROUP
from shared.jq_text import constant
from shared.kept_letters import KeptLetter, read_letters
from shared.log.interface import Log, Record, TopicPartition
from shared.log.partitioner import partition_of
from shared.mapping_topic import MappingRecords
from shared.topic_reader import TopicReader
from shared.topic_scan import scan

CHANGES_KEPT: Final = 20
"""The newest changes that are told; how many there were is told, too."""


class Stage(StrEnum):
    """Where a record stands with the group that reads it."""

    PASSED = "passed"
    WAITS = "waits"
    FAILED = "failed"
    """It is a dead letter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeTold:
    """One change of the entity.

    Attributes:
        record: In `port.entities`.
        change: What the writer reads of it; None: nothing.
        source: The object it was made of; None: it does not tell.
        stage: Where it stands with the writer.
        letter: Its dead letter, if there was one.
    """

    record: Record
    change: Change | None
    source: ChangeSource | None
    stage: Stage
    letter: KeptLetter | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectTold:
    """One PagerDuty object that the entity is, or may be, made of.

    Attributes:
        kind: PagerDuty kind.
        object_id: Its id.
        entries: Places in the mapping's `resources` that can make the blueprint of this kind.
        record: Its newest raw record, without the value; None: the log has none.
        headers: Of that record; None: they cannot be read.
        stage: Where it stands with the mapper.
        letters: Open dead letters of the object.
    """

    kind: str
    object_id: str
    entries: tuple[int, ...]
    record: Record | None
    headers: RecordHeaders | None = None
    stage: Stage = Stage.PASSED
    letters: tuple[KeptLetter, ...] = ()


@dataclass(slots=True, kw_only=True)
class Story:
    """What the log knows of one entity.

    Attributes:
        blueprint: Its blueprint.
        identifier: Its identifier.
        changes: The newest ones, the oldest of them first.
        number: How many changes there are.
        committed: What the writer has committed of their partition.
        objects: What it is made of; where there is no change, objects whose id is the identifier.
        mapping: In force; None: the log has none.
        remedy: How its dead letters are tried again.
    """

    blueprint: str
    identifier: str
    changes: Sequence[ChangeTold] = ()
    number: int = 0
    committed: int = 0
    objects: Sequence[ObjectTold] = ()
    mapping: MappingInForce | None = None
    remedy: Remedy = field(default_factory=Remedy)


def near_blueprint(story: Story) -> str:
    """Return the blueprint that was probably meant, where no entry of the mapping makes the one named."""
    entries = story.mapping.config.resources if story.mapping else ()
    values = [constant(one.port.entity.mappings.blueprint) for one in entries]
    names = [value[0] for value in values if value and isinstance(value[0], str)]
    if story.blueprint in names or len(names) < len(entries):
        return ""
    by_lower = {name.lower(): name for name in names}
    near = get_close_matches(story.blueprint.lower(), by_lower, n=1)
    return by_lower[near[0]] if near else ""


def place_of(record: Record) -> str:
    """Return `<topic>/<partition>/<offset>`."""
    return f"{record.topic}/{record.partition}/{record.offset}"


def time_of(record: Record) -> str:
    """Return when the record was appended, for people."""
    return f"{datetime.fromtimestamp(record.timestamp_ms / 1000, UTC):%Y-%m-%d %H:%M:%S}Z"


async def tell(log: Log, blueprint: str, identifier: str, *, installation: str) -> Story:
    """Return the story of an entity.

    Args:
        log: The log.
        blueprint: Of the entity.
        identifier: Of the entity.
        installation: Whose mapping is in force.
    """
    letters = await read_letters(log)
    story = Story(blueprint=blueprint, identifier=identifier)
    await _tell_changes(log, story, letters)
    found = MappingRecords(installation)
    found.take(await TopicReader(log, MAPPING.name).to_end())
    story.mapping = found.in_force
    wanted = {(one.source.topic, one.source.kind, one.source.object_id): None
              for one in story.changes if one.source is not None}  # fmt: skip
    if not wanted:
        wanted = dict.fromkeys(
            (raw_topic(kind), kind, identifier) for kind in _kinds_of(story.mapping, blueprint)
        )
    story.objects = [
        told
        for topic, kind, object_id in wanted
        if (told := await _tell_object(log, story, topic, kind, object_id, letters))
    ]
    return story


async def _tell_changes(log: Log, story: Story, letters: Sequence[KeptLetter]) -> None:
    key = entity_key(story.blueprint, story.identifier)
    place = await _place_of(log, ENTITIES.name, key)
    if place is None:
        return
    newest: deque[Record] = deque(maxlen=CHANGES_KEPT)
    async for records in scan(log, [place]):
        found = [record for record in records if record.key == key]
        story.number += len(found)
        newest.extend(found)
    committed = (await log.committed(WRITER_GROUP, [place])).get(place)
    story.committed = committed.offset if committed else 0
    of_place = {
        one.letter.offset: one
        for one in letters
        if one.letter is not None and (one.letter.topic, one.letter.partition) == place
    }
    story.changes = [_told(record, story.committed, of_place.get(record.offset)) for record in newest]


def _told(record: Record, committed: int, letter: KeptLetter | None) -> ChangeTold:
    decoded = decode(0, record)
    change = decoded if isinstance(decoded, Change) else None
    stage = Stage.PASSED if record.offset < committed else Stage.WAITS
    return ChangeTold(
        record=record,
        change=change,
        source=_source(record) if change is not None else None,
        stage=Stage.FAILED if letter is not None else stage,
        letter=letter,
    )


def _source(record: Record) -> ChangeSource | None:
    try:
        return ChangeSource.model_validate(orjson.loads(record.value or b"")["source"])
    except (ValueError, KeyError, TypeError, ValidationError):
        return None


async def _tell_object(
    log: Log, story: Story, topic: str, kind: str, object_id: str, letters: Sequence[KeptLetter]
) -> ObjectTold | None:
    """Return what the log knows of an object; None: nothing at all, and no change names it."""
    record, stage = await _newest(log, topic, object_id)
    of_object = tuple(
        one
        for one in letters
        if one.is_open
        and one.letter is not None
        and (one.letter.kind, one.letter.object_id) == (kind, object_id)
    )
    if record is None and not of_object and not story.changes:
        return None
    return ObjectTold(
        kind=kind,
        object_id=object_id,
        entries=_entries_of(story.mapping, kind, story.blueprint),
        record=record,
        headers=_headers(record),
        stage=Stage.FAILED if _is_of(of_object, record) else stage,
        letters=of_object,
    )


async def _newest(log: Log, topic: str, object_id: str) -> tuple[Record | None, Stage]:
    """Return the newest raw record of an object, without its value, and where it stands with the mapper."""
    place = await _place_of(log, topic, object_id.encode()) if topic.startswith(RAW_PREFIX) else None
    newest: Record | None = None
    if place is None:
        return None, Stage.PASSED
    async for records in scan(log, [place]):
        for record in records:
            if record.key == object_id.encode():
                newest = replace(record, value=b"")
    committed = (await log.committed(MAPPER_GROUP, [place])).get(place)
    is_behind = newest is not None and (committed is None or newest.offset >= committed.offset)
    return newest, Stage.WAITS if is_behind else Stage.PASSED


def _is_of(letters: Sequence[KeptLetter], record: Record | None) -> bool:
    return record is not None and any(
        one.original_address == f"{record.topic}/{record.partition}/{record.offset}" for one in letters
    )


def _headers(record: Record | None) -> RecordHeaders | None:
    try:
        return None if record is None else RecordHeaders.decode(record.headers)
    except ValueError:
        return None


async def _place_of(log: Log, topic: str, key: bytes) -> TopicPartition | None:
    """Return the partition of a key; None: there is no such topic."""
    places = await log.partitions(topic.__eq__)
    return TopicPartition(topic, partition_of(key, len(places))) if places else None


def _kinds_of(mapping: MappingInForce | None, blueprint: str) -> list[str]:
    """Return the kinds that may make entities of a blueprint."""
    entries = mapping.config.resources if mapping else ()
    return list(dict.fromkeys(one.kind for one in entries if _may_make(one, blueprint)))


def _entries_of(mapping: MappingInForce | None, kind: str, blueprint: str) -> tuple[int, ...]:
    entries = mapping.config.resources if mapping else ()
    return tuple(place for place, one in enumerate(entries) if one.kind == kind and _may_make(one, blueprint))


def _may_make(entry: Resource, blueprint: str) -> bool:
    """Whether an entry makes the blueprint, or may: its expression is no constant."""
    value = constant(entry.port.entity.mappings.blueprint)
    return not value or value[0] == blueprint
