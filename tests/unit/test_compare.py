"""Whether Port already holds what a change says."""

from typing import Any

import pytest

from services.writer.comparison import differences
from services.writer.shape import read_shape

SHAPE = read_shape(
    {
        "schema": {
            "properties": {
                "at": {"type": "string", "format": "date-time"},
                "ats": {"type": "array", "items": {"type": "string", "format": "date-time"}},
                "text": {"type": "string"},
                "size": {"type": "number"},
                "live": {"type": "boolean"},
                "meta": {"type": "object"},
                "tags": {"type": "array"},
                "tier": {"type": "string", "default": "gold"},
            }
        },
        "relations": {
            "one": {"target": "app", "many": False},
            "many": {"target": "app", "many": True},
        },
    }
)


@pytest.mark.parametrize(
    ("name", "sent", "held"),
    [
        ("at", "2026-03-01T12:00:00Z", "2026-03-01T12:00:00.000Z"),
        ("at", "2026-03-01T13:00:00+01:00", "2026-03-01T12:00:00.000Z"),
        ("ats", ["2026-03-01T12:00:00Z"], ["2026-03-01T12:00:00.000Z"]),
        ("size", 1, 1.0),
        ("meta", {"a": [1, {"b": 2.0}]}, {"a": [1.0, {"b": 2}]}),
        ("text", None, None),
        ("live", True, True),
        ("tags", [], []),
    ],
)
def test_property_that_means_the_same_is_no_difference(name: str, sent: Any, held: Any) -> None:
    assert differences({"properties": {name: sent}}, {"properties": {name: held}}, SHAPE, merge=True) == ()


@pytest.mark.parametrize(
    ("name", "sent", "held"),
    [
        ("at", "2026-03-01T12:00:01Z", "2026-03-01T12:00:00.000Z"),
        ("at", "2026-03-01T12:00:00", "2026-03-01T12:00:00.000Z"),
        ("text", "2026-03-01T12:00:00Z", "2026-03-01T12:00:00.000Z"),
        ("size", 1, True),
        ("live", True, 1),
        ("live", False, 0),
        ("meta", {"a": 1}, {"a": True}),
        ("meta", {"a": None}, {}),
        ("tags", [1, 2], [2, 1]),
        ("tags", [True], [1]),
        ("tags", [], None),
        ("text", None, "x"),
        ("text", "x", None),
        ("text", "1", 1),
        ("text", "", None),
    ],
)
def test_property_that_means_something_else_is_a_difference(name: str, sent: Any, held: Any) -> None:
    found = differences({"properties": {name: sent}}, {"properties": {name: held}}, SHAPE, merge=True)
    assert found == (f"properties.{name}",)


@pytest.mark.parametrize(
    ("sent", "held", "same"),
    [
        ("a", "a", True),
        ("a", ["a"], True),
        (["a", "b"], ["b", "a"], True),
        (["a", "a"], ["a"], True),
        (None, None, True),
        (None, [], True),
        ([], None, True),
        ("a", "b", False),
        (["a"], ["a", "b"], False),
        (None, "a", False),
        ({"combinator": "and", "rules": []}, None, False),
    ],
)
@pytest.mark.parametrize("place", ["team", "many"])
def test_names_have_no_order(place: str, sent: Any, held: Any, same: bool) -> None:
    def entity(value: Any) -> dict[str, Any]:
        return {"team": value} if place == "team" else {"relations": {"many": value}}

    path = "team" if place == "team" else "relations.many"
    assert differences(entity(sent), entity(held), SHAPE, merge=True) == (() if same else (path,))


def test_null_is_as_good_as_absent() -> None:
    sent = {"title": None, "icon": None, "properties": {"text": None}, "relations": {"one": None}}
    assert differences(sent, {"properties": {}, "relations": {}}, SHAPE, merge=True) == ()


def test_icon_and_title_are_compared() -> None:
    sent = {"title": "T", "icon": "pagerduty"}
    assert differences(sent, {"title": "T", "icon": "Alert"}, SHAPE, merge=True) == ("icon",)


HELD = {
    "title": "T",
    "icon": "I",
    "team": ["a"],
    "properties": {"text": "x", "tier": "gold", "calculated": 7},
    "relations": {"one": "a", "many": []},
}


def test_with_merge_only_what_is_sent_counts() -> None:
    assert differences({"properties": {"text": "x"}}, HELD, SHAPE, merge=True) == ()


def test_without_merge_what_would_be_cleared_counts() -> None:
    assert differences({"title": "T", "properties": {"size": None}}, HELD, SHAPE, merge=False) == (
        "icon",
        "team",
        "properties.text",
        "relations.one",
    )


def test_without_merge_calculated_values_and_defaults_do_not_count() -> None:
    sent = {"title": "T", "icon": "I", "team": "a", "properties": {"text": "x"}, "relations": {"one": "a"}}
    assert differences(sent, HELD, SHAPE, merge=False) == ()
