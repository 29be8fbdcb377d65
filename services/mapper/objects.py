"""Maps one raw object to its entity changes, counts and failures."""

import json
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from schemas.outcome import Count, Reason
from schemas.versions import SCHEMA_VERSION
from services.mapper.deletions import deletable_unselected, deletable_with_object, gives_identifier
from services.mapper.evaluate import (
    Failed,
    Identifier,
    Made,
    Unknown,
    Unselected,
    evaluate_row,
    items_failure,
    read_keys,
)
from services.mapper.merge import Key, key_of, merge_made
from services.mapper.plan_shape import EntryPlan, Plan, TopicPlan
from services.mapper.programs import Rows, TopicPrograms
from shared.jq_engine import Json
from shared.jq_text import names_key

UPSERT: Final = "upsert"
DELETE: Final = "delete"
_SURROGATES: Final = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class RawObject:
    """A record of a raw topic, its headers read.

    Attributes:
        topic: Raw topic.
        partition: Its partition.
        offset: Its offset.
        object_id: Record key.
        deleted: The object is gone; `value` is the best body known.
        omitted: Enrichment keys that could not be had this time.
        value: JSON of the object; None: only its id is known.
    """

    topic: str
    partition: int
    offset: int
    object_id: str
    deleted: bool
    omitted: tuple[str, ...]
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Change:
    """An entity change, ready to be published: record key, operation, EntityChange as JSON."""

    key: str
    operation: str
    value: bytes


@dataclass(slots=True)
class Mapped:
    """What became of one object."""

    counts: dict[str, int] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    failures: list[Failed] = field(default_factory=list)

    def count(self, count: Count, number: int = 1) -> None:
        """Add to a counter."""
        if number:
            self.counts[count.value] = self.counts.get(count.value, 0) + number


@dataclass(slots=True)
class _Gathered:
    """What the entries said of one object, before it is merged."""

    made: list[Made] = field(default_factory=list)
    unselected: list[Unselected] = field(default_factory=list)
    failures: list[Failed] = field(default_factory=list)
    unknown: int = 0
    collided: int = 0
    listed: bool = False
    """An entry took the object, though its list of items was empty."""


Judge = Callable[[Mapping[str, Any]], bool]


