"""Plans a mapping in Port's webhook format, and reads what the workers make of an event by it.

| the page writes | here |
| --- | --- |
| `blueprint` | a literal, no JQ |
| `filter` | true: the mapping takes the event |
| `operation` | `create`: upsert; `delete`: with what depends on it, unless `deleteDependents` is false |
| `itemsToParse` | a list; each item is `.item` beside `.body`, `.headers` and `.queryParams` |

Source: Port API, webhook mappings. Mappings that follow each other with the same operation are a group: one
topic of the plan, as if it were a source, so that the workers evaluate both formats alike.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Final

import orjson

from schemas.entity_change import ChangeSource
from schemas.mapping import (
    Entity,
    EntityMapping,
    MappingInForce,
    Port,
    Resource,
    Selector,
    WebhookMapping,
    WebhookOperation,
)
from schemas.topics import WEBHOOKS
from schemas.webhook_event import EVENT_KINDS, WebhookRequest, event_of, object_id_of
from services.mapper.mapped import Change
from services.mapper.plan import build_plan
from services.mapper.plan_shape import Plan
from shared.lenient_json import json_bytes, read_leniently
from shared.sources import Source

Json = Any

KIND: Final = "webhooks"
"""Stands where a PagerDuty kind would for events that are about no object we know."""
META: Final = ("title", "icon", "team")
DELETED: Final = "webhook"
"""The reason of a delete that such a mapping asks for."""


@dataclass(frozen=True, slots=True)
class Group:
    """Mappings that follow each other with one operation.

    Attributes:
        topic: Their topic in the plan.
        deletes: Whether they delete.
        delete_dependents: Whether a delete takes what depends on the entity along.
    """

    topic: str
    deletes: bool
    delete_dependents: bool


@dataclass(frozen=True, slots=True)
class WebhookPlan:
    """What is evaluated on each event."""

    plan: Plan
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """What an event is about, as far as it says.

    Attributes:
        kind: `incidents`, `services`, or `webhooks` where it says nothing we know.
        object_id: Id of that object, or empty.
        occurred_at: Aware UTC; None: it does not say.
    """

    kind: str
    object_id: str
    occurred_at: datetime | None = None


def plan_webhook_format(mapping: MappingInForce) -> WebhookPlan | None:
    """Return the plan of a mapping's `webhookMappings`; None: it has none.

    Raises:
        ExpressionError: An expression does not compile; the mapping authority refuses such a mapping.
    """
    webhooks = mapping.config.webhook_mappings
    if not webhooks:
        return None
    groups: list[Group] = []
    sources: list[Source] = []
    for (deletes, dependents), members in groupby(
        range(len(webhooks)), key=lambda n: _operation(webhooks[n])
    ):
        topic = f"{WEBHOOKS.name}#{len(groups)}"
        groups.append(Group(topic, deletes, dependents))
        sources.append(_source(topic, tuple(members)))
    resources = tuple(map(_as_resource, webhooks))
    config = mapping.config.model_copy(update={"resources": resources, "webhook_mappings": ()})
    plan = build_plan(MappingInForce(version=mapping.version, config=config), sources)
    for topic_plan in plan["topics"].values():
        # An event that is not taken says nothing of an entity: only `operation: delete` deletes.
        topic_plan["fed"], topic_plan["feeds_any"] = [], False
    return WebhookPlan(plan, tuple(groups))


def event_document(body: bytes, request: WebhookRequest) -> bytes:
    """Return what the expressions of an event see: `.body` as it came, `.headers`, `.queryParams`."""
    around = orjson.dumps({"headers": request.headers, "queryParams": request.query})
    return b'{"body":' + body + b"," + around[1:]


def read_event(body: bytes) -> tuple[Event, bytes]:
    """Say what an event is about, and return its body so that a strict reader takes it.

    Raises:
        ValueError: The body is no JSON.
    """
    try:
        document = orjson.loads(body)
    except ValueError:
        document = read_leniently(body.decode("utf-8", "surrogateescape"))
        body = json_bytes(document)
    event = event_of(document)
    event_type = None if event is None else event.get("event_type")
    kind = EVENT_KINDS.get(event_type, KIND) if isinstance(event_type, str) else KIND
    object_id = None if event is None or kind == KIND else object_id_of(event, kind)
    return Event(kind, object_id or "", _time(event)), body


def _time(event: Mapping[str, Json] | None) -> datetime | None:
    text = None if event is None else event.get("occurred_at")
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
        return at.astimezone(UTC) if at is not None and at.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def changes_of_groups(
    made: Iterable[tuple[Group, Sequence[Change]]], source: ChangeSource
) -> list[tuple[str, str, Mapping[str, Json]]]:
    """Return what all mappings of an event make: one change per entity, in the order of the mappings.

    Later upserts of an entity are merged into earlier ones; a delete takes the place of what came before it,
    and an upsert behind it makes the entity anew.

    Args:
        made: What the workers made of each group, upserts all.
        source: Where the event came from.

    Returns:
        Record key, operation and EntityChange of each.
    """
    found: dict[str, dict[str, Json]] = {}
    for group, changes in made:
        for change in changes:
            body = orjson.loads(change.value)
            body["source"] = source.model_dump(mode="json")
            if group.deletes:
                body = _as_delete(body, group.delete_dependents)
                found.pop(change.key, None)
            elif (before := found.get(change.key)) is not None:
                is_anew = before["operation"] == "delete" and not body.get("omits")
                body = {**body, "merge": False} if is_anew else _merged(before, body)
            found[change.key] = body
    return [(key, body["operation"], body) for key, body in found.items()]


def _operation(webhook: WebhookMapping) -> tuple[bool, bool]:
    operation = webhook.operation
    if isinstance(operation, WebhookOperation):
        return operation.type == "delete", operation.type == "delete" and operation.delete_dependents
    # Source: Port API, webhook mappings: a delete takes dependents along unless told otherwise.
    return operation == "delete", operation == "delete"


def _as_resource(webhook: WebhookMapping) -> Resource:
    entity = webhook.entity
    return Resource(
        kind=KIND,
        selector=Selector(query=webhook.filter),
        port=Port(
            entity=Entity(
                mappings=EntityMapping(
                    identifier=entity.identifier,
                    blueprint=json.dumps(webhook.blueprint, ensure_ascii=False),
                    title=entity.title,
                    icon=entity.icon,
                    team=entity.team,
                    properties=entity.properties,
                    relations=entity.relations,
                )
            ),
            items_to_parse=webhook.items_to_parse,
            items_to_parse_top_level_transform=False,
        ),
    )


def _source(topic: str, entries: tuple[int, ...]) -> Source:
    return Source(
        kind=KIND,
        parameters="",
        topic=topic,
        query=(),
        entries=entries,
        window=None,
        complete_by_design=False,
    )


def _as_delete(body: Mapping[str, Json], delete_dependents: bool) -> dict[str, Json]:
    kept = ("schema_version", "blueprint", "identifier", "merge", "create_missing_related_entities", "source")
    return {
        **{name: body[name] for name in kept if name in body},
        "operation": "delete",
        "delete_dependents": delete_dependents,
        "reason": DELETED,
    }


def _merged(before: Mapping[str, Json], after: Mapping[str, Json]) -> dict[str, Json]:
    """Return one upsert of two of the same entity; what the later one omits stays as the earlier gave it."""
    parts = {name: {**before.get(name, {}), **after[name]} for name in ("properties", "relations")}
    given = {f"{part}.{name}" for part, values in parts.items() for name in values} | {
        name for one in (before, after) for name in META if name in one
    }
    omits = dict.fromkeys([*before.get("omits", ()), *after.get("omits", ())])
    merged = {
        **after,
        **{name: before[name] for name in META if name in before and name not in after},
        **parts,
    }
    merged["omits"] = [path for path in omits if path not in given]
    merged["merge"] = before["merge"] or after["merge"]
    return merged
