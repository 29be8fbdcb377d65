"""Masks secrets in whatever is about to be shown."""

import json
from collections.abc import Iterable, Mapping
from urllib.parse import quote, quote_plus

MASK = "********"
SHORTEST_CHARS = 4
"""A shorter secret is not masked: it would blank out half of every line and protect nothing."""


class Redactor:
    """Replaces registered secrets, also as they look inside JSON, a Python literal or a URL.

    Args:
        secrets: Values to hide. Empty ones and those below `SHORTEST_CHARS` are ignored.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        looks: set[str] = set()
        for secret in secrets:
            if len(secret) >= SHORTEST_CHARS:
                looks.update(
                    (
                        secret,
                        json.dumps(secret)[1:-1],
                        json.dumps(secret, ensure_ascii=False)[1:-1],
                        repr(secret)[1:-1],
                        quote(secret),
                        quote(secret, safe=""),
                        quote_plus(secret),
                    )
                )
        self._looks = sorted(looks, key=len, reverse=True)

    def text(self, text: str) -> str:
        """Return the text with every secret masked."""
        for look in self._looks:
            text = text.replace(look, MASK)
        return text

    def value(self, value: object) -> object:
        """Return a masked copy of a value that can be written as JSON; the original is not touched."""
        match value:
            case None | bool() | int() | float():
                return value
            case str():
                return self.text(value)
            case Mapping():
                return {self.text(str(key)): self.value(one) for key, one in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self.value(one) for one in value]
            case _:
                return self.text(str(value))