class ObjectMapper:
    """Maps objects by one version of the mapping."""

    def __init__(self, plan: Plan) -> None:
        self._version = plan["version"]
        self._merge = plan["merge"]
        self._flags = {
            "create_missing_related_entities": plan["create_missing_related_entities"],
            "delete_dependents": plan["delete_dependents"],
        }
        self._topics = {name: _Topic(topic) for name, topic in plan["topics"].items()}

    def map_object(self, raw: RawObject) -> Mapped:
        """Return what the mapping makes of an object. Nothing that it holds raises."""
        mapped = Mapped()
        topic = self._topics.get(raw.topic)
        if topic is None:
            mapped.count(Count.FILTERED)
            return mapped
        try:
            document, text = self._read(raw)
        except ValueError as error:
            mapped.failures.append(Failed(Reason.UNREADABLE, str(error), -1))
            mapped.count(Count.FAILED)
            return mapped
        if raw.deleted:
            self._map_deleted(topic, raw, document, text, mapped)
        else:
            self._map_present(topic, raw, document, text, mapped)
        mapped.count(Count.EMITTED, len(mapped.changes))
        return mapped

    def _read(self, raw: RawObject) -> tuple[dict[str, Json], str]:
        if raw.value is None:
            document = {"id": raw.object_id}
            return document, orjson.dumps(document).decode()
        try:
            text = raw.value.decode()
        except UnicodeDecodeError as error:
            raise ValueError(f"byte {error.start} of the value is not UTF-8") from None
        try:
            document = orjson.loads(text)
        except ValueError:
            document, text = _read_leniently(text)
        if type(document) is not dict:
            raise ValueError(f"the value is a {type(document).__name__}, not an object")
        return document, text

    def _map_present(
        self, topic: "_Topic", raw: RawObject, document: dict[str, Json], text: str, mapped: Mapped
    ) -> None:
        gathered = _Gathered()
        entries = topic.entries
        for entry, rows in zip(entries, topic.programs.evaluate(document, text), strict=True):
            _gather(gathered, entry, rows, entry.omitted(raw.omitted), document)
        merged = merge_made(gathered.made)
        for key, made in merged.items():
            mapped.count(Count.OMITTED, len(made.omits))
            mapped.changes.append(self._upsert(key, made, topic, raw))
        if not gathered.failures and not gathered.unknown:
            self._propose(topic, raw, gathered, merged, mapped)
        mapped.count(Count.OMITTED, gathered.unknown)
        mapped.count(Count.COLLIDED, gathered.collided)
        mapped.failures.extend(gathered.failures)
        mapped.count(_class_of(gathered))

    def _propose(
        self,
        topic: "_Topic",
        raw: RawObject,
        gathered: _Gathered,
        merged: Mapping[Key, Made],
        mapped: Mapped,
    ) -> None:
        """Propose to delete what the object made before it ceased to be selected."""
        proposed = dict.fromkeys((one.blueprint, one.identifier) for one in gathered.unselected)
        for key in proposed:
            if key[0] and key not in merged and deletable_unselected(topic.plan, key[0]):
                mapped.changes.append(self._delete(key, "selector", topic, raw))

    def _map_deleted(
        self, topic: "_Topic", raw: RawObject, document: dict[str, Json], text: str, mapped: Mapped
    ) -> None:
        keys: dict[Key, None] = {}
        unresolved = 0
        for entry, rows in zip(topic.entries, topic.programs.evaluate(document, text), strict=True):
            known = gives_identifier(entry.plan, document)
            if not rows.rows:
                unresolved += 1
            for row in rows.rows:
                found = read_keys(entry.plan, row)
                # An entity found by a search may be another one by now: left to the next sweep.
                if isinstance(found, Failed) or not isinstance(found[1], str) or not known:
                    unresolved += 1
                elif deletable_with_object(topic.plan, found[0]):
                    keys[found[0], found[1]] = None
        mapped.changes.extend(self._delete(key, "object_deleted", topic, raw) for key in keys)
        mapped.count(Count.DELETE_UNRESOLVED, unresolved)
        mapped.count(Count.MAPPED)

    def _upsert(self, key: Key, made: Made, topic: "_Topic", raw: RawObject) -> Change:
        value = self._head(UPSERT, made.blueprint, made.identifier)
        properties: dict[str, Json] = {}
        relations: dict[str, Json] = {}
        for (part, name), given in made.values.items():
            if part == "properties":
                properties[name] = given
            elif part == "relations":
                relations[name] = given
            else:
                value[part] = given
        value["properties"] = properties
        value["relations"] = relations
        if made.omits:
            value["omits"] = [f"{part}.{name}" if name else part for part, name in made.omits]
        value["merge"] = self._merge or bool(made.omits)
        return self._change(key, UPSERT, value, topic, raw)

    def _delete(self, key: Key, reason: str, topic: "_Topic", raw: RawObject) -> Change:
        value = self._head(DELETE, *key)
        value["merge"] = self._merge
        value["reason"] = reason
        return self._change(key, DELETE, value, topic, raw)

    def _head(self, operation: str, blueprint: str, identifier: Identifier) -> dict[str, Json]:
        return {
            "schema_version": SCHEMA_VERSION,
            "operation": operation,
            "blueprint": blueprint,
            "identifier": identifier,
        }

    def _change(
        self, key: Key, operation: str, value: dict[str, Json], topic: "_Topic", raw: RawObject
    ) -> Change:
        value.update(self._flags)
        value["source"] = {
            "kind": topic.plan["kind"],
            "object_id": raw.object_id,
            "topic": raw.topic,
            "partition": raw.partition,
            "offset": raw.offset,
            "mapping_version": self._version,
        }
        return Change(f"{key[0]}/{key[1]}", operation, _json_bytes(value))


