"""Compiles many expressions at once: libjq takes two milliseconds to begin with each program."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from shared.jq_engine import ExpressionError, LibjqEngine, enclose, runnable_text
from shared.jq_text import constant, plain_path

MOST_TOGETHER: Final = 100
_STRING: Final = re.compile(r'"(?:[^"\\]|\\[^(]|\\\([^()\[\]{}"#\\]*\))*"', re.DOTALL)
_NO_BRACKET: Final = re.compile(r"[^()\[\]{}]+")
_PAIRS: Final = {")": "(", "]": "[", "}": "{"}

Runnable = dict[str, str | ExpressionError]


def runnable_texts(texts: Iterable[str]) -> Runnable:
    """Return for each text what `runnable_text` gives for it, or the error it raises."""
    found: Runnable = {}
    together: list[str] = []
    for text in dict.fromkeys(texts):
        if constant(text) or plain_path(text) is not None:
            found[text] = text
        elif is_closed(text):
            together.append(text)
        else:
            found[text] = _alone(text)
    for start in range(0, len(together), MOST_TOGETHER):
        _compile(together[start : start + MOST_TOGETHER], found)
    return found


def is_closed(text: str) -> bool:
    """Whether a text leaves no string, comment or bracket open, so that it can say nothing of its neighbour.

    In doubt it does: comments, single quotes, strings within strings and what may repeat a string are left
    to be compiled alone.
    """
    if any(one in text for one in "#'\x00") or ("*" in text and '"' in text):
        return False
    bare = _STRING.sub("", text)
    if '"' in bare:
        return False
    opened: list[str] = []
    for bracket in _NO_BRACKET.sub("", bare):
        if bracket not in _PAIRS:
            opened.append(bracket)
        elif not opened or opened.pop() != _PAIRS[bracket]:
            return False
    return not opened


def _compile(texts: Sequence[str], found: Runnable) -> None:
    """Compile texts as one program; where that fails, halves of them, down to the one that is wrong."""
    if len(texts) == 1:
        found[texts[0]] = _alone(texts[0])
        return
    try:
        LibjqEngine().compile_source(",".join(map(enclose, texts)))
    except ExpressionError:
        middle = len(texts) // 2
        _compile(texts[:middle], found)
        _compile(texts[middle:], found)
    else:
        found.update(zip(texts, texts, strict=True))


def _alone(text: str) -> str | ExpressionError:
    try:
        return runnable_text(text)
    except ExpressionError as error:
        return error
