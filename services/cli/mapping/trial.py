"""Maps objects outside of the pipeline with the pipeline's own workers, and says what each entry did."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from schemas.mapping import MappingFile, MappingInForce
from services.cli.mapping.entry_expressions import entry_named, expressions_of
from services.cli.mapping.made_entities import givers, read_changes, with_givers
from services.cli.mapping.tried import Trial, TrialObject
from services.cli.mapping.verdicts import verdict_of
from services.mapper.mapped import Mapped, RawObject
from services.mapper.plan import build_plan
from services.mapper.plan_shape import Plan
from services.mapper.pool import WorkerPool
from shared.errors import ConfigurationError
from shared.kinds import kind_named
from shared.sources import Source, plan_sources

_APART: Final = "#"
"""Between a topic and the entry that is looked at on its own; no topic's name has it."""


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
