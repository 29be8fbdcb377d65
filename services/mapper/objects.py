"""Maps one raw object to its entity changes, counts and failures."""

from collections.abc import Mapping, Sequence
from typing import Final

from schemas.outcome import Count, Reason
from schemas.versions import SCHEMA_VERSION
from services.mapper.deletions import deletable_unselected, deletable_with_object, feeds, gives_identifier
from services.mapper.documents import read_document
from services.mapper.evaluate import Failed, Identifier, Made, omission, read_keys, unjudged
from services.mapper.gather import BoundEntry, Gathered, class_of, gather
from services.mapper.mapped import Change, Mapped, RawObject
from services.mapper.merge import Key, merge_made
from services.mapper.plan_shape import Plan, TopicPlan
from services.mapper.programs import At, Rows, TopicPrograms
from shared.jq_engine import Engine, Json
from shared.lenient_json import json_bytes

LARGEST_CHANGE_BYTES: Final = 8 * 1024 * 1024
"""No topic takes one half as large; such a one does not even leave the worker."""
UPSERT: Final = "upsert"
DELETE: Final = "delete"


class ObjectMapper:
    """Maps objects by one version of the mapping.

    Args:
        plan: The version.
        engine: Runs the expressions; None: libjq.
    """

    def __init__(self, plan: Plan, engine: Engine | None = None) -> None:
        self._engine = engine
        self._version = plan["version"]
        self._merge = plan["merge"]
        self._flags = {
            "create_missing_related_entities": plan["create_missing_related_entities"],
            "delete_dependents": plan["delete_dependents"],
        }
        self._plans = plan["topics"]
        self._topics: dict[str, _Topic] = {}
        self._previous_plans = plan["previous"]
        self._previous: dict[str, list[_Topic]] = {}

    def prepare(self, topic: str) -> None:
        """Compile what a topic's objects need."""
        self._plan_for(topic)
        for one in (self._topics.get(topic), *self._previous[topic]):
            if one is not None:
                one.programs.prepare()

    def _plan_for(self, topic: str) -> None:
        if topic not in self._topics and topic in self._plans:
            self._topics[topic] = _Topic(self._plans[topic], self._engine)
        if topic not in self._previous:
            plans = [plan[topic] for plan in self._previous_plans if topic in plan]
            self._previous[topic] = [_Topic(plan, self._engine) for plan in plans]

    def map_object(self, raw: RawObject, at: At | None = None) -> Mapped:
        """Return what the mapping makes of an object. Nothing that it holds raises.

        Args:
            raw: The object.
            at: Hears of each expression before it is run; each is then run on its own.
        """
        mapped = Mapped()
        self._plan_for(raw.topic)
        topic = self._topics.get(raw.topic)
        # An object that is mapped once more, each expression apart, has been suspected: that is enough.
        previous = self._previous[raw.topic] if raw.in_run and at is None else []
        if topic is None and not previous:
            mapped.count(Count.FILTERED)
            return mapped
        try:
            document, text = read_document(raw)
        except ValueError as error:
            mapped.failures.append(Failed(Reason.UNREADABLE, str(error), -1))
            mapped.count(Count.FAILED)
            return mapped
        if topic is None:
            mapped.count(Count.FILTERED)
        else:
            programs = topic.programs
            results = programs.evaluate(document, text) if at is None else programs.evaluate_apart(text, at)
            if raw.deleted:
                self._map_deleted(topic, raw, document, results, mapped)
            else:
                self._map_present(topic, raw, document, results, mapped)
        for before in previous:
            self._propose_previous(before, raw, document, text, mapped)
        mapped.count(Count.EMITTED, len(mapped.changes))
        return mapped

    def _map_present(
        self, topic: "_Topic", raw: RawObject, document: Json, results: Sequence[Rows], mapped: Mapped
    ) -> None:
        gathered = Gathered()
        entries = topic.entries
        for entry, rows in zip(entries, results, strict=True):
            gather(gathered, entry, rows, entry.omitted(raw.omitted), document)
        merged = merge_made(gathered.made)
        for key, made in merged.items():
            mapped.omissions.extend(omission(_path(*pair), cause) for pair, cause in made.omits.items())
            try:
                change = self._upsert(key, made, topic, raw)
            except ValueError as error:
                gathered.failures.append(_unsendable(key, Reason.UNREADABLE, str(error)))
                continue
            if len(change.value) > LARGEST_CHANGE_BYTES:
                says = f"it has {len(change.value)} bytes; map fewer properties"
                gathered.failures.append(_unsendable(key, Reason.TOO_LARGE, says))
                continue
            mapped.changes.append(change)
        if not gathered.failures and not gathered.unknown:
            self._propose(topic, raw, gathered, merged, mapped)
        mapped.omissions.extend(unjudged(entry) for entry in gathered.unknown)
        mapped.count(Count.UNJUDGED, bool(gathered.unknown))
        mapped.count(Count.OMITTED, len(mapped.omissions))
        mapped.count(Count.COLLIDED, gathered.collided)
        mapped.failures.extend(gathered.failures)
        mapped.count(class_of(gathered))

    def _propose(
        self,
        topic: "_Topic",
        raw: RawObject,
        gathered: Gathered,
        merged: Mapping[Key, Made],
        mapped: Mapped,
    ) -> None:
        """Propose to delete what the object made before it ceased to be selected."""
        proposed = dict.fromkeys((one.blueprint, one.identifier) for one in gathered.unselected)
        for key in proposed:
            if key[0] and key not in merged and deletable_unselected(topic.plan, key[0]):
                mapped.changes.append(self._delete(key, "selector", topic, raw))

    def _propose_previous(
        self, topic: "_Topic", raw: RawObject, document: Json, text: str, mapped: Mapped
    ) -> None:
        """Propose to delete what a previous mapping made of the object and the new one does not.

        Where the new one failed, or could not be judged, nobody knows what it makes.
        """
        if mapped.failures or Count.UNJUDGED in mapped.counts:
            return
        made: dict[Key, None] = {}
        for entry, rows in zip(topic.entries, topic.programs.evaluate(document, text), strict=True):
            if not raw.deleted:
                gathered = Gathered()
                gather(gathered, entry, rows, entry.omitted(raw.omitted), document)
                found = [(one.blueprint, one.identifier) for one in gathered.made]
            elif gives_identifier(entry.plan, document):
                keys = [read_keys(entry.plan, row) for row in rows.rows]
                found = [one for one in keys if not isinstance(one, Failed)]
            else:
                found = []
            made.update(((blueprint, name), None) for blueprint, name in found if isinstance(name, str))
        said = {change.key for change in mapped.changes}
        for key in made:
            if f"{key[0]}/{key[1]}" not in said and feeds(topic.plan, key[0]):
                mapped.changes.append(self._delete(key, "previous", topic, raw))

    def _map_deleted(
        self, topic: "_Topic", raw: RawObject, document: Json, results: Sequence[Rows], mapped: Mapped
    ) -> None:
        keys: dict[Key, None] = {}
        unresolved = 0
        for entry, rows in zip(topic.entries, results, strict=True):
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
            value["omits"] = [_path(*pair) for pair in made.omits]
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
        """Return a change.

        Raises:
            ValueError: It is nested too deeply to be written.
        """
        value.update(self._flags)
        value["source"] = {
            "kind": topic.plan["kind"],
            "object_id": raw.object_id,
            "topic": raw.topic,
            "partition": raw.partition,
            "offset": raw.offset,
            "mapping_version": self._version,
        }
        return Change(f"{key[0]}/{key[1]}", operation, json_bytes(value))


class _Topic:
    """The entries of one raw topic, compiled."""

    def __init__(self, plan: TopicPlan, engine: Engine | None) -> None:
        self.plan = plan
        self.entries = [BoundEntry(entry, plan["kind"]) for entry in plan["entries"]]
        self.programs = TopicPrograms(plan["entries"], engine)


def _path(part: str, name: str) -> str:
    return f"{part}.{name}" if name else part


def _unsendable(key: Key, reason: Reason, says: str) -> Failed:
    blueprint, name = key
    return Failed(reason, f"the entity {blueprint}/{name[:200]} cannot be sent: {says}", -1, blueprint)
