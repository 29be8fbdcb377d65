"""Knows what is secret in the proxy addresses of the environment."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote
from urllib.request import getproxies

VARIABLES: Final = "HTTP_PROXY, HTTPS_PROXY or ALL_PROXY"


def proxy_secrets(addresses: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return what no message may hold: the passwords as they stand in the addresses, and as they are sent.

    An address may be wrong in any part, for just then it is quoted in errors. A user without a password is a
    token.

    Args:
        addresses: Scheme to address; None: those that the HTTP client goes by.
    """
    found = []
    for address in (getproxies() if addresses is None else addresses).values():
        user_info, sign, _ = address.rpartition("@")
        user, colon, password = user_info.rpartition("://")[2].partition(":")
        if sign:
            secret = password if colon else user
            found += [secret, unquote(secret)]
    return tuple(dict.fromkeys(secret for secret in found if secret))
