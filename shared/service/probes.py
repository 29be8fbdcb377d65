"""Answers `/health/live`, `/health/ready` and `/metrics` as plain ASGI."""

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Final

import orjson

from shared.service.metrics import CONTENT_TYPE, ServiceMetrics
from shared.service.metrics_union import MetricsUnion
from shared.service.readiness import Check, is_ready

LIVE_PATH: Final = "/health/live"
READY_PATH: Final = "/health/ready"
METRICS_PATH: Final = "/metrics"

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

Checks = Callable[[], Sequence[Check]]
"""Reads what a service stands on; must not wait for anything."""
Before = Callable[[], Awaitable[None]]
"""Refreshes what a scrape shows and cannot be read at once (the lag)."""

_JSON: Final = "application/json"


def live_route(name: str) -> AsgiApp:
    """Return the route that answers as long as the event loop turns."""

    async def live(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:  # noqa: ARG001
        await _answer(scope, send, 200, _JSON, orjson.dumps({"service": name, "live": True}))

    return live


async def starting_route(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:  # noqa: ARG001
    """Answer that the service has not started yet: whoever asks is to ask again."""
    headers = [(b"content-length", b"0"), (b"retry-after", b"1")]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def ready_route(name: str, checks: Checks) -> AsgiApp:
    """Return the route that says whether the service is ready, check by check: 200, else 503."""

    async def ready(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:  # noqa: ARG001
        found = checks()
        body = {
            "service": name,
            "ready": is_ready(found),
            "checks": [{"name": one.name, "ok": one.is_ok, "detail": one.detail} for one in found],
        }
        await _answer(scope, send, 200 if body["ready"] else 503, _JSON, orjson.dumps(body))

    return ready


def metrics_route(metrics: ServiceMetrics | MetricsUnion, before: Before | None = None) -> AsgiApp:
    """Return the route that Prometheus scrapes."""

    async def scrape(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:  # noqa: ARG001
        if before is not None:
            await before()
        await _answer(scope, send, 200, CONTENT_TYPE, metrics.text())

    return scrape


async def _answer(
    scope: MutableMapping[str, Any], send: Send, status: int, content_type: str, body: bytes
) -> None:
    if scope["method"] not in {"GET", "HEAD"}:
        status, body = 405, b""
    headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
