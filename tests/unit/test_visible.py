"""Foreign text is shown as what it is, wherever it is shown."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli.ending import Guard, error_lines, say_error
from shared.errors import FatalError
from shared.visible import visible, visible_lines

STEERING = [
    sign
    for sign in map(chr, range(sys.maxunicode + 1))
    if unicodedata.category(sign) in {"Cc", "Cf", "Zl", "Zp", "Cs"} and sign not in "\u200c\u200d"
]


def test_every_sign_that_steers_is_escaped() -> None:
    assert [sign for sign in STEERING if not visible(sign).isprintable()] == []


@given(st.text())
def test_lines_stay_lines_and_what_is_visible_stays_as_it_is(text: str) -> None:
    shown = visible_lines(text)

    assert shown.count("\n") == text.count("\n")
    assert visible_lines(shown) == shown
    assert visible("Zoë 連続 👩\u200d🚒 \u00a0") == "Zoë 連続 👩\u200d🚒 \u00a0"


def test_errors_are_said_without_what_steers_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    say_error(FatalError("Port says \x1b[2J\nand \u202e"))
    with pytest.raises(SystemExit), Guard(debug=False):
        raise KeyError("\x1b]0;x\x07")

    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == [r"error: Port says \x1b[2J", r"error: and \u202e"]
    assert all(line.isprintable() for line in lines)
    assert error_lines(FatalError("a\nb")) == ["a", "b"]
