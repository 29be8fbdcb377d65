"""Plans, per raw topic, what is evaluated on an object."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from schemas.mapping import EntityMapping, MappingFile, MappingInForce, Query, Resource
from services.mapper.plan_shape import EntryPlan, Plan, Template, TopicPlan
from services.mapper.previous import previous_topics
from shared.jq_engine import ExpressionError
from shared.jq_text import constant_text
from shared.jq_together import runnable_texts
from shared.local_filters import LOCAL_PARAMETERS
from shared.mapping_check import expressions
from shared.sources import Source, plan_sources

_ANY_TIME: Final = datetime(2020, 1, 1, tzinfo=UTC)
"""Which topic feeds which entries does not depend on the time."""
_TIME_BOUNDS: Final = frozenset({"since", "until", "date_range"})


def build_plan(mapping: MappingInForce, sources: Sequence[Source]) -> Plan:
    """Return the plan of a mapping that was checked.

    Args:
        mapping: The version in force.
        sources: All its sources: which topic feeds which entries.

    Raises:
        ExpressionError: An expression does not compile; the mapping authority refuses such a mapping.
    """
    config = mapping.config
    topics = _plan_topics(config, sources)
    return {
        "version": mapping.version,
        "merge": config.enable_merge_entity,
        "create_missing_related_entities": config.create_missing_related_entities,
        "delete_dependents": config.delete_dependent_entities,
        "topics": topics,
        "previous": previous_topics(
            mapping, topics, lambda other: _plan_topics(other, plan_sources(other, now=_ANY_TIME))
        ),
    }


def _plan_topics(config: MappingFile, sources: Sequence[Source]) -> dict[str, TopicPlan]:
    runs = _Runnable(config)
    return {source.topic: _plan_topic(config, source, sources, runs) for source in sources}


class _Runnable:
    """The mapping's expressions as they compile, all compiled at once."""

    def __init__(self, config: MappingFile) -> None:
        self._texts = runnable_texts(leaf.text for leaf in expressions(config))

    def __call__(self, text: str) -> str:
        given = self._texts[text]
        if isinstance(given, ExpressionError):
            raise given
        return given


def _plan_topic(config: MappingFile, source: Source, sources: Sequence[Source], runs: _Runnable) -> TopicPlan:
    own = [config.resources[index] for index in source.entries]
    others = [other for other in sources if other is not source]
    foreign = [config.resources[index] for other in others for index in other.entries]
    other_kinds = [resource for resource in foreign if resource.kind != source.kind]
    by_events = {webhook.blueprint for webhook in config.webhook_mappings}
    feeding = [resource for resource in own if _has_properties(resource)]
    fed = _named(runs, feeding)
    return {
        "kind": source.kind,
        "entries": [_plan_entry(index, config.resources[index], runs) for index in source.entries],
        "fed": sorted(fed),
        "annotated": sorted(_named(runs, own) - fed),
        "feeds_any": _any(runs, feeding),
        "foreign": sorted(_named(runs, foreign) | by_events),
        "foreign_any": _any(runs, foreign),
        "other_kinds": sorted(_named(runs, other_kinds) | by_events),
        "other_kinds_any": _any(runs, other_kinds),
    }


def _plan_entry(index: int, resource: Resource, runs: _Runnable) -> EntryPlan:
    entity = resource.port.entity.mappings
    texts = [runs(resource.selector.query), runs(entity.blueprint)]
    identifier = _template(entity.identifier, texts, runs)
    keys = len(texts)
    local = LOCAL_PARAMETERS.get(resource.kind, frozenset())
    params = {
        name: value
        for name, value in resource.selector.api_query_params.items()
        if (name in local or name in _TIME_BOUNDS) and value is not None
    }
    items = resource.port.items_to_parse
    return {
        "index": index,
        "params": {name: value for name, value in params.items() if name not in _TIME_BOUNDS},
        "window": {name: value for name, value in params.items() if name in _TIME_BOUNDS},
        "items": None if items is None else runs(items),
        "items_name": resource.port.items_to_parse_name,
        "items_transform": resource.port.items_to_parse_top_level_transform,
        "identifier": identifier,
        "fields": _fields(entity, texts, runs),
        "texts": texts,
        "keys": keys,
    }


def _fields(entity: EntityMapping, texts: list[str], runs: _Runnable) -> list[tuple[str, str, Template]]:
    fields: list[tuple[str, str, Template]] = [
        (name, "", _template(value, texts, runs))
        for name, value in (("title", entity.title), ("icon", entity.icon), ("team", entity.team))
        if value is not None
    ]
    for part, values in (("properties", entity.properties), ("relations", entity.relations)):
        fields += [(part, name, _template(value, texts, runs)) for name, value in values.items()]
    return fields


def _template(value: str | Query, texts: list[str], runs: _Runnable) -> Template:
    if isinstance(value, str):
        texts.append(runs(value))
        return len(texts) - 1
    return {
        "combinator": _template(value.combinator, texts, runs),
        "rules": [
            _template(rule, texts, runs)
            if isinstance(rule, Query)
            else {
                "property": _template(rule.property, texts, runs),
                "operator": _template(rule.operator, texts, runs),
                "value": _template(rule.value, texts, runs),
            }
            for rule in value.rules
        ],
    }


def _has_properties(resource: Resource) -> bool:
    return bool(resource.port.entity.mappings.properties)


def _constant(runs: _Runnable, resource: Resource) -> str | None:
    return constant_text(runs(resource.port.entity.mappings.blueprint))


def _named(runs: _Runnable, resources: Iterable[Resource]) -> set[str]:
    return {name for resource in resources if (name := _constant(runs, resource)) is not None}


def _any(runs: _Runnable, resources: Iterable[Resource]) -> bool:
    return any(_constant(runs, resource) is None for resource in resources)
