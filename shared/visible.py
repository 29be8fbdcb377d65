"""Shows what would steer a terminal, or turn a line around, as what it is."""

from typing import Final

_HARMLESS: Final = frozenset("\u00a0\u200c\u200d\u202f\u3000")
"""Spaces and joiners that names and emoji have."""


def visible(text: str) -> str:
    """Return the text with every control character, line end and change of direction escaped.

    Text of PagerDuty, of Port or of whoever sends a request must reach no terminal and no log line otherwise.
    """
    if text.isprintable():
        return text
    return "".join(
        sign if sign.isprintable() or sign in _HARMLESS else sign.encode("unicode_escape").decode()
        for sign in text
    )


def visible_lines(text: str) -> str:
    """Return the text like `visible`, its line ends kept."""
    return text if text.isprintable() else "\n".join(map(visible, text.split("\n")))
