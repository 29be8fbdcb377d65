"""Guesses at what an expression was meant to be: only such that compile."""

import pytest

from shared.jq_mending import mended


@pytest.mark.parametrize(
    ("text", "guess"),
    [
        (
            ".body.event.dataif .priority then 1 else 2 end",
            ".body.event.data | if .priority then 1 else 2 end",
        ),
        ("[.teams[].id", "[.teams[].id]"),
        ("map(.id", "map(.id)"),
        ("{a: .b", "{a: .b}"),
        ("if .a then .b else .c", "if .a then .b else .c end"),
        ('"abc', '"abc"'),
        ("if .a then 1 elif .b then 2 else 3", "if .a then 1 elif .b then 2 else 3 end"),
        (".a |", None),
        ("nothing_known", None),
    ],
)
def test_guess_compiles_or_is_not_made(text: str, guess: str | None) -> None:
    assert mended(text) == guess
