"""Knows which entries of a mapping can make the entities of a blueprint, and how sure that is."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import ValidationError

from schemas.mapping import MappingFile, MappingInForce, Resource
from services.fetcher.one_object import asks_only_pagerduty
from shared.jq_engine import ExpressionError, runnable_text
from shared.jq_text import constant_text, plain_path, without_tostring
from shared.kinds import kind_named
from shared.sources import Source, plan_sources

_ANY_TIME: Final = datetime(2020, 1, 1, tzinfo=UTC)
"""Topics, entries and parameters of sources do not depend on the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Makers:
    """What can make the entities of one blueprint.

    Attributes:
        sources: Sources with an entry that can, among them those whose blueprint depends on the object.
        is_fed: An entry with properties makes them, or did under the mapping before; else entries only add to
            entities that somebody else makes.
        by_events: A mapping of the webhook format makes them.
        by_search: An entry finds them by a search query.
        is_own_id: Each stands for one object of the one source, under the object's id.
        asked_of: That source, where a GET of the object says whether the source lists it; None: it does not.
    """

    sources: tuple[Source, ...]
    is_fed: bool
    by_events: bool
    by_search: bool
    is_own_id: bool
    asked_of: Source | None


class MakersOfMapping:
    """Tells the makers of each blueprint under one mapping.

    Args:
        mapping: In force; under its previous versions blueprints were fed that it may not name any more.
    """

    def __init__(self, mapping: MappingInForce) -> None:
        config = mapping.config
        self._sources = plan_sources(config, now=_ANY_TIME)
        self._entries = [_Entry.of(resource) for resource in config.resources]
        self._events = frozenset(webhook.blueprint for webhook in config.webhook_mappings)
        self._previous = [
            [_Entry.of(resource) for resource in previous.resources] for previous in previous_configs(mapping)
        ]

    @property
    def named(self) -> tuple[str, ...]:
        """Return the blueprints that the mapping names, sorted."""
        return tuple(sorted({entry.blueprint for entry in self._entries if entry.blueprint is not None}))

    def of(self, blueprint: str) -> Makers:
        """Return what can make the entities of a blueprint."""
        indexes = {n for n, entry in enumerate(self._entries) if entry.may_make(blueprint)}
        entries = [self._entries[n] for n in sorted(indexes)]
        sources = tuple(source for source in self._sources if indexes & set(source.entries))
        is_own_id = len(sources) == 1 and all(entry.is_own_id for entry in entries)
        return Makers(
            sources=sources,
            is_fed=is_fed(entries, blueprint)
            if entries
            else any(is_fed(previous, blueprint) for previous in self._previous),
            by_events=blueprint in self._events,
            by_search=any(entry.by_search for entry in entries),
            is_own_id=is_own_id,
            asked_of=sources[0] if is_own_id and _can_be_asked(sources[0]) else None,
        )


@dataclass(frozen=True, slots=True)
class _Entry:
    """What of an entry decides which entities it makes.

    Attributes:
        blueprint: Its blueprint; None: it depends on the object.
        has_properties: It makes entities rather than add to them.
        is_own_id: Its entity stands for the object, under the object's id.
        by_search: It finds its entity.
    """

    blueprint: str | None
    has_properties: bool
    is_own_id: bool
    by_search: bool

    @classmethod
    def of(cls, resource: Resource) -> "_Entry":
        entity = resource.port.entity.mappings
        identifier = entity.identifier
        text = identifier if isinstance(identifier, str) else ""
        is_id = plain_path(without_tostring(text) or text) == ("id",)
        return cls(
            blueprint=_constant(entity.blueprint),
            has_properties=bool(entity.properties),
            is_own_id=is_id and resource.port.items_to_parse is None,
            by_search=not isinstance(identifier, str),
        )

    def may_make(self, blueprint: str) -> bool:
        return self.blueprint is None or self.blueprint == blueprint


def is_fed(entries: Iterable[_Entry], blueprint: str) -> bool:
    """Return whether entries make a blueprint's entities, not only add to somebody else's.

    An entry that takes its blueprint from the object may feed this one or that; where another one of these
    entries only adds to entities of this blueprint, that is doubt enough.
    """
    makers = [entry for entry in entries if entry.may_make(blueprint)]
    if any(entry.has_properties and entry.blueprint == blueprint for entry in makers):
        return True
    return bool(makers) and all(entry.has_properties for entry in makers)


def previous_configs(mapping: MappingInForce) -> Sequence[MappingFile]:
    """Return the mappings of the previous versions, those aside that this release cannot read."""
    configs = []
    for previous in mapping.previous:
        try:
            configs.append(MappingFile.model_validate(_config(previous)))
        except ValidationError:
            continue
    return configs


def _config(previous: Mapping[str, Any]) -> Any:  # noqa: ANN401 - foreign until it is validated
    return previous.get("config")


def _can_be_asked(source: Source) -> bool:
    """Whether a GET of one object says whether the source lists it.

    Not where PagerDuty judges a filter that nobody else can: an object that is there may not be on the list.
    """
    return kind_named(source.kind).single is not None and not asks_only_pagerduty(source)


def _constant(text: str) -> str | None:
    """Return the blueprint that an expression always gives; None: it depends on the object."""
    try:
        return constant_text(text) or constant_text(runnable_text(text))
    except ExpressionError:
        return None
