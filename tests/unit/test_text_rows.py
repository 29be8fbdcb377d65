"""Tests that rows which are texts, as those of `abilities`, are mapped like objects."""

from typing import Any

from schemas.outcome import Reason
from tests.mapper_builders import a_raw, an_entry, changes_of, map_one

TOPIC = "pagerduty.raw.abilities"


def a_text(**more: Any) -> Any:
    return a_raw(body=b'"sso for teams"', topic=TOPIC, object_id="sso for teams", **more)


def ability(**more: Any) -> Any:
    identifier = '. | gsub(" "; "-")'
    return an_entry(kind="abilities", blueprint='"ability"', identifier=identifier, **more)


def test_row_that_is_a_text_becomes_an_entity() -> None:
    mapped = map_one(a_text(), ability(title=".", properties={"length": "length", "name": ".name"}))

    (change,) = changes_of(mapped)
    assert (change.identifier, change.title, change.properties) == (
        "sso-for-teams",
        "sso for teams",
        {"length": 13},
    )
    assert change.omits == ("properties.name",)
    assert mapped.counts == {"mapped": 1, "emitted": 1, "omitted": 1}


def test_items_of_a_text_row_cost_only_the_object() -> None:
    mapped = map_one(a_text(), ability(items='split(" ")'))

    assert mapped.changes == []
    assert [one.reason for one in mapped.failures] == [Reason.ITEMS_ERROR]


def test_deleted_text_row_takes_its_entity_along() -> None:
    mapped = map_one(a_text(deleted=True), ability(properties={"length": "length"}))

    assert [(change.operation, change.key) for change in mapped.changes] == [
        ("delete", "ability/sso-for-teams")
    ]


def test_text_among_objects_of_a_filtered_kind_is_filtered_not_fatal() -> None:
    mapped = map_one(a_raw(body=b'"odd"'), an_entry(query="true", params={"statuses": ["triggered"]}))

    assert (mapped.changes, mapped.failures, mapped.counts) == ([], [], {"filtered": 1})
