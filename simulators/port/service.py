"""Answers one HTTP request as Port does: route, rate limit, token, size, then the handler."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from email.utils import formatdate
from urllib.parse import parse_qsl, unquote

import orjson
from starlette.types import Receive, Scope, Send

from simulators.control import ACTION_KEY, ROUTE_KEY
from simulators.port.answers import TOO_LARGE_TEXT, Answer, RefusedError, invalid
from simulators.port.call import Call
from simulators.port.rate_limits import RateLimits, reset_value
from simulators.port.routes import Node, Routes
from simulators.port.script_action import PortAction, RateLimited
from simulators.port.stored import Writer
from simulators.port.tokens import Tokens

BODY_MAX_BYTES = 1024 * 1024  # Source: Port API, OpenAPI, 413 of every route
_SECOND_MS = 1000
_NO_ACTION = PortAction()


class PortService:
    """The ASGI app of the API itself, without script, log and control routes.

    Args:
        routes: What answers.
        tokens: Who may ask.
        limits: How often.
        now_ms: Gives milliseconds since the epoch.
        latency_ms: Waited before each answer.
        sleep: Waits for a number of seconds.
    """

    def __init__(
        self,
        routes: Routes,
        tokens: Tokens,
        limits: RateLimits,
        now_ms: Callable[[], int],
        latency_ms: int,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._routes = routes
        self._tokens = tokens
        self._limits = limits
        self._now_ms = now_ms
        self._latency_ms = latency_ms
        self._sleep = sleep

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        body = await _read_body(receive)
        if self._latency_ms:
            await self._sleep(self._latency_ms / _SECOND_MS)
        headers: dict[str, str] = {}
        try:
            answer = self._answer(scope, body, headers)
        except RefusedError as refused:
            headers |= refused.headers
            answer = Answer(refused.status, refused.body())
        content = orjson.dumps(answer.body)
        headers |= {"content-type": "application/json; charset=utf-8", "content-length": str(len(content))}
        raw_headers = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": raw_headers})
        await send({"type": "http.response.body", "body": content})

    def _answer(self, scope: Scope, body: bytes | None, response_headers: dict[str, str]) -> Answer:
        now_ms = self._now_ms()
        action: PortAction = scope.get(ACTION_KEY) or _NO_ACTION
        place = self._place(scope)
        endpoint = None if place is None else place[0].methods.get(scope["method"])
        family = "other" if endpoint is None else endpoint.family
        is_within, limit_headers = self._limits.take(family, now_ms)
        response_headers |= limit_headers
        if action.rate_limited is not None:
            raise _rate_limited(action.rate_limited, now_ms)
        if not is_within:
            raise RefusedError(429, "too_many_requests", "Too many requests, the rate limit is exceeded")
        if place is None or endpoint is None:
            raise _no_endpoint(scope, place)
        if action.expire_token:
            self._tokens.expire()
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if endpoint.needs_token:
            self._tokens.check(headers.get("authorization"), now_ms)
        if body is None:
            raise RefusedError(413, "payload_too_large", TOO_LARGE_TEXT)
        content_type = headers.get("content-type")
        call = Call(
            segments=place[1],
            query=tuple(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
            content_type=None if content_type is None else content_type.partition(";")[0].strip().lower(),
            headers=headers,
            body=body,
            writer=Writer(headers.get("user-agent", ""), self._tokens.client_id, now_ms),
            action=action,
        )
        for name, _ in call.query:
            if name not in endpoint.query:
                raise invalid(name, "must NOT be an additional property")
        return endpoint.handler(call)

    def _place(self, scope: Scope) -> tuple[Node, tuple[str, ...]] | None:
        raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
        text = raw_path.decode("utf-8", "replace").removeprefix("/")
        segments = [unquote(segment) for segment in text.split("/")]
        place = self._routes.find(scope["method"], segments)
        if place is not None:
            scope[ROUTE_KEY] = place[0].name
        return place


def _no_endpoint(scope: Scope, place: tuple[Node, tuple[str, ...]] | None) -> RefusedError:
    method: str = scope["method"]
    if place is None:
        return RefusedError(404, "not_found", f"Route {method} {scope['path']} was not found")
    allowed = ", ".join(place[0].methods)
    text = f"Method {method} is not allowed here, only {allowed}"
    return RefusedError(405, "method_not_allowed", text, {"allow": allowed})


def _rate_limited(limited: RateLimited, now_ms: int) -> RefusedError:
    ends_at_ms = now_ms + limited.wait_s * _SECOND_MS
    headers: dict[str, str]
    match limited.header:
        case "seconds" | "epoch" as form:
            headers = {
                "x-ratelimit-remaining": "0",
                "x-ratelimit-reset": reset_value(form, ends_at_ms, now_ms),
            }
        case "retry-after":
            headers = {"retry-after": str(limited.wait_s)}
        case "http-date":
            headers = {"retry-after": formatdate(ends_at_ms / _SECOND_MS, usegmt=True)}
    return RefusedError(429, "too_many_requests", "Too many requests, the script says so", headers)


async def _read_body(receive: Receive) -> bytes | None:
    """Reads a body to its end; None when it is larger than any may be."""
    chunks: list[bytes] = []
    size_bytes = 0
    while True:
        message = await receive()
        chunk: bytes = message.get("body", b"")
        size_bytes += len(chunk)
        if size_bytes <= BODY_MAX_BYTES:
            chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks) if size_bytes <= BODY_MAX_BYTES else None
