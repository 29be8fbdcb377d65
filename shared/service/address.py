"""Binds the address that a process answers HTTP at."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from shared.errors import ConfigurationError


@contextmanager
def bound_socket(host: str, port: int) -> Iterator[socket.socket]:
    """Yield a socket with the address to listen on, before anything else is begun.

    Raises:
        ConfigurationError: Another process has the address.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # TCP by name: asyncio sets TCP_NODELAY only then, and without it the body of each answer, sent behind its
    # headers, waits 40 ms for their acknowledgement.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as address:
        address.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            address.bind((host, port))
        except OSError as error:
            raise not_had(host, port, error) from error
        yield address


def not_had(host: str, port: int, error: OSError) -> ConfigurationError:
    """Return what is said of an address that cannot be had."""
    return ConfigurationError(
        f"cannot listen on {host}:{port}: {error.strerror or error}; is another process there? "
        "set OCEAN__HTTP__PORT"
    )
