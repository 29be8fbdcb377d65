"""Keeps the access token: asked for once however many calls wait for it, dropped when Port refuses it.

Port gives the same token to everybody who asks with the same credentials until it expires, so that asking
early gains nothing. Source: Port API, authentication.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Credentials:
    """What Port knows an organisation's client by."""

    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Token:
    """What stands behind `Authorization`.

    Attributes:
        header: `<token type> <access token>`.
        expires_at_s: Monotonic seconds; infinity: Port does not say.
    """

    header: str
    expires_at_s: float = float("inf")

    @property
    def secret(self) -> str:
        """Return the access token alone."""
        return self.header.partition(" ")[2]


def read_token(data: Mapping[str, Any], now_s: float) -> Token | None:
    """Return the token in Port's answer; None: there is none that could stand in a header.

    Args:
        data: The answer.
        now_s: Monotonic seconds.
    """
    text, kind, expires_in_s = data.get("accessToken"), data.get("tokenType"), data.get("expiresIn")
    if not isinstance(text, str) or not text.isascii() or not text.isprintable() or not text:
        return None
    scheme = kind if isinstance(kind, str) and kind.isalpha() and kind.isascii() else "Bearer"
    if not isinstance(expires_in_s, int | float) or expires_in_s <= 0:
        return Token(f"{scheme} {text}")
    return Token(f"{scheme} {text}", now_s + expires_in_s)


class TokenSource:
    """Gives every call a token that is worth trying.

    Args:
        fetch: Asks Port for a token; raises when there is none to be had.
        clock: Monotonic seconds.
    """

    def __init__(
        self, fetch: Callable[[asyncio.Event | None], Awaitable[Token]], clock: Callable[[], float]
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token: Token | None = None

    async def get(self, leaving: asyncio.Event | None) -> Token:
        """Return the token, fetched first if there is none or it has expired."""
        token = self._fresh()
        if token is not None:
            return token
        async with self._lock:
            token = self._fresh()
            if token is None:
                token = self._token = await self._fetch(leaving)
            return token

    def drop(self, refused: Token) -> None:
        """Forget the token that Port refused; one fetched since then stays."""
        if self._token is refused:
            self._token = None

    def _fresh(self) -> Token | None:
        token = self._token
        return token if token is not None and self._clock() < token.expires_at_s else None
