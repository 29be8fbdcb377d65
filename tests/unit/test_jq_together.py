"""Proves that expressions compiled together are judged as if each were alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.jq_engine import ExpressionError, runnable_text
from shared.jq_together import MOST_TOGETHER, is_closed, runnable_texts

PIECES = st.sampled_from(
    [
        ".a",
        ".b",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        '"',
        "'",
        "\\",
        "\\(",
        "#",
        "\n",
        ",",
        "|",
        "+",
        "1",
        "x",
        "; .",
    ]
)


def alone(text: str) -> str | tuple[str, int | None, int | None]:
    try:
        return runnable_text(text)
    except ExpressionError as error:
        return error.message, error.line, error.column


def together(*texts: str) -> dict[str, str | tuple[str, int | None, int | None]]:
    return {
        text: (given.message, given.line, given.column) if isinstance(given, ExpressionError) else given
        for text, given in runnable_texts(texts).items()
    }


@given(st.lists(st.lists(PIECES, max_size=6).map("".join), min_size=2, max_size=4))
def test_texts_are_judged_together_as_they_are_alone(texts: list[str]) -> None:
    assert together(*texts) == {text: alone(text) for text in texts}


@pytest.mark.parametrize(
    "texts",
    [
        (".a, (.x", ".b)"),
        ('"abc', 'def"'),
        ('"a\\(.b', '.c)"'),
        (".a # said", ".b"),
        ("(.a # )", "# (\n.b)"),
        ("(.a + ')'", "'(' + .b)"),
        ("'abc'", ".a | 'x' + .b"),
        ("def f: 1; f", "f"),
        (". as $x | $x", "$x"),
        ("label $out | break $out", "break $out"),
        (".a) | (.b", ".c"),
        ("no_such_function", ".a + 1"),
        ('import "a" as a; 1', ".a + 1"),
        ('"say \\(.a | ascii_downcase) \\"x\\""', '"a\\("b(")"', "{a: [.b]}"),
    ],
)
def test_no_text_says_anything_of_its_neighbour(texts: tuple[str, ...]) -> None:
    assert together(*texts) == {text: alone(text) for text in texts}


def test_the_one_that_is_wrong_is_found_among_many() -> None:
    texts = [f".a + {number}" for number in range(2 * MOST_TOGETHER + 5)]
    texts[MOST_TOGETHER + 7] = ".a + nothing_like_this"

    wrong = {text for text, given in runnable_texts(texts).items() if isinstance(given, ExpressionError)}

    assert wrong == {".a + nothing_like_this"}


@pytest.mark.parametrize(
    ("text", "closed"),
    [
        (".a[0] | {b: (.c)}", True),
        ('"(" + .a', True),
        ('"\\(.a) and \\(.b)"', True),
        ('"\\([.a] | length)"', False),
        ("(]", False),
        (")(", False),
        ("(", False),
        ('"', False),
        (".a # (", False),
        ("'('", False),
    ],
)
def test_a_text_is_closed_when_it_leaves_nothing_open(text: str, closed: bool) -> None:
    assert is_closed(text) is closed
