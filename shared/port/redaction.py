"""Takes the secrets of a Port client out of texts that others wrote, tokens learnt later included."""

import re
from collections.abc import Iterable

from shared.redaction import MASK, Redactor

_BEARER = re.compile(r"(?i)\bbearer\s+[^\s\"',;]+")
_JWT = re.compile(r"\beyJ[\w-]{6,}\.[\w-]+(?:\.[\w-]*)?")
_TOKENS_KEPT = 20


class PortRedactor:
    """Masks secrets, the tokens received, and whatever else looks like a token.

    Args:
        secrets: The client secret, and what else is one.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = tuple(secrets)
        self._tokens: list[str] = []
        self._redactor = Redactor(self._secrets)

    def learn(self, token: str) -> None:
        """Mask this token too from now on."""
        if token not in self._tokens:
            self._tokens = [*self._tokens[-_TOKENS_KEPT:], token]
            self._redactor = Redactor([*self._secrets, *self._tokens])

    def __call__(self, text: str) -> str:
        """Return the text without secrets."""
        return _JWT.sub(MASK, _BEARER.sub(f"Bearer {MASK}", self._redactor.text(text)))
