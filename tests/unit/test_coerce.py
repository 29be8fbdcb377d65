"""How values are made to fit the blueprint, or left out alone."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.writer.coercion import Note, coerce, is_valid_identifier
from services.writer.shape import Shape, read_shape

BLUEPRINT: dict[str, Any] = {
    "identifier": "app",
    "schema": {
        "properties": {
            "text": {"type": "string"},
            "tier": {"type": "string", "enum": ["gold", "1"]},
            "size": {"type": "number"},
            "rank": {"type": "number", "enum": [1, 2]},
            "live": {"type": "boolean"},
            "meta": {"type": "object"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "any": {"type": "array"},
            "key": {"type": "string"},
            "odd": {},
        },
        "required": ["key"],
    },
    "relations": {
        "one": {"target": "app", "required": False, "many": False},
        "many": {"target": "app", "required": False, "many": True},
        "must": {"target": "app", "required": True, "many": False},
    },
}
SHAPE = read_shape(BLUEPRINT)
LEFT_OUT = object()


@pytest.mark.parametrize(
    ("name", "value", "result"),
    [
        ("text", "x", "x"),
        ("text", 7, "7"),
        ("text", 1.5, "1.5"),
        ("text", True, "true"),
        ("text", False, "false"),
        ("text", ["x"], "x"),
        ("text", [7], "7"),
        ("text", ["x", "y"], LEFT_OUT),
        ("text", [], LEFT_OUT),
        ("text", [None], LEFT_OUT),
        ("text", {"a": 1}, LEFT_OUT),
        ("text", None, None),
        ("key", None, LEFT_OUT),
        ("tier", "gold", "gold"),
        ("tier", "Gold", LEFT_OUT),
        ("tier", 1, "1"),
        ("size", 7, 7),
        ("size", "7", 7),
        ("size", "-7.25", -7.25),
        ("size", "1e3", 1000.0),
        ("size", "007", LEFT_OUT),
        ("size", " 7", LEFT_OUT),
        ("size", "7\n", LEFT_OUT),
        ("size", "٧", LEFT_OUT),
        ("size", "nan", LEFT_OUT),
        ("size", "1e999", LEFT_OUT),
        ("size", "9007199254740993", LEFT_OUT),
        ("size", True, LEFT_OUT),
        ("size", "", LEFT_OUT),
        ("size", [3], 3),
        ("rank", 1.0, 1.0),
        ("rank", 3, LEFT_OUT),
        ("rank", "2", 2),
        ("live", True, True),
        ("live", "false", False),
        ("live", "yes", LEFT_OUT),
        ("live", 1, LEFT_OUT),
        ("meta", {"a": [1]}, {"a": [1]}),
        ("meta", [{"a": 1}], {"a": 1}),
        ("meta", "x", LEFT_OUT),
        ("tags", ["x", "y"], ["x", "y"]),
        ("tags", "x", ["x"]),
        ("tags", [1, "y", None], ["1", "y"]),
        ("tags", [{"id": 1}], LEFT_OUT),
        ("tags", [], []),
        ("any", [1, {"a": None}], [1, {"a": None}]),
        ("any", {"a": 1}, [{"a": 1}]),
        ("odd", {"a": 1}, {"a": 1}),
        ("odd", None, None),
        ("unknown", "x", LEFT_OUT),
        ("unknown", None, LEFT_OUT),
    ],
)
def test_property_fits_or_is_left_out(name: str, value: Any, result: Any) -> None:
    coerced = coerce({"title": "T", "properties": {name: value}}, SHAPE)
    expected = {} if result is LEFT_OUT else {name: result}
    assert coerced.body == {"title": "T", "properties": expected}
    kept = coerced.body["properties"]
    assert type(kept.get(name)) is type(expected.get(name))
    is_as_sent = name in kept and kept[name] == value and type(kept[name]) is type(value)
    assert [note.path for note in coerced.notes] == ([] if is_as_sent else [f"properties.{name}"])
    assert all(note.dropped is (result is LEFT_OUT) for note in coerced.notes)


@pytest.mark.parametrize(
    ("name", "value", "result"),
    [
        ("one", "x", "x"),
        ("one", ["x"], "x"),
        ("one", [], None),
        ("one", None, None),
        ("one", ["x", "y"], LEFT_OUT),
        ("one", "John Doe", LEFT_OUT),
        ("one", "", LEFT_OUT),
        ("many", ["x", "y"], ["x", "y"]),
        ("many", "x", ["x"]),
        ("many", None, None),
        ("many", ["x", "John Doe"], ["x"]),
        ("many", ["John Doe"], LEFT_OUT),
        ("must", None, LEFT_OUT),
        ("must", [], LEFT_OUT),
        (
            "one",
            {"combinator": "and", "rules": []},
            {"combinator": "and", "rules": []},
        ),
        ("unknown", "x", LEFT_OUT),
    ],
)
def test_relation_fits_or_is_left_out(name: str, value: Any, result: Any) -> None:
    coerced = coerce({"relations": {name: value}}, SHAPE)
    assert coerced.body["relations"] == ({} if result is LEFT_OUT else {name: result})
    assert bool(coerced.notes) is (result is LEFT_OUT or result != value)
    is_part = value == ["x", "John Doe"]
    assert all(note.dropped is (result is LEFT_OUT or is_part) for note in coerced.notes)


def test_body_that_fits_is_the_same_object() -> None:
    body = {
        "title": "T",
        "team": "a",
        "properties": {"text": "x", "size": 1},
        "relations": {},
    }
    assert coerce(body, SHAPE).body is body


def test_meta_values_port_takes_no_null_for_are_left_out() -> None:
    coerced = coerce({"title": None, "icon": None, "team": None, "properties": {}}, SHAPE)
    assert coerced.body == {"team": [], "properties": {}}
    assert coerced.notes == (Note("title", "null cannot be sent"), Note("icon", "null cannot be sent"))


def test_title_becomes_text() -> None:
    assert coerce({"title": 7}, SHAPE).body == {"title": "7"}
    assert coerce({"title": {"a": 1}}, SHAPE).body == {}


def test_each_change_of_form_has_one_word() -> None:
    properties = {"text": 7, "size": "7", "live": "true", "tags": "x", "meta": [{}]}
    coerced = coerce({"title": 7, "properties": properties, "relations": {"many": "x", "one": ["x"]}}, SHAPE)
    assert coerced.notes == (
        Note("title", "made text", dropped=False),
        Note("properties.text", "made text", dropped=False),
        Note("properties.size", "made a number", dropped=False),
        Note("properties.live", "made true or false", dropped=False),
        Note("properties.tags", "made a list", dropped=False),
        Note("properties.meta", "made a single one", dropped=False),
        Note("relations.many", "made a list", dropped=False),
        Note("relations.one", "made a single one", dropped=False),
    )


def test_reasons_never_hold_the_value() -> None:
    coerced = coerce({"properties": {"size": "s3cret", "tier": "s3cret", "nope": "s3cret"}}, SHAPE)
    assert coerced.notes == (
        Note("properties.size", "not a number"),
        Note("properties.tier", "not one of the allowed values"),
        Note("properties.nope", "not in the blueprint"),
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from([*SHAPE.properties, "unknown"])


@given(st.dictionaries(NAMES, JSON, max_size=5))
def test_coercing_again_changes_nothing(properties: dict[str, Any]) -> None:
    once = coerce({"properties": properties}, SHAPE)
    assert set(once.body["properties"]) <= set(properties)
    again = coerce(once.body, SHAPE)
    assert (again.body, again.notes) == (once.body, ())


@pytest.mark.parametrize(
    "identifier",
    ["PABC123", "a/b:c@d.e+f\\g=h-i_j", "Grüße", "日本", "...", "a" * 1000],
)
def test_identifier_port_takes(identifier: str) -> None:
    assert is_valid_identifier(identifier)


@pytest.mark.parametrize(
    "identifier", ["", ".", "..", "a b", "a#b", "a?b", "a,b", "a%b", "a(b)", "a\n", "a" * 1001, "²", "a|b"]
)
def test_identifier_port_refuses(identifier: str) -> None:
    assert not is_valid_identifier(identifier)


@given(JSON)
def test_no_blueprint_makes_reading_its_shape_fail(part: Any) -> None:
    read_shape({"schema": part, "relations": part})
    read_shape({"schema": {"properties": {"x": part}, "required": part}, "relations": {"x": part}})
    assert read_shape({}) == Shape()
