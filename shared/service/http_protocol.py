"""Is uvicorn's HTTP protocol with bounds: on connections, on what stands around a body, on slow requests."""

import asyncio
import logging
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

logger = logging.getLogger("uvicorn.error")

CONNECTIONS_LIMIT: Final = 512
"""Half of the files that a process may have open by default: the rest is for what it asks itself."""
HEAD_LIMIT_BYTES: Final = 64 * 1024
"""Of request line and headers, and of whatever else is no body: chunk extensions, trailers."""
PIPELINE_LIMIT: Final = 16
"""Requests of a connection that wait for the answer to one before; clients that do so at all are rare."""
REQUEST_TIMEOUT_S: Final = 15.0
"""From the first byte of a request to its last; also from the connection to the first byte."""

_HEAD_TOO_LARGE: Final = (431, b"Request Header Fields Too Large")
_TOO_SLOW: Final = (408, b"Request Timeout")


class BoundedProtocol(HttpToolsProtocol):
    """One connection. uvicorn itself takes headers of any size for as long as they come.

    Anybody may connect, and only whoever has sent a whole request has proved who it is.
    """

    _unread_bytes = 0
    _slow: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Take the connection, unless there are too many."""
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS_LIMIT:
            logger.warning("over %d connections: a new one is closed", CONNECTIONS_LIMIT)
            transport.abort()
            return
        self._await_end()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; hang up on whoever sends too much that is no body."""
        # The parser tells of a header once it is whole, and of its name and value never before.
        self._unread_bytes += len(data)
        super().data_received(data)
        if self._unread_bytes > HEAD_LIMIT_BYTES:
            self._refuse(*_HEAD_TOO_LARGE)

    def on_message_begin(self) -> None:
        """Note that a request has begun."""
        self._await_end()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Hand the request on.

        Raises:
            ValueError: There is too much of it; the parser makes that a 400.
        """
        # What came in one piece with them may be the body.
        if self._unread_bytes > HEAD_LIMIT_BYTES and self._head_bytes() > HEAD_LIMIT_BYTES:
            raise ValueError("the headers are too large")
        if len(self.pipeline) >= PIPELINE_LIMIT:
            self.transport.abort()
            raise ValueError("too many requests wait for the answer to one before")
        self._unread_bytes = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Hand a part of the body on: how large it may be its reader knows."""
        self._unread_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that the request is whole."""
        self._unread_bytes = 0
        self._stop_waiting()
        super().on_message_complete()

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def _await_end(self) -> None:
        self._stop_waiting()
        self._slow = self.loop.call_later(REQUEST_TIMEOUT_S, self._refuse, *_TOO_SLOW)

    def _stop_waiting(self) -> None:
        if self._slow is not None:
            self._slow.cancel()
            self._slow = None

    def _refuse(self, status: int, reason: bytes) -> None:
        """Close the connection, with an answer where none has begun."""
        self._stop_waiting()
        if self.transport.is_closing():
            return
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_complete:
            line = b"HTTP/1.1 %d %s\r\n" % (status, reason)
            self.transport.write(line + b"content-length: 0\r\nconnection: close\r\n\r\n")
        self.transport.close()
