"""Receives the body of a request while it is neither too large nor too slow, and there is room for it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final

from services.webhook_gateway.counters import Refusal
from services.webhook_gateway.room import REQUEST_BYTES, Place

BODY_LIMIT_BYTES: Final = 512 * 1024
"""PagerDuty drops what is above 256 KB. Source: PagerDuty Webhooks V3, Behavior."""
BODY_TIMEOUT_S: Final = 5.0
"""PagerDuty waits no longer for the whole answer. Source: PagerDuty Webhooks V3, Behavior."""
_LENGTH_DIGITS: Final = 18

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]


class RefusedError(Exception):
    """The request is not taken."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason)
        self.reason = reason


class SenderGoneError(Exception):
    """The sender has left: there is nobody to answer."""


async def receive_body(
    receive: Receive,
    headers: Iterable[tuple[bytes, bytes]],
    place: Place,
    *,
    timeout_s: float = BODY_TIMEOUT_S,
) -> bytes:
    """Return the body, byte for byte.

    Args:
        receive: Of the ASGI server.
        headers: Of the request, names in lower case: a length that is announced need not be waited for.
        place: Takes room for what has come; the caller leaves it.
        timeout_s: From the headers to the last byte.

    Raises:
        RefusedError: Too large, too slow, or no room.
        SenderGoneError: The sender has left.
    """
    if _announced_bytes(headers) > BODY_LIMIT_BYTES:
        raise RefusedError(Refusal.TOO_LARGE)
    if not place.grow(REQUEST_BYTES):
        raise RefusedError(Refusal.BUSY)
    parts: list[bytes] = []
    size_bytes = 0
    must_go = False

    def go() -> None:
        nonlocal must_go
        if not deadline.expired():
            must_go = True
            deadline.reschedule(0)

    try:
        async with asyncio.timeout(timeout_s) as deadline:
            with place.receiving(go):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        raise SenderGoneError
                    part: bytes = message.get("body", b"")
                    size_bytes += len(part)
                    if size_bytes > BODY_LIMIT_BYTES:
                        raise RefusedError(Refusal.TOO_LARGE)
                    if not place.grow(len(part)):
                        raise RefusedError(Refusal.BUSY)
                    parts.append(part)
                    if not message.get("more_body", False):
                        return parts[0] if len(parts) == 1 else b"".join(parts)
    except TimeoutError:
        raise RefusedError(Refusal.BUSY if must_go else Refusal.TOO_SLOW) from None


def _announced_bytes(headers: Iterable[tuple[bytes, bytes]]) -> int:
    for name, value in headers:
        if name == b"content-length" and value.isdigit():
            return int(value) if len(value) <= _LENGTH_DIGITS else BODY_LIMIT_BYTES + 1
    return 0
