"""Is uvicorn's HTTP protocol with bounds: on connections, on what stands around a body, on slow requests."""

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

logger = logging.getLogger("uvicorn.error")

CONNECTIONS_LIMIT: Final = 512
"""Half of the files that a process may have open by default: the rest is for what it asks itself."""
HEAD_LIMIT_BYTES: Final = 64 * 1024
"""Of request line and headers, and of whatever else is no body: chunk extensions, trailers."""
PIPELINE_LIMIT: Final = 16
"""Requests of a connection that wait for the answer to one before; clients that do so at all are rare."""
HEAD_TIMEOUT_S: Final = 5.0
"""From the connection, or the first byte of a later request, to the end of its headers."""
REQUEST_TIMEOUT_S: Final = 10.0
"""From the end of the headers to the last byte of the body."""

_HEAD_TOO_LARGE: Final = (431, b"Request Header Fields Too Large")
_TOO_SLOW: Final = (408, b"Request Timeout")


class BoundedProtocol(HttpToolsProtocol):
    """One connection. uvicorn itself takes headers of any size for as long as they come.

    Anybody may connect, and only whoever has sent a whole request has proved who it is. Where there are too
    many connections, one that owes the rest of its request goes, and not the one that comes: a probe or a
    delivery is whole within milliseconds.
    """

    _unread_bytes = 0
    _slow: asyncio.TimerHandle | None = None
    _since_s = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Take the connection; where there are too many, another one goes for it."""
        super().connection_made(transport)
        self._await(HEAD_TIMEOUT_S)
        if len(self.connections) > CONNECTIONS_LIMIT:
            logger.warning("over %d connections: the one that is slowest goes", CONNECTIONS_LIMIT)
            others = [one for one in self.connections if isinstance(one, BoundedProtocol) and one is not self]
            (_slowest(others) or self).give_up()

    def give_up(self) -> None:
        """Hang up, for somebody else's sake."""
        self._stop_waiting()
        self.transport.abort()

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits for anything: there is no request, and no answer on its way."""
        cycle: RequestResponseCycle | None = self.cycle
        return self._slow is None and (cycle is None or cycle.response_complete)

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
        self._await(HEAD_TIMEOUT_S)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Hand the request on.

        Raises:
            ValueError: There is too much of it; nothing more is read.
        """
        # What came in one piece with them may be the body.
        if self._unread_bytes > HEAD_LIMIT_BYTES and self._head_bytes() > HEAD_LIMIT_BYTES:
            self._refuse(*_HEAD_TOO_LARGE)
            raise ValueError("the headers are too large")
        if len(self.pipeline) >= PIPELINE_LIMIT:
            self.transport.abort()
            raise ValueError("too many requests wait for the answer to one before")
        self._unread_bytes = 0
        self._await(REQUEST_TIMEOUT_S)
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

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, unless it has had another answer."""
        self._stop_waiting()
        if not self.transport.is_closing():
            super().send_400_response(msg)

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def _await(self, timeout_s: float) -> None:
        """Wait for the next part of a request, so long."""
        self._stop_waiting()
        self._since_s = self.loop.time()
        self._slow = self.loop.call_later(timeout_s, self._refuse, *_TOO_SLOW)

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


def _slowest(connections: Sequence[BoundedProtocol]) -> BoundedProtocol | None:
    """Return who is to go: of whom most is waited for, the oldest; else who is idle; None: all are answered.

    Behind a proxy all have one address: then it is the oldest of all.
    """
    there = [one for one in connections if not one.transport.is_closing()]
    owing = [one for one in there if one._slow is not None]
    of_peer = Counter(one.client[0] if one.client else "" for one in owing)
    worst = max(of_peer.values(), default=0)
    found = [one for one in owing if of_peer[one.client[0] if one.client else ""] == worst]
    found = found or [one for one in there if one.is_idle]
    return min(found, key=lambda one: one._since_s, default=None)
