"""Cuts a JQ expression into tokens; what it does not know it refuses."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

Sort = Literal[
    "name", "field", "variable", "number", "format", "mark", "quote", "text", "open", "close", "end"
]
"""`quote` begins or ends a string, `text` stands in it, `open` and `close` enclose what it interpolates."""

_SPACE: Final = re.compile(r"(?:[ \t\r\n]|#[^\n\r\\]*(?:\n|\Z))*")
"""With comments; a backslash carries them on to the next line, and is not known here."""
_NAME: Final = r"[A-Za-z_][A-Za-z0-9_]*"
_TOKEN: Final = re.compile(
    rf"(?P<field>\.{_NAME})"
    rf"|(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    rf"|(?P<variable>\${_NAME})"
    rf"|(?P<name>{_NAME})"
    r"|(?P<format>@[A-Za-z0-9_]+)"
    r"|(?P<mark>\?//=?|[|+*/%=!<>-]=|//=|//|\.\.|[][(){}.,:;|<>=+*/%?-])"
)
_SORTS: Final[dict[str, Sort]] = {
    "name": "name",
    "field": "field",
    "variable": "variable",
    "number": "number",
    "format": "format",
    "mark": "mark",
}
_TEXT: Final = re.compile(r'(?:[^"\\]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})+')
_OPENING: Final = frozenset("([{")
_CLOSING: Final = frozenset(")]}")


class NotReadError(ValueError):
    """The expression holds what is not known here; libjq may know it."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word of the language.

    Attributes:
        sort: What it is.
        value: The name without `.`, `$` or `@`; of a text what it stands for.
        start: Index of its first character.
        end: Index behind its last one.
    """

    sort: Sort
    value: str
    start: int
    end: int


def tokens_of(text: str) -> list[Token]:
    """Return the tokens of an expression that compiles, the last one being `end`.

    Raises:
        NotReadError: It has something that is not known here.
    """
    return [*_Reader(text).tokens(), Token("end", "", len(text), len(text))]


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def tokens(self) -> Iterator[Token]:
        """Read up to the end, or to the bracket that closes an interpolation."""
        depth = 0
        while True:
            self._at = self._space()
            if self._at == len(self._text):
                return
            if self._text[self._at] == '"':
                yield from self._string()
                continue
            token = self._token()
            if token.sort == "mark":
                depth += (token.value in _OPENING) - (token.value in _CLOSING)
                if depth < 0:
                    return
            self._at = token.end
            yield token

    def _space(self) -> int:
        found = _SPACE.match(self._text, self._at)
        return found.end() if found else self._at

    def _token(self) -> Token:
        found = _TOKEN.match(self._text, self._at)
        if found is None:
            raise NotReadError(self._text[self._at])
        sort: Sort = _SORTS[found.lastgroup or ""]
        value = found.group()
        if sort in ("field", "variable", "format"):
            value = value[1:]
        return Token(sort, value, found.start(), found.end())

    def _string(self) -> Iterator[Token]:
        yield self._quote()
        while True:
            found = _TEXT.match(self._text, self._at)
            if found:
                yield Token("text", _unescaped(found.group()), found.start(), found.end())
                self._at = found.end()
            if self._text.startswith("\\(", self._at):
                yield Token("open", "", self._at, self._at + 2)
                self._at += 2
                yield from self.tokens()
                yield Token("close", "", self._at, self._at + 1)
                self._at += 1
            elif self._text.startswith('"', self._at):
                yield self._quote()
                return
            else:
                raise NotReadError(self._text[self._at : self._at + 2])

    def _quote(self) -> Token:
        self._at += 1
        return Token("quote", "", self._at - 1, self._at)


def _unescaped(text: str) -> str:
    value: str = json.loads(f'"{text}"', strict=False)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise NotReadError(text) from None
    return value
