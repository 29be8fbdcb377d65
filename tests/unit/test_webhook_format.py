"""The webhook format: its groups, its operations, and how what several mappings make becomes one change."""

import json
from typing import Any

import orjson
import pytest

from schemas.entity_change import ChangeSource, EntityChange
from schemas.mapping import MappingFile, MappingInForce
from schemas.webhook_event import WebhookRequest
from services.mapper.mapped import RawObject
from services.mapper.objects import ObjectMapper
from services.mapper.webhook_format import (
    Event,
    changes_of_groups,
    event_document,
    plan_webhook_format,
    read_event,
)

Json = Any
SOURCE = ChangeSource(kind="incidents", object_id="Q1", topic="pagerduty.webhooks", partition=0, offset=7)


def a_webhook(blueprint: str = "thing", identifier: Json = ".body.id", **more: Json) -> dict[str, Json]:
    entity = {"identifier": identifier, **more.pop("entity", {})}
    return {"blueprint": blueprint, "entity": entity, **more}


def in_force(*webhooks: dict[str, Json], **root: Json) -> MappingInForce:
    config = MappingFile.model_validate({"webhookMappings": list(webhooks), **root})
    return MappingInForce(version=4, config=config)


def made(
    body: Json, *webhooks: dict[str, Json], request: WebhookRequest | None = None, **root: Json
) -> list[EntityChange]:
    """Return what the mappings make of a body, mapped in this process."""
    planned = plan_webhook_format(in_force(*webhooks, **root))
    assert planned is not None
    mapper = ObjectMapper(json.loads(json.dumps(planned.plan)))
    document = event_document(orjson.dumps(body), request or WebhookRequest())
    pairs = []
    for group in planned.groups:
        mapped = mapper.map_object(RawObject(group.topic, 0, 7, "Q1", False, (), document))
        assert mapped.failures == []
        pairs.append((group, mapped.changes))
    changes = changes_of_groups(pairs, SOURCE)
    assert [key for key, _, _ in changes] == [
        EntityChange.model_validate(one[2]).key().decode() for one in changes
    ]
    return [EntityChange.model_validate(body) for _, _, body in changes]


def test_mapping_without_webhook_mappings_has_no_plan() -> None:
    assert plan_webhook_format(in_force()) is None


def test_event_becomes_an_entity_that_says_where_it_came_from() -> None:
    webhook = a_webhook(
        filter='.body.kind == "a"',
        entity={
            "title": ".body.name",
            "team": ".body.teams",
            "properties": {"url": ".body.url", "agent": '.headers["user-agent"]', "q": ".queryParams.q"},
            "relations": {"to": ".body.to"},
        },
    )
    body = {"id": 7, "kind": "a", "name": "N", "teams": ["t"], "url": None, "to": "X"}
    request = WebhookRequest(headers={"user-agent": "PagerDuty"}, query={"q": "1"})

    (change,) = made(body, webhook, request=request, createMissingRelatedEntities=False)

    assert change == EntityChange.model_validate(
        {
            "operation": "upsert",
            "blueprint": "thing",
            "identifier": "7",
            "title": "N",
            "team": ["t"],
            "properties": {"url": None, "agent": "PagerDuty", "q": "1"},
            "relations": {"to": "X"},
            "merge": True,
            "create_missing_related_entities": False,
            "delete_dependents": True,
            "source": SOURCE.model_dump(),
        }
    )
    assert made({**body, "kind": "b"}, webhook) == []


def test_event_that_is_not_taken_deletes_nothing() -> None:
    webhook = a_webhook(filter="false", entity={"properties": {"a": ".body.id"}})

    assert made({"id": "1"}, webhook) == []


@pytest.mark.parametrize(
    ("operation", "takes_dependents"),
    [
        ("delete", True),
        ({"type": "delete"}, True),
        ({"type": "delete", "deleteDependents": True}, True),
        ({"type": "delete", "deleteDependents": False}, False),
    ],
)
def test_delete_takes_dependents_along_unless_it_says_otherwise(
    operation: Json, takes_dependents: bool
) -> None:
    (change,) = made({"id": "1"}, a_webhook(operation=operation, entity={"properties": {"a": ".body.id"}}))

    assert (change.operation, change.identifier, change.reason) == ("delete", "1", "webhook")
    assert change.delete_dependents is takes_dependents
    assert (change.properties, change.title) == ({}, None)
    assert "title" not in change.model_fields_set


