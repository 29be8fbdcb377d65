"""A simulator's process serves on a port, says so in one line, and never outlives its parent."""

import argparse
import asyncio
import json
import os
import signal
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.auto import AutoHTTPProtocol

RESET_EXTENSION = "simulators.reset"
PARENT_POLL_S = 1.0
SHUTDOWN_GRACE_S = 1
HOST = "127.0.0.1"


def add_process_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that every simulator process has: `--host`, `--port` and `--parent-pid`."""
    parser.add_argument(
        "--host", default=HOST, help=f"address to listen on (default {HOST}; in a container 0.0.0.0)"
    )
    parser.add_argument("--port", type=int, default=0, help="port; 0 takes any free one (default)")
    parser.add_argument(
        "--parent-pid", type=int, default=None, help="end when the process of this id is gone"
    )


def url_line(url: str) -> str:
    """Return the line that says where a simulator listens: `{"url": "http://127.0.0.1:PORT"}`."""
    return json.dumps({"url": url})


def serve(
    app: ASGIApp,
    port: int = 0,
    ready_line: Callable[[str], str] = url_line,
    *,
    host: str = HOST,
    parent_pid: int | None = None,
) -> None:
    """Serve until SIGTERM, SIGINT or the end of the parent process; then return, so that the process exits 0.

    Args:
        app: The simulator.
        port: 0 takes any free one.
        ready_line: Makes the one line printed on stdout, once connections are accepted, from the base URL.
        host: Address to listen on.
        parent_pid: The process whose end is the end of this one too; looked for once a second.

    Raises:
        OSError: The port is taken.
    """
    # TCP by name: without it asyncio sets no TCP_NODELAY, and the body of each answer waits 40 ms behind its
    # headers.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    with listener:
        listener.bind((host, port))
        line = ready_line(f"http://{host}:{listener.getsockname()[1]}")
        connections: dict[Any, asyncio.Transport] = {}
        config = uvicorn.Config(
            _with_reset(app, connections),
            http=_protocol_that_tells(connections),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=SHUTDOWN_GRACE_S,
        )
        _Server(config, line, parent_pid).run(sockets=[listener])


class _Server(uvicorn.Server):
    """A uvicorn server that announces itself, watches its parent, and ends in order on a signal."""

    def __init__(self, config: uvicorn.Config, line: str, parent_pid: int | None) -> None:
        super().__init__(config)
        self._line = line
        self._parent_pid = parent_pid
        self._watch: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._parent_pid is not None:
            self._watch = asyncio.create_task(self._end_with_parent(self._parent_pid))
        sys.stdout.write(self._line + "\n")
        sys.stdout.flush()

    async def _end_with_parent(self, pid: int) -> None:
        is_our_parent = os.getppid() == pid
        while process_exists(pid) and not (is_our_parent and os.getppid() != pid):  # noqa: ASYNC110
            await asyncio.sleep(PARENT_POLL_S)
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Let SIGTERM and SIGINT end the server; uvicorn would raise them again: exit code not 0."""

        def end(*_: object) -> None:
            self.should_exit = True

        before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def process_exists(pid: int) -> bool:
    """Tell whether a process of this id is there, whoever owns it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _protocol_that_tells(connections: dict[Any, asyncio.Transport]) -> type[asyncio.Protocol]:
    """Return uvicorn's HTTP protocol, noting its open connections by client address."""

    class Noting(asyncio.Protocol):
        _address: Any = None

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self._address = transport.get_extra_info("peername")
            connections[self._address] = transport  # type: ignore[assignment]  # a TCP server is given a transport that writes
            super().connection_made(transport)

        def connection_lost(self, exc: Exception | None) -> None:
            connections.pop(self._address, None)
            super().connection_lost(exc)

    return type("NotingHttpProtocol", (Noting, AutoHTTPProtocol), {})


def _with_reset(app: ASGIApp, connections: dict[Any, asyncio.Transport]) -> ASGIApp:
    """Give the app a way to reset the connection of a request, which ASGI itself lacks."""

    async def with_reset(scope: Scope, receive: Receive, send: Send) -> None:
        transport = connections.get(tuple(scope.get("client") or ()))
        if transport is not None:
            scope.setdefault("extensions", {})[RESET_EXTENSION] = transport
        await app(scope, receive, send)

    return with_reset


def reset_connection(transport: asyncio.Transport) -> None:
    """Close a connection so that the client sees a reset and not an orderly end."""
    with suppress(OSError):
        transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
    transport.abort()
