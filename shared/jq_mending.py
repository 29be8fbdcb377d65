"""Guesses what an expression was meant to be that does not compile: only guesses that do compile are made."""

import re
from typing import Final

from shared.jq_engine import ExpressionError, runnable_text

_GLUED: Final = re.compile(r"(?<=\w)(?<!\bel)(if|reduce|foreach|try|as)\b(?=\s)")
"""A keyword that has grown together with the path before it: `.body.event.dataif .priority …`."""
_CLOSERS: Final = (")", "]", "}", " end", '"')


def mended(text: str) -> str | None:
    """Return the expression with what it most likely lacks; None: no guess compiles."""
    guesses = [_GLUED.sub(r" | \1", text, count=1), *(text.rstrip() + closer for closer in _CLOSERS)]
    for guess in guesses:
        if guess != text and _compiles(guess):
            return guess
    return None


def _compiles(text: str) -> bool:
    try:
        runnable_text(text)
    except ExpressionError:
        return False
    return True
