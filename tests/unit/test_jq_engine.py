"""Proves what an expression gives, and what the engine says of a broken one."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.jq_engine import Engine, ExpressionError, Json, LibjqEngine, double_quoted, runnable_text

ENGINE: Engine = LibjqEngine()
DOCUMENT = json.dumps({"id": "P1", "name": "it's", "n": 3, "list": [1, 2], "no": None, "off": False})


def first(text: str) -> list[Json]:
    return ENGINE.compile(text).first(DOCUMENT)


@pytest.mark.parametrize(
    ("text", "gives"),
    [
        (".id", ["P1"]),
        (".missing", [None]),
        (".no", [None]),
        (".off", [False]),
        (".list[]", [1]),
        ("empty", []),
        ("halt", []),
        (".id # a comment", ["P1"]),
        (".id\n  | ascii_downcase", ["p1"]),
        ("limit(1; repeat(1))", [1]),
    ],
)
def test_first_output_counts(text: str, gives: list[Json]) -> None:
    assert first(text) == gives


@pytest.mark.parametrize(
    ("text", "gives"),
    [
        ("'abc'", ["abc"]),
        (".id == 'P1'", [True]),
        ("['a', 'b'] | join('-')", ["a-b"]),
        ('.name == "it\'s"', [True]),
        (".name == \"it's\" and .id == 'P1'", [True]),
        ("'say \"hi\"'", ['say "hi"']),
        ("'say \\\"hi\\\"'", ['say "hi"']),
        ("'P1' # it's the id", ["P1"]),
        ("'id \\(.id)'", ["id P1"]),
    ],
)
def test_single_quoted_strings_are_read_as_the_peer_reads_them(text: str, gives: list[Json]) -> None:
    assert first(text) == gives


def test_a_text_that_compiles_is_not_touched() -> None:
    text = ".name == \"a 'quoted' word\" # it's"

    assert runnable_text(text) == text


@given(st.text(alphabet="ab\"'\\ #.\n"))
def test_requoting_leaves_text_without_single_quotes_alone(text: str) -> None:
    plain = text.replace("'", "")

    assert double_quoted(plain) == plain


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ("pagerdutyService", 1, 1, "pagerdutyService/0 is not defined"),
        (".a\n| .b b", 2, 6, "syntax error, unexpected IDENT"),
        (".a |", 1, 5, "not complete"),
        ("(.a", 1, 4, "not complete"),
        (".a)", 1, 4, "a ')' too many"),
        ("", 1, 1, "not complete"),
        ('import "x" as x; .', 1, 1, "unexpected import"),
        ('include "x"; .', 1, 1, "unexpected include"),
        ("$missing", 1, 1, "$missing is not defined"),
    ],
)
def test_a_broken_expression_says_what_and_where(text: str, line: int, column: int, says: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        ENGINE.compile(text)

    assert (raised.value.line, raised.value.column) == (line, column)
    assert says in raised.value.message
    assert "\n" not in raised.value.message


def test_a_nul_character_hides_no_text() -> None:
    with pytest.raises(ExpressionError, match="NUL"):
        ENGINE.compile(".id)\n\x00 | error")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (".id | .x", "Cannot index string"),
        ('error("no")', "no"),
        ("error(null)", "null"),
        ("input", "break"),
        ('.n + "a"', "cannot be added"),
    ],
)
def test_an_expression_that_raises_is_an_error_with_its_message(text: str, says: str) -> None:
    with pytest.raises(ExpressionError, match=says):
        first(text)


def test_a_document_that_is_no_json_is_an_error() -> None:
    with pytest.raises(ExpressionError):
        ENGINE.compile(".").first("{")
