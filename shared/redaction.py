"""Masks secrets in whatever is about to be shown."""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from itertools import takewhile
from typing import Final
from urllib.parse import quote, quote_plus

MASK = "********"
SHORTEST_CHARS = 4
"""A shorter secret is not masked: it would blank out half of every line and protect nothing."""
LONG_CHARS: Final = 20
PART_CHARS: Final = 12
"""Whoever quotes a request may cut it: of a long secret the beginning is masked too, from so many characters
on. Of a short one it may be a word."""
_PERCENT: Final = re.compile("%[0-9A-F]{2}")
_BASE64_BYTES: Final = 3


class Redactor:
    """Replaces registered secrets, also as they look inside JSON, a Python literal, HTML, a URL or base64.

    Args:
        secrets: Values to hide. Empty ones and those below `SHORTEST_CHARS` are ignored.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        looks: set[str] = set()
        for secret in secrets:
            if len(secret) >= SHORTEST_CHARS:
                looks.update(_looks_of(secret))
        self._looks = sorted(looks, key=len, reverse=True)
        self._long_looks = [look for look in self._looks if len(look) >= LONG_CHARS]

    def text(self, text: str) -> str:
        """Return the text with every secret masked."""
        for look in self._looks:
            text = text.replace(look, MASK)
        for look in self._long_looks:
            text = _without_beginnings(text, look)
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


def _looks_of(secret: str) -> Iterator[str]:
    """Yield what a secret looks like in the forms in which hosts and libraries quote what they were sent."""
    yield secret
    yield repr(secret)[1:-1]
    yield escape(secret)
    in_json = json.dumps(secret)[1:-1]
    yield from (in_json, json.dumps(secret, ensure_ascii=False)[1:-1], in_json.replace("/", "\\/"))
    # An error in JSON that quotes a body in JSON.
    yield json.dumps(in_json)[1:-1]
    for quoted in (quote(secret), quote(secret, safe=""), quote_plus(secret)):
        yield from (quoted, _PERCENT.sub(lambda found: found[0].lower(), quoted))
    yield from _in_base64(secret.encode("utf-8", "surrogatepass"))


def _without_beginnings(text: str, look: str) -> str:
    """Mask what a cut has left of a secret."""
    beginning, at = look[:PART_CHARS], 0
    while (at := text.find(beginning, at)) >= 0:
        pairs = zip(look, text[at : at + len(look)], strict=False)
        end = at + sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        text = text[:at] + MASK + text[end:]
        at += len(MASK)
    return text


def _in_base64(secret: bytes) -> Iterator[str]:
    """Yield the secret as it looks within longer base64, as in `Basic base64(user:password)`.

    Three bytes make four characters, so there are three looks. The characters at the ends, which hold bits
    of what stands before and behind, are left out; what is then too short would match by chance.
    """
    for before in range(_BASE64_BYTES):
        text = base64.b64encode(b"\0" * before + secret).rstrip(b"=").decode()
        first = -(-before * 4 // _BASE64_BYTES)
        is_whole = (before + len(secret)) % _BASE64_BYTES == 0
        look = text[first:] if is_whole else text[first:-1]
        if len(look) >= 2 * SHORTEST_CHARS:
            yield from (look, look.replace("+", "-").replace("/", "_"))
