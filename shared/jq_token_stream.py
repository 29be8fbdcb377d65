"""Hands out the tokens of an expression one by one, to those who read its parts."""

from shared.jq_tokens import NotReadError, Sort, Token


class TokenStream:
    """The tokens of an expression, and how far they are read.

    Args:
        tokens: All of them, the last one being `end`.
    """

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def peek(self) -> Token:
        """Return the next token, which stays the next one."""
        return self._tokens[self._at]

    def next(self) -> Token:
        """Read a token; at the end always the end."""
        token = self._tokens[self._at]
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def at_mark(self, *marks: str) -> bool:
        """Whether one of these comes next."""
        token = self.peek()
        return token.sort == "mark" and token.value in marks

    def at_word(self, word: str) -> bool:
        """Whether this word comes next."""
        token = self.peek()
        return token.sort == "name" and token.value == word

    def take(self, sort: Sort, value: str = "") -> Token:
        """Read a token that must be there."""
        token = self.next()
        if token.sort != sort or (value and token.value != value):
            raise NotReadError(token.value)
        return token
