"""A mistake inside an expression is placed where it stands, however YAML writes the expression."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from shared.mapping_text import read_placed

STYLES = (None, "'", '"', "|", ">")
texts = st.text(alphabet="ab|.'\"\\#:é \t\n", min_size=1, max_size=40)


@given(text=texts, style=st.sampled_from(STYLES), width=st.integers(5, 60))
def test_each_character_of_a_text_is_found_where_it_stands(text: str, style: str | None, width: int) -> None:
    written = yaml.dump(
        {"a": {"b": [text]}}, default_style=style, width=width, allow_unicode=True, default_flow_style=False
    )
    placed = read_placed(written)
    place, lines = placed.places["a.b[0]"], written.split("\n")
    assert placed.data == {"a": {"b": [text]}}

    for index, letter in enumerate(text):
        if letter.isspace():
            continue
        before = text[:index]
        line, column = place.inside(before.count("\n") + 1, index - before.rfind("\n"))
        there = lines[line - 1][column - 1 :]
        assert there.startswith((letter, "\\")), (written, index, line, column)


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ("a: .b | foo\n", (1, 9)),
        ("a: &anchor .b | foo\n", (1, 17)),
        ("a: !!str '''b'' | foo'", (1, 19)),
        ('a: "\\"b\\" | foo"', (1, 13)),
        ('a: "\\u00e9\\t| \\\n   foo"', (2, 4)),
        ("a: |\n\n  .b\n  | foo\n", (4, 5)),
        ("a: |2\n    .b | foo\n", (2, 10)),
        ("a: >-\n  .b\n    | foo\n", (3, 7)),
        ("a: .b\n  |\n\n  foo\n", (4, 3)),
        ("b: &x >\n  .b |\n  foo\na: *x\n", (3, 3)),
        ('{"a": "foo"}', (1, 8)),
        ("a: >\r\n  .b |\r\n  foo\r\n", (3, 3)),
    ],
)
def test_a_word_is_found_in_every_style(written: str, at: tuple[int, int]) -> None:
    placed = read_placed(written)
    before = placed.data["a"].partition("foo")[0]

    found = placed.places["a"].inside(before.count("\n") + 1, len(before) - before.rfind("\n"))

    assert found == at


def test_the_end_of_an_expression_that_is_not_complete_is_behind_its_last_character() -> None:
    place = read_placed("a: .b |  # more\n").places["a"]

    assert place.inside(1, 5) == (1, 8)
