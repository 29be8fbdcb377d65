"""Proves that checking an expression computes none of its constants, whatever it gives."""

import json

import pytest

from shared.jq_engine import ExpressionError, LibjqEngine, runnable_text
from shared.jq_folding import as_written, unfolded
from shared.jq_parser import parse


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ('"a" * 1e8', '("a"|values) * 1e8'),
        ('1e8 * ("a" + "b")', '1e8 * (("a"|values) + ("b"|values))'),
        ('"a" * 1000 * 1000', '("a"|values) * 1000 * 1000'),
        ('("b"|.|.) * 1e8', '(("b"|values)|.|.) * 1e8'),
        ('@text "a" * 1e8', '(@text "a"|values) * 1e8'),
        ('["\\("a" * 1e8)"]', '["\\(("a"|values) * 1e8)"]'),
        ("'a' * 1e8 # so often", '("a"|values) * 1e8 # so often'),
    ],
)
def test_a_text_that_is_repeated_very_often_is_no_constant(text: str, runs: str) -> None:
    assert runnable_text(text) == runs
    assert as_written(runs) == text.replace("'", '"')


@pytest.mark.parametrize(
    "text",
    [
        '"=" * 20',
        ".a * 1e9",
        '(.a | split("x") | length) * 1e6',
        '.version == "10.0.0.1" and .n * 100000 > 3',
        'def f: "a" * 3; f',
    ],
)
def test_anything_else_is_left_as_it_is(text: str) -> None:
    assert runnable_text(text) == text


def test_what_cannot_be_taken_apart_is_refused_where_it_could_be_large() -> None:
    with pytest.raises(ExpressionError, match="repeated very often"):
        runnable_text('def f: "a" * 1e9; f')


@pytest.mark.parametrize("text", ['"ab" * 3 + .a', '("a" + "b") * .n', '.n * @text "a"'])
def test_what_stands_for_a_constant_gives_the_same(text: str) -> None:
    document = json.dumps({"a": "x", "n": 20_000})
    rewritten = unfolded(f"({text}) | length * 1e5", parse(f"({text}) | length * 1e5"))
    engine = LibjqEngine()

    assert "values" in rewritten
    assert engine.compile(rewritten).first(document) == engine.compile(f"({text}) | length * 1e5").first(
        document
    )
