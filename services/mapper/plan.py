"""Plans, per raw topic, what is evaluated on an object."""

from collections.abc import Iterable, Sequence
from typing import Final

from schemas.mapping import EntityMapping, MappingFile, MappingInForce, Query, Resource
from services.mapper.plan_shape import EntryPlan, Plan, Template, TopicPlan
from shared.jq_engine import runnable_text
from shared.jq_text import constant_text
from shared.local_filters import LOCAL_PARAMETERS
from shared.sources import Source

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
    return {
        "version": mapping.version,
        "merge": config.enable_merge_entity,
        "create_missing_related_entities": config.create_missing_related_entities,
        "delete_dependents": config.delete_dependent_entities,
        "topics": {source.topic: _plan_topic(config, source, sources) for source in sources},
    }


def _plan_topic(config: MappingFile, source: Source, sources: Sequence[Source]) -> TopicPlan:
    own = [config.resources[index] for index in source.entries]
    others = [other for other in sources if other is not source]
    foreign = [config.resources[index] for other in others for index in other.entries]
    other_kinds = [resource for resource in foreign if resource.kind != source.kind]
    by_events = {webhook.blueprint for webhook in config.webhook_mappings}
    fed = _named(resource for resource in own if _has_properties(resource))
    return {
        "kind": source.kind,
        "entries": [_plan_entry(index, config.resources[index]) for index in source.entries],
        "fed": sorted(fed),
        "annotated": sorted(_named(own) - fed),
        "feeds_any": _any(resource for resource in own if _has_properties(resource)),
        "foreign": sorted(_named(foreign) | by_events),
        "foreign_any": _any(foreign),
        "other_kinds": sorted(_named(other_kinds) | by_events),
        "other_kinds_any": _any(other_kinds),
    }


def _plan_entry(index: int, resource: Resource) -> EntryPlan:
    entity = resource.port.entity.mappings
    texts = [runnable_text(resource.selector.query), runnable_text(entity.blueprint)]
    identifier = _template(entity.identifier, texts)
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
        "items": None if items is None else runnable_text(items),
        "items_name": resource.port.items_to_parse_name,
        "items_transform": resource.port.items_to_parse_top_level_transform,
        "identifier": identifier,
        "fields": _fields(entity, texts),
        "texts": texts,
        "keys": keys,
    }


def _fields(entity: EntityMapping, texts: list[str]) -> list[tuple[str, str, Template]]:
    fields: list[tuple[str, str, Template]] = [
        (name, "", _template(value, texts))
        for name, value in (("title", entity.title), ("icon", entity.icon), ("team", entity.team))
        if value is not None
    ]
    fields += [("properties", name, _template(value, texts)) for name, value in entity.properties.items()]
    fields += [("relations", name, _template(value, texts)) for name, value in entity.relations.items()]
    return fields


def _template(value: str | Query, texts: list[str]) -> Template:
    if isinstance(value, str):
        texts.append(runnable_text(value))
        return len(texts) - 1
    return {
        "combinator": _template(value.combinator, texts),
        "rules": [
            _template(rule, texts)
            if isinstance(rule, Query)
            else {
                "property": _template(rule.property, texts),
                "operator": _template(rule.operator, texts),
                "value": _template(rule.value, texts),
            }
            for rule in value.rules
        ],
    }


def _has_properties(resource: Resource) -> bool:
    return bool(resource.port.entity.mappings.properties)


def _constant(resource: Resource) -> str | None:
    return constant_text(runnable_text(resource.port.entity.mappings.blueprint))


def _named(resources: Iterable[Resource]) -> set[str]:
    return {name for resource in resources if (name := _constant(resource)) is not None}


def _any(resources: Iterable[Resource]) -> bool:
    return any(_constant(resource) is None for resource in resources)
