"""Answers HTTP for all services of this process: health, metrics, webhooks."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Iterator, Mapping, MutableMapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import uvicorn

from shared.service.address import not_had
from shared.service.http_protocol import BoundedProtocol
from shared.service.probes import AsgiApp, Receive, Send
from shared.settings import Settings

logger = logging.getLogger(__name__)

STOP_TIMEOUT_S: Final = 5


class Router:
    """An ASGI app that hands requests on by their path.

    Args:
        routes: Path to app.
    """

    def __init__(self, routes: Mapping[str, AsgiApp]) -> None:
        self._routes = routes

    @property
    def paths(self) -> list[str]:
        """Return what is answered."""
        return list(self._routes)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request; 404 where nothing is."""
        route = self._routes.get(scope["path"]) if scope["type"] == "http" else None
        if route is not None:
            await route(scope, receive, send)
        elif scope["type"] == "http":
            await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})


class _Server(uvicorn.Server):
    """A uvicorn server that leaves signals to the process it is a part of."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serve_http(
    app: Router, settings: Settings, address: socket.socket
) -> AsyncIterator[asyncio.Task[None]]:
    """Serve for the time of the block; gives the task that serves.

    Args:
        app: What answers.
        settings: All settings.
        address: Bound to that of the settings.

    Raises:
        ConfigurationError: Another process that has bound the address listens there since.
    """
    host, port = settings.http.host, settings.http.port
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        http=BoundedProtocol,
        ws="none",
        timeout_graceful_shutdown=STOP_TIMEOUT_S,
    )
    server = _Server(config)

    async def serve() -> None:
        try:
            await server.serve(sockets=[address])
        except OSError as error:
            raise not_had(host, port, error) from None

    task = asyncio.create_task(serve(), name="HTTP")
    logger.info("HTTP at %s:%d: %s", host, port, ", ".join(app.paths))
    try:
        yield task
    finally:
        server.should_exit = True
        await asyncio.gather(task, return_exceptions=True)
