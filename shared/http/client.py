"""Builds the HTTP client that talks to a third party."""

import ssl
from pathlib import Path

import httpx

from shared.errors import ConfigurationError
from shared.http.proxies import VARIABLES


def tls_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """Return the TLS settings of all clients: public authorities, and those of a file beside them.

    Building one costs tens of milliseconds; build it once and share it.

    Args:
        ca_file: PEM file of further authorities, e.g. of a company's inspecting proxy.

    Raises:
        ConfigurationError: The file cannot be read or holds no certificate.
    """
    context = httpx.create_ssl_context()
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=str(ca_file))
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(
                f"OCEAN__HTTP__CA_FILE: {ca_file} cannot be used ({error}); give a readable PEM file"
            ) from error
    return context


def build_client(
    *,
    user_agent: str,
    tls: ssl.SSLContext | None = None,
    connections: int = 20,
    timeout_s: float = 60.0,
    connect_timeout_s: float = 10.0,
    transport: httpx.AsyncBaseTransport | None = None,
) -> httpx.AsyncClient:
    """Return a client that keeps connections, honours the proxy variables and follows no redirect.

    A redirect is an answer like any other: following it could carry a token to another host.

    Args:
        user_agent: Value of the `User-Agent` header.
        tls: What `tls_context` gave; None: httpx's own default.
        connections: Connections at once; callers bound their concurrency themselves.
        timeout_s: Longest silence while reading or writing.
        connect_timeout_s: Longest wait for a connection.
        transport: Instead of the network, e.g. `httpx.ASGITransport` in tests.

    Raises:
        ConfigurationError: A proxy variable of the environment cannot be used.
    """
    try:
        return httpx.AsyncClient(
            headers={"user-agent": user_agent, "accept": "application/json"},
            verify=tls if tls is not None else True,
            timeout=httpx.Timeout(timeout_s, connect=connect_timeout_s, pool=None),
            limits=httpx.Limits(
                max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=30.0
            ),
            follow_redirects=False,
            transport=transport,
        )
    except (httpx.InvalidURL, ValueError, ImportError):
        # What is wrong is not quoted: it may be a part of the password (`Invalid port: …`).
        raise ConfigurationError(
            f"{VARIABLES}: is no address of a proxy that pagerport can use; give http://host:port or "
            "https://host:port, in user and password `/`, `@`, `:`, `?` and `#` percent-encoded"
        ) from None
