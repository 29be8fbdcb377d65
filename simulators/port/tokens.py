"""Issues the access token of one credential set and knows it again."""

from __future__ import annotations

import secrets

from simulators.port.answers import RefusedError

DEFAULT_LIFETIME_S = 3 * 60 * 60  # Source: Port API, Authentication: a token lives three hours
_SECOND_MS = 1000


class Tokens:
    """The one token that is active at a time.

    Source: Port API, Authentication: asking again gives the same token until it expires.

    Args:
        client_id: The only one that is known.
        client_secret: Its secret.
        lifetime_s: How long a new token lives.
    """

    def __init__(self, client_id: str, client_secret: str, lifetime_s: int = DEFAULT_LIFETIME_S) -> None:
        self.client_id = client_id
        self._client_secret = client_secret
        self._lifetime_ms = lifetime_s * _SECOND_MS
        self._active = ""
        self._expires_at_ms = 0
        self.issued = 0

    def issue(self, client_id: str, client_secret: str, now_ms: int) -> dict[str, object]:
        """Answers a request for a token.

        Raises:
            RefusedError: 401, the credentials are not known.
        """
        if not (
            secrets.compare_digest(client_id.encode(), self.client_id.encode())
            and secrets.compare_digest(client_secret.encode(), self._client_secret.encode())
        ):
            raise RefusedError(401, "unauthorized", "Wrong client id or client secret")
        if now_ms >= self._expires_at_ms:
            self._active = secrets.token_urlsafe(24)
            self._expires_at_ms = now_ms + self._lifetime_ms
            self.issued += 1
        expires_in_s = (self._expires_at_ms - now_ms) // _SECOND_MS
        return {"ok": True, "accessToken": self._active, "expiresIn": expires_in_s, "tokenType": "Bearer"}

    def check(self, authorization: str | None, now_ms: int) -> None:
        """Lets a request with the active token pass.

        Raises:
            RefusedError: 401, there is no token, another one, or it has expired.
        """
        if authorization is None:
            raise RefusedError(401, "unauthorized", "Missing authorization header")
        scheme, _, token = authorization.partition(" ")
        if scheme != "Bearer" or not token:
            raise RefusedError(401, "unauthorized", "Authorization header must be a bearer token")
        if not self._active or not secrets.compare_digest(token.encode(), self._active.encode()):
            raise RefusedError(401, "unauthorized", "Access token is not valid")
        if now_ms >= self._expires_at_ms:
            raise RefusedError(401, "unauthorized", "Access token has expired")

    def expire(self) -> None:
        """Ends the active token before its time, as a revocation does."""
        self._expires_at_ms = 0
