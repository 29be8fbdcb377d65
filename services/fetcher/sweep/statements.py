"""Reads what a record of `port.entities` says of an entity, as far as a sweep cares."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from typing import Any

import orjson

from schemas.headers import PREFIX, Operation, Origin
from shared.log.interface import Record

_ORIGIN = PREFIX + "origin"
_RUN_ID = PREFIX + "runid"
_RUN_ORIGINS = frozenset({Origin.RESYNC.value, Origin.REPLAY.value})
_OPERATIONS = frozenset(operation.value for operation in Operation)


class Said(Enum):
    """What an object says of an entity."""

    MAKES = "makes"
    DISOWNS = "disowns"
    """It was read in this run and does not make the entity any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What one object says of one entity.

    Attributes:
        key: Record key: `<blueprint>/<identifier>`.
        said: What it says.
        blueprint: Blueprint of the entity; empty: the record cannot be read.
        identifier: Its identifier; empty: it is found by search, or the record cannot be read.
        topic: Raw topic of the object.
        kind: Kind of the object.
        object_id: The object.
        reason: Why it disowns the entity.
        targets: Relation and identifier of every entity that it names as a relation's target.
    """

    key: bytes
    said: Said
    blueprint: str = ""
    identifier: str = ""
    topic: str = ""
    kind: str = ""
    object_id: str = ""
    reason: str = ""
    targets: tuple[tuple[str, str], ...] = ()


def read_statement(
    record: Record, run_id: str, asked: Collection[tuple[str, str]] = frozenset()
) -> Statement | None:
    """Return what a record says; None: nothing that a sweep can build on.

    What cannot be read says that the entity is made: in doubt it stays. Deletes count only where this run has
    read the object: live ones are carried out by the writer, those of older runs are overruled by this one.

    Args:
        record: As it was read; nothing of it is trusted.
        run_id: What the records of the run carry.
        asked: Raw topic and id of objects that the sweep has asked for itself: they carry no run id.
    """
    if record.key is None or record.value is None:
        return None
    try:
        value = orjson.loads(record.value)
        source = value["source"]
        operation, blueprint, identifier = value["operation"], value["blueprint"], value["identifier"]
        topic, kind, object_id = source.get("topic", ""), source["kind"], source["object_id"]
        texts = (blueprint, topic, kind, object_id)
        targets = _targets(value.get("relations"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return Statement(key=record.key, said=Said.MAKES)
    if not all(isinstance(text, str) for text in texts) or operation not in _OPERATIONS:
        return Statement(key=record.key, said=Said.MAKES)
    is_of_run = _header(record, _RUN_ID) == run_id
    if operation == Operation.DELETE:
        may_count = _header(record, _ORIGIN) in _RUN_ORIGINS
        if not may_count or not (is_of_run or (topic, object_id) in asked) or not isinstance(identifier, str):
            return None
    return Statement(
        key=record.key,
        said=Said.DISOWNS if operation == Operation.DELETE else Said.MAKES,
        blueprint=blueprint,
        identifier=identifier if isinstance(identifier, str) else "",
        topic=topic,
        kind=kind,
        object_id=object_id,
        reason=str(value.get("reason") or ""),
        targets=targets,
    )


def _targets(relations: Any) -> tuple[tuple[str, str], ...]:  # noqa: ANN401 - foreign JSON
    """Return relation and identifier of each target; those found by search are not placeholders."""
    if not relations:
        return ()
    return tuple(
        (name, one)
        for name, held in relations.items()
        for one in (held if isinstance(held, list) else [held])
        if isinstance(one, str)
    )


def _header(record: Record, name: str) -> str:
    for key, value in reversed(record.headers):
        if key == name:
            return (value or b"").decode("utf-8", "replace")
    return ""
