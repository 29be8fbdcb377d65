"""Runs regular expressions that mean the same to Python and to jq, on texts where they surely do."""

import re
from collections.abc import Callable, Iterator
from typing import Final

from services.mapper.native_values import LeftError
from shared.jq_engine import Json

_LITERAL: Final = r"[A-Za-z0-9 _@/,:;<>=!#%~-]"
_ESCAPED: Final = r"\\[][.+*?(){}|^$/\\]"
_SHORTHAND: Final = r"\\[dws]"
_IN_CLASS: Final = r"(?:[a-z]-[a-z]|[A-Z]-[A-Z]|[0-9]-[0-9]|[A-Za-z0-9 _@./,:;+*?()$=#%!]|\\[][\\.]|\\[dws])"
_CLASS: Final = rf"\[\^?{_IN_CLASS}+-?\]"
_ATOM: Final = rf"(?:{_LITERAL}|{_ESCAPED}|{_SHORTHAND}|{_CLASS}|\.)"
_PIECE: Final = rf"{_ATOM}[+*?]?"
_GROUP: Final = rf"\((?:\?:)?{_ATOM}\+?(?:{_PIECE})*(?:\|{_ATOM}\+?(?:{_PIECE})*)*\)"
_PATTERN: Final = re.compile(rf"\^?(?:{_PIECE}|{_GROUP}\??)+\$?")


class Pattern:
    """A regular expression known to be the same in both.

    Args:
        pattern: As `re` compiles it.
        has_groups: Whether it captures.
    """

    def __init__(self, pattern: re.Pattern[str], *, has_groups: bool) -> None:
        self._pattern = pattern
        self.has_groups = has_groups

    def test(self, value: Json) -> bool:
        """Return `test(…)`."""
        return self._pattern.search(_plain(value)) is not None

    def scan(self, value: Json) -> Iterator[Json]:
        """Return `scan(…)` of an expression without groups."""
        return iter(self._pattern.findall(_plain(value)))

    def parts(self, value: Json) -> Iterator[Json]:
        """Return `splits(…)`."""
        text, at = _plain(value), 0
        for found in self._pattern.finditer(text):
            yield text[at : found.start()]
            at = found.end()
        yield text[at:]

    def replaced(self, with_text: str, *, everywhere: bool) -> Callable[[Json], Json]:
        """Return `sub(…; "…")`, or `gsub`."""
        return lambda value: self._pattern.sub(
            lambda _: with_text, _plain(value), count=0 if everywhere else 1
        )


def same_pattern(text: str) -> Pattern | None:
    """Return the expression, which never matches an empty text, as both read it; None: they may differ."""
    if not _PATTERN.fullmatch(text) or not _matches_something(text):
        return None
    try:
        pattern = re.compile(text, re.ASCII)
    except re.error:
        return None
    return Pattern(pattern, has_groups=pattern.groups > 0)


def _matches_something(text: str) -> bool:
    """Whether an atom or a group must be there; both engines go on differently behind an empty match."""
    at = 0
    while at < len(text):
        if text[at] in "^$":
            at += 1
            continue
        piece = _ONE.match(text, at)
        if piece is None:
            return False
        if not piece.group().endswith(("*", "?")) or piece.group().endswith(("\\*", "\\?")):
            return True
        at = piece.end()
    return False


_ONE: Final = re.compile(rf"{_GROUP}\??|{_PIECE}")


def _plain(value: Json) -> str:
    """Return a text of one line of ASCII: elsewhere the two know other letters and other line ends.

    Raises:
        LeftError: It is none.
    """
    if type(value) is not str or not value.isascii() or "\n" in value:
        raise LeftError
    return str(value)
