"""The service is the ASGI app of the API: who calls, how often, which path, and the answer or the refusal."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from urllib.parse import parse_qsl

import orjson
from starlette.types import Receive, Scope, Send

from simulators.control import ACTION_KEY, ROUTE_KEY
from simulators.pagerduty.access import Caller, Credentials, authenticate, check_early_access, check_headers
from simulators.pagerduty.answers import Call, Endpoint, Methods, build_routes
from simulators.pagerduty.pages import UNDISTURBED
from simulators.pagerduty.rate_limit import DAY, DEFAULT_PER_MINUTE, RateLimit
from simulators.pagerduty.refusals import RefusedError, not_found, rate_limited, wrong_method
from simulators.pagerduty.routes import Found
from simulators.pagerduty.script_actions import PagerDutyAction
from simulators.pagerduty.store import Store

DEFAULT_ANALYTICS_PER_DAY = 100_000
STRANGER = Caller("stranger")
ACCOUNT = "account"
NO_CONTENT = 204


class PagerDutyService:
    """The REST API over a store; its public attributes may be changed while it runs.

    Attributes:
        store: What is held.
        credentials: The keys that are good.
        per_minute: The rate limit of each caller.
        analytics_per_day: The daily limit of the analytics paths, for all callers together.
        latency_ms: Time that each answer takes longer than it must.
        keys_are_bound: See `check_headers`.
    """

    def __init__(
        self,
        store: Store,
        credentials: Credentials,
        *,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        requests_per_minute: int = DEFAULT_PER_MINUTE,
        analytics_per_day: int = DEFAULT_ANALYTICS_PER_DAY,
        latency_ms: int = 0,
        keys_are_bound: bool = False,
        more: Sequence[tuple[str, Endpoint]] = (),
    ) -> None:
        self.store = store
        self.credentials = credentials
        self.per_minute = RateLimit(requests_per_minute)
        self.analytics_per_day = RateLimit(analytics_per_day, DAY)
        self.latency_ms = latency_ms
        self.keys_are_bound = keys_are_bound
        self._now = now
        self._sleep = sleep
        self._routes = build_routes(more)
        self._requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        body = await _read_body(receive)
        if self.latency_ms:
            await self._sleep(self.latency_ms / 1000)
        now = self._now()
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        extra: dict[str, str] = {}
        caller = STRANGER
        try:
            caller = authenticate(headers.get("authorization"), self.credentials)
            if not self.per_minute.spend(caller.name, now):
                raise rate_limited()
            status, content = self._answer(scope, headers, caller, body, now, extra)
        except RefusedError as refusal:
            status, content = refusal.status, orjson.dumps(refusal.body)
        await self._send(send, status, content, {**self.per_minute.headers(caller.name, now), **extra})

    def _answer(
        self,
        scope: Scope,
        headers: dict[str, str],
        caller: Caller,
        body: bytes,
        now: datetime,
        extra: dict[str, str],
    ) -> tuple[int, bytes]:
        found: Found[Methods] | None = self._routes.find(scope["path"])
        if found is None:
            raise not_found()
        scope[ROUTE_KEY] = found.template
        endpoint = found.endpoint.get(scope["method"])
        if endpoint is None:
            raise wrong_method()
        check_headers(endpoint.method, headers, keys_are_bound=self.keys_are_bound)
        check_early_access(endpoint.early_access, headers)
        if endpoint.is_analytics:
            self._spend_analytics(now, extra)
        action: PagerDutyAction | None = scope.get(ACTION_KEY)
        query = scope["query_string"].decode("latin-1")
        call = Call(
            pairs=parse_qsl(query, keep_blank_values=True),
            ids=found.ids,
            caller=caller,
            now=now,
            body=body,
            disturbance=UNDISTURBED if action is None else action.disturbance(),
        )
        return endpoint.status, endpoint.answer(self.store, call)

    def _spend_analytics(self, now: datetime, extra: dict[str, str]) -> None:
        """Count against the daily limit; what is left goes below 0. Source: port-labs/ocean, issue 1376."""
        is_allowed = self.analytics_per_day.spend(ACCOUNT, now)
        extra.update(self.analytics_per_day.headers(ACCOUNT, now, "daily-", floor=None))
        if not is_allowed:
            raise rate_limited()

    async def _send(self, send: Send, status: int, content: bytes, headers: dict[str, str]) -> None:
        self._requests += 1
        request_id = hashlib.sha256(str(self._requests).encode()).hexdigest()[:32]
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        if status != NO_CONTENT:
            raw.append((b"content-type", b"application/json; charset=utf-8"))
            raw.append((b"content-length", str(len(content)).encode()))
        raw.append((b"x-request-id", request_id.encode()))
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": content})


async def _read_body(receive: Receive) -> bytes:
    parts = []
    more = True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)