def test_items_see_the_whole_request_beside_them() -> None:
    webhook = a_webhook(
        identifier=".item.id", itemsToParse=".body.rows", entity={"properties": {"n": ".body.rows | length"}}
    )
    rows = [{"id": f"r{n}"} for n in range(600)]

    changes = made({"rows": rows}, webhook)

    assert [change.identifier for change in changes] == [row["id"] for row in rows]
    assert {change.properties["n"] for change in changes} == {600}
    assert made({"rows": []}, webhook) == []


def test_mappings_of_one_entity_become_one_change_in_their_order() -> None:
    first = a_webhook(entity={"title": '"A"', "properties": {"a": "1", "b": "1", "c": ".body.x.y[]"}})
    second = a_webhook("other")
    third = a_webhook(entity={"icon": '"I"', "properties": {"b": "2", "c": "3"}})

    one, other = made({"id": "1"}, first, second, third)

    assert (one.title, one.icon, one.properties) == ("A", "I", {"a": 1, "b": 2, "c": 3})
    assert one.omits == ()
    assert other.blueprint == "other"


def test_operations_on_one_entity_count_in_the_order_of_the_mappings() -> None:
    make = a_webhook(entity={"properties": {"a": "1"}})
    again = a_webhook(entity={"properties": {"b": "2"}})
    delete = a_webhook(operation="delete")
    elsewhere = a_webhook("other", operation="delete")

    assert [(one.operation, one.properties) for one in made({"id": "1"}, make, delete)] == [("delete", {})]
    (anew,) = made({"id": "1"}, make, delete, again)
    assert (anew.operation, anew.properties, anew.merge) == ("upsert", {"b": 2}, False)
    other, gone = made({"id": "1"}, make, a_webhook("other"), delete)
    assert (other.blueprint, gone.operation) == ("other", "delete")
    merged, gone = made({"id": "1"}, make, elsewhere, again)
    assert (merged.properties, merged.merge, gone.operation) == ({"a": 1, "b": 2}, True, "delete")


def test_what_a_later_mapping_omits_stays_as_the_earlier_gave_it() -> None:
    make = a_webhook(entity={"properties": {"a": "1", "z": "empty"}})
    elsewhere = a_webhook("other", operation="delete")
    again = a_webhook(entity={"title": ".body.x.y[]", "properties": {"a": "error"}})

    one, _ = made({"id": "1"}, make, elsewhere, again)

    assert (one.properties, one.omits) == ({"a": 1}, ("properties.z", "title"))


def test_search_identifier_names_the_entity_to_be_deleted_too() -> None:
    query = {"combinator": '"and"', "rules": [{"property": '"p"', "operator": '"="', "value": ".body.id"}]}

    (change,) = made({"id": "1"}, a_webhook(identifier=query, operation="delete"))

    assert not isinstance(change.identifier, str)
    assert [rule.value for rule in change.identifier.rules] == ["1"]  # type: ignore[union-attr]


def an_event(event_type: Json, **data: Json) -> dict[str, Json]:
    return {"event": {"event_type": event_type, "data": data}}


@pytest.mark.parametrize(
    ("body", "event"),
    [
        (an_event("incident.triggered", type="incident", id="Q1"), ("incidents", "Q1")),
        (an_event("service.deleted", type="service", id="S1"), ("services", "S1")),
        (
            an_event("incident.annotated", type="incident_note", id="N", incident={"id": "Q2"}),
            ("incidents", "Q2"),
        ),
        (an_event("pagey.ping", type="ping"), ("webhooks", "")),
        (an_event(7), ("webhooks", "")),
        ({"else": 1}, ("webhooks", "")),
        ([1], ("webhooks", "")),
    ],
)
def test_event_is_known_by_what_it_is_about(body: Json, event: tuple[str, str]) -> None:
    data = json.dumps(body).encode()

    assert read_event(data) == (Event(*event), data)


def test_half_a_character_in_a_body_is_read_and_what_is_no_json_is_not() -> None:
    event, body = read_event(b'{"event": {"event_type": "service.created", "data": {"summary": "a\\ud83d"}}}')

    assert event == Event("services", "")
    assert orjson.loads(body)["event"]["data"]["summary"] == "a\ufffd"
    with pytest.raises(ValueError, match="Expecting"):
        read_event(b"not json")
