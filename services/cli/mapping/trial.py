"""Maps objects outside of the pipeline with the pipeline's own workers, and says what each entry did."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

import orjson

from schemas.mapping import MappingFile, MappingInForce
from services.mapper.evaluate import Failed, Omission
from services.mapper.mapped import Mapped, RawObject
from services.mapper.plan import build_plan
from services.mapper.plan_shape import EntryPlan, Plan
from services.mapper.pool import WorkerPool
from shared.errors import ConfigurationError
from shared.kinds import kind_named
from shared.local_filters import local_filter
from shared.sources import Source, plan_sources

Json = Any

META: Final = ("title", "icon", "team")
_APART: Final = "#"
"""Between a topic and the entry that is looked at on its own; no topic's name has it."""


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


class TrialMapper:
    """Maps objects by one mapping.

    Args:
        config: The mapping, sound.
        pool: Runs the expressions.
        now: What relative times count from.
    """

    def __init__(self, config: MappingFile, pool: WorkerPool, *, now: datetime) -> None:
        self.config = config
        self.sources = plan_sources(config, now=now)
        self._pool = pool
        self._plan = build_plan(MappingInForce(version=1, config=config), self.sources)
        self._apart = entries_apart(self._plan)

    def sources_of(self, one: TrialObject) -> list[Source]:
        """Return the sources that would bring the object; none where the mapping has no entry of its kind."""
        return [
            source for source in self.sources if source.kind == one.kind and one.topic in {"", source.topic}
        ]

    def require_kind(self, kind: str) -> None:
        """Refuse a kind of which the mapping makes nothing.

        Raises:
            ConfigurationError: There is no such kind, or no entry of it.
        """
        if not any(source.kind == kind for source in self.sources):
            kind_named(kind)
            has = ", ".join(dict.fromkeys(source.kind for source in self.sources)) or "none"
            raise ConfigurationError(f"the mapping has no entry of the kind {kind!r}; it has {has}")

    async def run(self, objects: Sequence[TrialObject]) -> list[Trial]:
        """Map objects and ask what each entry did; one result per object and source in their order.

        Raises:
            FatalError: No JQ worker can be started.
        """
        pairs = [(one, source) for one in objects for source in self.sources_of(one)]
        mapped = await self._map(pairs)
        each = [
            _raw(one, topic_apart(source.topic, index)) for one, source in pairs for index in source.entries
        ]
        alone = iter(await self._pool.map_objects(self._apart, each))
        return [
            _trial(one, source, result, self._plan, {index: next(alone) for index in source.entries})
            for (one, source), result in zip(pairs, mapped, strict=True)
        ]

    async def entities(self, objects: Sequence[TrialObject]) -> list[Trial]:
        """Map objects without asking what each entry did: for many of them."""
        pairs = [(one, source) for one in objects for source in self.sources_of(one)]
        mapped = await self._map(pairs)
        return [
            _trial(one, source, result, self._plan, {})
            for (one, source), result in zip(pairs, mapped, strict=True)
        ]

    async def _map(self, pairs: Sequence[tuple[TrialObject, Source]]) -> list[Mapped]:
        return await self._pool.map_objects(self._plan, [_raw(one, source.topic) for one, source in pairs])

    def texts(self, topic: str, index: int) -> Mapping[str, str]:
        """Return the expressions of an entry by the path of what they give."""
        return expressions_of(entry_named(self._plan["topics"][topic]["entries"], index))


def grouped(trials: Iterable[Trial]) -> dict[int, list[Trial]]:
    """Return the results of each object, by the identity of the object."""
    found: dict[int, list[Trial]] = {}
    for trial in trials:
        found.setdefault(id(trial.object), []).append(trial)
    return found


def entry_named(entries: Sequence[EntryPlan], index: int) -> EntryPlan:
    """Return the entry with a place in the mapping."""
    return next(entry for entry in entries if entry["index"] == index)


def expressions_of(entry: EntryPlan) -> dict[str, str]:
    """Return an entry's expressions by path (`properties.url`); of a search query the texts of its leaves."""
    texts = {"identifier": _template_text(entry, entry["identifier"]), "selector": entry["texts"][0]}
    for part, name, template in entry["fields"]:
        texts[f"{part}.{name}" if name else part] = _template_text(entry, template)
    return texts


def read_change(body: Mapping[str, Json], omissions: Sequence[Omission] = ()) -> TrialEntity:
    """Return an EntityChange of the mapper as an entity, with why its omitted values are."""
    values = {name: body[name] for name in META if name in body}
    for part in ("properties", "relations"):
        values.update({f"{part}.{name}": value for name, value in body.get(part, {}).items()})
    waiting = list(omissions)
    omits: dict[str, Omission] = {}
    for path in body.get("omits", ()):
        found = next((one for one in waiting if one.path == path), None)
        omits[path] = found or Omission(-1, path, "", "left as it is")
    return TrialEntity(
        blueprint=body["blueprint"],
        identifier=body["identifier"],
        operation=body["operation"],
        values=values,
        omits=omits,
        reason=body.get("reason", ""),
        merge=body.get("merge", True),
        delete_dependents=body.get("delete_dependents", False),
    )


