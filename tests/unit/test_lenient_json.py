"""Tests that JSON which strict parsers refuse costs no more than the value that is wrong."""

import json
import sys
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.lenient_json import OBJECT_LEVELS, Unrepresentable, json_bytes, read_leniently

LARGEST = sys.float_info.max
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_sound_json_is_read_as_it_is(value: Any) -> None:
    for text in (orjson.dumps(value).decode(), json.dumps(value)):
        assert read_leniently(text) == orjson.loads(text)


@given(st.binary())
def test_bytes_of_any_kind_are_read_or_refused_with_a_value_error(content: bytes) -> None:
    text = b'{"id": "' + content + b'"}'
    try:
        document = read_leniently(text.decode("utf-8", "surrogateescape"))
    except ValueError:
        return
    assert orjson.loads(json_bytes(document)) == document


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[1e999, -1e999]", [LARGEST, -LARGEST]),
        (f"[{'9' * 5000}]", [LARGEST]),
        ("[18446744073709551615, 18446744073709551616]", [2**64 - 1, float(2**64)]),
        ('"cut \\ud83d"', "cut \ufffd"),
        ('"whole \\ud83d\\ude00"', "whole \U0001f600"),
        ('"no escape \\\\ud800"', "no escape \\ud800"),
        ('{"id": "\\ud800", "x_id": "\\ud801"}', {"id": "\ufffdD800", "x_id": "\ufffdD801"}),
        ('{"grid": "\\ud800"}', {"grid": "\ufffd"}),
        ('["two\nlines"]', ["two\nlines"]),
        ("\ufeff{}", {}),
    ],
)
def test_value_out_of_range_is_mended(text: str, expected: Any) -> None:
    assert read_leniently(text) == expected


def test_bytes_that_are_not_utf8_cost_a_character_and_ids_stay_apart() -> None:
    content = b'[{"id": "\xff", "name": "a\xffb"}, {"id": "\xfe"}]'
    assert read_leniently(content.decode("utf-8", "surrogateescape")) == [
        {"id": "\ufffdDCFF", "name": "a\ufffdb"},
        {"id": "\ufffdDCFE"},
    ]


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "[" * 20_000 + "]" * 20_000])
def test_value_that_no_json_can_hold_leaves_its_neighbours(value: str) -> None:
    document = read_leniently(f'{{"rows": [{{"id": "P1", "x": {value}}}, {{"id": "P2", "s": "[["}}]}}')
    held, sound = document["rows"]
    assert (held["id"], sound) == ("P1", {"id": "P2", "s": "[["})
    with pytest.raises(ValueError, match=r"JSON number|nested deeper"):
        json_bytes(held)


@pytest.mark.parametrize("text", ["", "<html>", '{"a": ', "[" * 20_000, "]" * 20_000, '{"a": "\\ud800}'])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_leniently(text)


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (nested(OBJECT_LEVELS + 1), "it is nested deeper than 200 levels"),
        ({"x": Unrepresentable("NaN is no JSON number")}, "NaN is no JSON number"),
        ({"x": object()}, "object is no JSON"),
        ("\ud800", "str is not valid UTF-8: surrogates not allowed"),
    ],
)
def test_what_cannot_be_written_says_why(value: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        json_bytes(value)


def test_row_as_deep_as_the_limit_lets_it_be_can_be_written() -> None:
    row = nested(OBJECT_LEVELS)
    assert json_bytes(row) == b"[" * (OBJECT_LEVELS) + b"]" * (OBJECT_LEVELS)