class _Topic:
    """The entries of one raw topic, compiled."""

    def __init__(self, plan: TopicPlan) -> None:
        self.plan = plan
        self.entries = [_Entry(entry, plan["kind"]) for entry in plan["entries"]]
        self.programs = TopicPrograms(plan["entries"])


class _Entry:
    """One entry, with its filters made."""

    def __init__(self, plan: EntryPlan, kind: str) -> None:
        self.plan = plan
        self.passes = _judge(kind, plan["params"])
        self.in_window = _judge(kind, plan["window"])
        self._omitted: dict[tuple[str, ...], frozenset[int] | None] = {(): frozenset()}

    def omitted(self, keys: tuple[str, ...]) -> frozenset[int] | None:
        """Return the indexes of expressions that name one of the keys; None: itemsToParse does."""
        if keys not in self._omitted:
            items = self.plan["items"]
            if items is not None and any(names_key(items, key) for key in keys):
                self._omitted[keys] = None
            else:
                self._omitted[keys] = frozenset(
                    n
                    for n, text in enumerate(self.plan["texts"])
                    if any(names_key(text, key) for key in keys)
                )
        return self._omitted[keys]


def _judge(kind: str, params: dict[str, Any]) -> Judge | None:
    if not params:
        return None
    # Costs a worker a third of its start, and few mappings have such parameters.
    from shared.local_filters import local_filter

    return local_filter(kind, params)


def _gather(
    gathered: _Gathered,
    entry: _Entry,
    rows: Rows,
    omitted: frozenset[int] | None,
    document: Mapping[str, Json],
) -> None:
    """Add what one entry makes of the object."""
    if entry.in_window is not None and not entry.in_window(document):
        return
    passes = entry.passes is None or entry.passes(document)
    if omitted is None:
        gathered.unknown += passes
        return
    if rows.found is not None:
        failure = items_failure(entry.plan, rows.found)
        if passes and failure is not None:
            gathered.failures.append(failure)
        gathered.listed |= passes and failure is None
        return
    gathered.listed |= passes and not rows.rows
    keys: set[Key] = set()
    for row in rows.rows:
        one = evaluate_row(entry.plan, row, omitted)
        if not passes:
            gathered.unselected.append(_as_unselected(one))
        elif isinstance(one, Made):
            key = key_of(one.blueprint, one.identifier)
            gathered.collided += key in keys
            keys.add(key)
            gathered.made.append(one)
        elif isinstance(one, Failed):
            gathered.failures.append(one)
        elif isinstance(one, Unselected):
            gathered.unselected.append(one)
        else:
            gathered.unknown += 1


def _as_unselected(one: Made | Unselected | Unknown | Failed) -> Unselected:
    if isinstance(one, Made) and isinstance(one.identifier, str):
        return Unselected(one.blueprint, one.identifier)
    return one if isinstance(one, Unselected) else Unselected()


def _class_of(gathered: _Gathered) -> Count:
    """Return the one count an object has: failed, rejected, mapped or filtered."""
    reasons = {failure.reason for failure in gathered.failures}
    if reasons - {Reason.IDENTIFIER_NULL}:
        return Count.FAILED
    if reasons:
        return Count.REJECTED
    return Count.MAPPED if gathered.made or gathered.unknown or gathered.listed else Count.FILTERED


def _read_leniently(text: str) -> tuple[Json, str]:
    """Read what JSON's grammar allows and no other system will take.

    A title that was cut inside an emoji has half a surrogate pair: it becomes U+FFFD. A number out of range
    becomes the largest there is, as in jq.

    Raises:
        ValueError: It is not JSON.
    """
    try:
        document = json.loads(text, parse_float=_in_range, parse_constant=_no_constant)
        text = _SURROGATES.sub("\ufffd", json.dumps(document, ensure_ascii=False))
        return orjson.loads(text), text
    except RecursionError:
        raise ValueError("the value is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"the value is not JSON: {error}") from None


def _in_range(text: str) -> float:
    return max(-sys.float_info.max, min(sys.float_info.max, float(text)))


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is no JSON value")


def _json_bytes(value: dict[str, Json]) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:
        # An integer beyond 64 bits.
        return json.dumps(value, ensure_ascii=False).encode()