def read_changes(mapped: Mapped) -> list[TrialEntity]:
    """Return the changes of an object; each takes its own of the omissions, which stand in their order."""
    left = list(mapped.omissions)
    entities = []
    for change in mapped.changes:
        entity = read_change(orjson.loads(change.value), left)
        for one in entity.omits.values():
            if one in left:
                left.remove(one)
        entities.append(entity)
    return entities


def _raw(one: TrialObject, topic: str) -> RawObject:
    return RawObject(topic, 0, 0, one.key, one.deleted, one.omitted, one.body)


def topic_apart(topic: str, index: int) -> str:
    """Return the topic that has only this entry of a topic."""
    return f"{topic}{_APART}{index}"


def entries_apart(plan: Plan) -> Plan:
    """Return the plan with a topic per entry, which has only that entry."""
    topics = {
        topic_apart(name, entry["index"]): {**topic, "entries": [entry]}
        for name, topic in plan["topics"].items()
        for entry in topic["entries"]
    }
    return {**plan, "topics": topics}  # type: ignore[typeddict-item]  # of the same shape


def _trial(
    one: TrialObject, source: Source, mapped: Mapped, plan: Plan, alone: Mapping[int, Mapped]
) -> Trial:
    entries = plan["topics"][source.topic]["entries"]
    verdicts = [verdict_of(one, entry_named(entries, index), found) for index, found in alone.items()]
    given = givers(alone)
    entities = tuple(with_givers(entity, given) for entity in read_changes(mapped))
    return Trial(one, one.key, source.topic, entities, tuple(mapped.failures), tuple(verdicts))


def givers(alone: Mapping[int, Mapped]) -> dict[tuple[str, str], int]:
    """Return which entry gave each path of each entity last, from what each entry made on its own."""
    given: dict[tuple[str, str], int] = {}
    for index, found in alone.items():
        for entity in read_changes(found):
            given.update({(entity.key, path): index for path in entity.values})
    return given


def with_givers(entity: TrialEntity, given: Mapping[tuple[str, str], int]) -> TrialEntity:
    """Return the entity with the entry that gave each of its values."""
    by = {path: given[entity.key, path] for path in entity.values if (entity.key, path) in given}
    return replace(entity, given_by=by)


def verdict_of(
    one: TrialObject, entry: EntryPlan, mapped: Mapped, *, selector: str = "selector.query"
) -> EntryVerdict:
    """Say what an entry did, from what became of the object with no other entry beside it."""
    index = entry["index"]
    if mapped.failures:
        return EntryVerdict(index, "failed", "; ".join(failure.detail for failure in mapped.failures))
    entities = read_changes(mapped)
    made = tuple(entity.key for entity in entities if entity.operation == "upsert" or one.deleted)
    if made:
        return EntryVerdict(index, "made", "", made)
    if one.deleted:
        return EntryVerdict(index, "left", "the body does not say which entity it was, or others make it too")
    if any(omission.path == "selector" for omission in mapped.omissions):
        return EntryVerdict(index, "left", "an expression reads a key that could not be had")
    kept_out = _kept_out(one, entry)
    if kept_out:
        return EntryVerdict(index, "not selected", kept_out)
    if mapped.counts.get("mapped"):
        return EntryVerdict(index, "left", f"itemsToParse gave no items: {_flat(entry['items'] or '')}")
    return EntryVerdict(index, "not selected", f"{selector} is false: {_flat(entry['texts'][0])}")


def _kept_out(one: TrialObject, entry: EntryPlan) -> str:
    """Say which of the entry's parameters keep the object out; empty: none."""
    value = one.value
    held = value if isinstance(value, dict) else {}
    names = [
        name
        for name, value in {**entry["params"], **entry["window"]}.items()
        if not _passes(one.kind, entry, name, value, held)
    ]
    return f"apiQueryParams leave it out: {', '.join(names)}" if names else ""


def _passes(kind: str, entry: EntryPlan, name: str, value: Json, held: Mapping[str, Json]) -> bool:
    whole = {name: value}
    if "date_range" in entry["window"]:
        whole["date_range"] = entry["window"]["date_range"]
    judge = local_filter(kind, whole)
    return judge is None or judge(held)


def _template_text(entry: EntryPlan, template: Json) -> str:
    if isinstance(template, int):
        return entry["texts"][template]
    return ", ".join(_leaf_texts(entry, template))


def _leaf_texts(entry: EntryPlan, template: Json) -> Iterator[str]:
    for rule in template["rules"]:
        if "rules" in rule:
            yield from _leaf_texts(entry, rule)
        else:
            property_, operator, value = (
                entry["texts"][rule[name]] for name in ("property", "operator", "value")
            )
            yield f"{property_} {operator} {value}"


def _flat(text: str) -> str:
    return " ".join(text.split())
