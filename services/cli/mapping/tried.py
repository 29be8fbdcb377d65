"""Holds what a mapping made of one object that was tried, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from services.mapper.evaluate import Failed, Omission
from shared.kinds import kind_named

Json = Any


@dataclass(frozen=True, slots=True)
class TrialObject:
    """An object to be mapped.

    Attributes:
        kind: PagerDuty kind.
        body: JSON of the object; None: only its id is known.
        topic: Raw topic of the one source it belongs to; empty: of every source of its kind.
        object_id: Its id; None: as the kind tells it.
        deleted: The object is gone, `body` is the best one known.
        omitted: Enrichment keys that could not be had.
    """

    kind: str
    body: bytes | None
    topic: str = ""
    object_id: str | None = None
    deleted: bool = False
    omitted: tuple[str, ...] = ()

    @property
    def value(self) -> Json:
        """Return the object, as far as it is one."""
        try:
            return None if self.body is None else orjson.loads(self.body)
        except ValueError:
            return None

    @property
    def key(self) -> str:
        """Return its id; empty where it has none."""
        if self.object_id is not None:
            return self.object_id
        return kind_named(self.kind).identify(self.value) or ""


@dataclass(frozen=True, slots=True)
class TrialEntity:
    """One change that the mapping makes of an object.

    Attributes:
        blueprint: Its blueprint.
        identifier: Its identifier, or the query that finds it.
        operation: `upsert` or `delete`.
        values: Path (`title`, `properties.url`) to what is sent; a null clears.
        omits: Path to why its value stays as it is.
        given_by: Path to the entry whose value it is, the last that gave it.
        reason: Why a delete.
        merge: Whether only what is sent is updated.
        delete_dependents: Whether a delete takes what depends on it along.
    """

    blueprint: str
    identifier: Json
    operation: str
    values: Mapping[str, Json] = field(default_factory=dict)
    omits: Mapping[str, Omission] = field(default_factory=dict)
    given_by: Mapping[str, int] = field(default_factory=dict)
    reason: str = ""
    merge: bool = True
    delete_dependents: bool = False

    @property
    def key(self) -> str:
        """Return what tells entities apart: `<blueprint>/<identifier>`."""
        name = self.identifier
        return f"{self.blueprint}/{name if isinstance(name, str) else '?' + orjson.dumps(name).decode()}"


@dataclass(frozen=True, slots=True)
class EntryVerdict:
    """What one entry did with an object.

    Attributes:
        index: The entry's place in the mapping.
        state: `made`, `not selected`, `failed`, or `left` where it could not be judged or had no items.
        says: Why, for people.
        made: Keys of the entities it made.
    """

    index: int
    state: str
    says: str
    made: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trial:
    """What the mapping makes of one object of one source."""

    object: TrialObject
    object_id: str
    topic: str
    entities: tuple[TrialEntity, ...]
    failures: tuple[Failed, ...]
    entries: tuple[EntryVerdict, ...]
