"""Control wraps a simulated service: logs its requests, plays the script on them, and serves `/_sim`.

A service is any ASGI app. Inside it `scope["simulators.action"]` is the action of the script for this
request, or None, and it may set `scope["simulators.route"]` to the name under which the request is counted
(`/incidents/{id}`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Generic, Protocol
from urllib.parse import parse_qsl

import httpx
import orjson
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simulators.process import RESET_EXTENSION, add_process_arguments, reset_connection, serve, url_line
from simulators.request_log import LoggedRequest, RequestLog, authorization_kind
from simulators.script import Action, ActionT, Match, Rule, Script

__all__ = [
    "ACTION_KEY",
    "CONTROL_PREFIX",
    "ROUTE_KEY",
    "Action",
    "Controlled",
    "HeldState",
    "LoggedRequest",
    "Match",
    "RequestLog",
    "Rule",
    "Script",
    "add_process_arguments",
    "json_answer",
    "refusal",
    "rows_wanted",
    "serve",
    "url_line",
]

ACTION_KEY = "simulators.action"
ROUTE_KEY = "simulators.route"
CONTROL_PREFIX = "/_sim"


class HeldState(Protocol):
    """Everything that a simulated service holds, as JSON values."""

    def snapshot(self) -> object:
        """Return everything held."""

    def replace(self, value: object) -> None:
        """Hold this instead.

        Raises:
            ValueError: The value is not a state; what was held stays.
        """


def json_answer(value: object, status: int = 200) -> Response:
    """Return an answer of `/_sim` with a JSON body."""
    body = orjson.dumps(value, option=orjson.OPT_UTC_Z)
    return Response(body, status_code=status, media_type="application/json")


def refusal(error: ValueError) -> Response:
    """Return the answer of `/_sim` to what it cannot take: 422 and `{"errors": [text]}`."""
    if isinstance(error, ValidationError):
        problems = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()]
    else:
        problems = [str(error)]
    return json_answer({"errors": problems}, 422)


def rows_wanted(request: Request) -> int | None:
    """Return how many of the last rows a request asks for; None: it does not say.

    Raises:
        ValueError: `last` is no such number.
    """
    last = request.query_params.get("last")
    if last is not None and not (last.isascii() and last.isdigit()):
        raise ValueError(f"last: {last!r} is no number of rows")
    return None if last is None else int(last)


class Controlled(Generic[ActionT]):
    """An ASGI app: a service, the request log and the script around it, the control routes beside it.

    Args:
        service: The simulated service; never asked for a path under `/_sim`.
        action_type: `Action`, or a subclass with the service's own keys.
        state: What `/_sim/state` reads and replaces.
        routes: More control routes, with paths relative to `/_sim`; looked at before the shared ones.
        now: Gives the time for the log, aware UTC.
        sleep: Waits for a number of seconds; a test passes its own.
    """

    def __init__(
        self,
        service: ASGIApp,
        action_type: type[ActionT],
        state: HeldState,
        *,
        routes: Sequence[Route] = (),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.script: Script[ActionT] = Script(action_type)
        self.log = RequestLog()
        self.state = state
        self._service = service
        self._now = now
        self._sleep = sleep
        self._control = Starlette(routes=[Mount(CONTROL_PREFIX, routes=[*routes, *self._control_routes()])])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path: str = scope["path"]
        if path == CONTROL_PREFIX or path.startswith(CONTROL_PREFIX + "/"):
            await self._control(scope, receive, send)
            return
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        action = self.script.take(scope["method"], path, query)
        request = self._logged(scope, query, scripted=action is not None)
        self.log.begin(request)
        try:
            await self._answer(scope, receive, send, action, request)
        finally:
            request.route = scope.get(ROUTE_KEY, path)
            self.log.end(request)

    def _logged(self, scope: Scope, query: list[tuple[str, str]], *, scripted: bool) -> LoggedRequest:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        authorization, agent = headers.get(b"authorization"), headers.get(b"user-agent")
        return LoggedRequest(
            method=scope["method"],
            path=scope["path"],
            query=query,
            started_at=self._now(),
            authorization=authorization_kind(authorization.decode("latin-1") if authorization else None),
            user_agent=agent.decode("latin-1") if agent is not None else None,
            scripted=scripted,
        )

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, action: ActionT | None, request: LoggedRequest
    ) -> None:
        async def counted_receive() -> Message:
            message = await receive()
            request.request_bytes += len(message.get("body", b""))
            return message

        async def noted_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                request.status = message["status"]
                if action is not None and action.headers:
                    message = {**message, "headers": _with_headers(message["headers"], action.headers)}
            else:
                body: bytes = message.get("body", b"")
                if action is not None and action.drop == "mid_body":
                    await send({**message, "body": body[: len(body) // 2], "more_body": True})
                    await self._drop(scope, receive, request)
                request.response_bytes += len(body)
            await send(message)

        scope[ACTION_KEY] = action
        try:
            if action is not None:
                if action.delay_ms:
                    await self._sleep(action.delay_ms / 1000)
                if action.drop == "before":
                    await self._drop(scope, receive, request)
                scripted = action.answer()
                if scripted is not None:
                    await _drain(counted_receive)
                    await scripted(scope, counted_receive, noted_send)
                    return
            await self._service(scope, counted_receive, noted_send)
        except _DroppedError:
            return

    async def _drop(self, scope: Scope, receive: Receive, request: LoggedRequest) -> None:
        """Reset the connection and leave the request; in process, raise what httpx would raise then.

        Raises:
            _DroppedError: The connection is reset.
            httpx.ReadError: There is no connection, the app is called in process.
        """
        request.status = None
        transport = scope.get("extensions", {}).get(RESET_EXTENSION)
        if transport is None:
            raise httpx.ReadError("connection reset by the script")
        reset_connection(transport)
        while (await receive())["type"] != "http.disconnect":
            pass
        raise _DroppedError

    def _control_routes(self) -> list[Route]:
        async def requests(request: Request) -> Response:
            if request.method == "DELETE":
                self.log.clear()
                return Response(status_code=204)
            try:
                last = rows_wanted(request)
            except ValueError as error:
                return refusal(error)
            return json_answer({"requests": self.log.describe_requests(last)})

        async def counters(_: Request) -> Response:
            return json_answer(self.log.describe_counters())

        async def script(request: Request) -> Response:
            if request.method == "PUT":
                try:
                    self.script.replace(orjson.loads(await request.body()))
                except ValueError as error:
                    return refusal(error)
            return json_answer(self.script.describe())

        async def state(request: Request) -> Response:
            if request.method == "PUT":
                try:
                    self.state.replace(orjson.loads(await request.body()))
                except ValueError as error:
                    return refusal(error)
                return Response(status_code=204)
            return json_answer(self.state.snapshot())

        return [
            Route("/requests", requests, methods=["GET", "DELETE"]),
            Route("/counters", counters, methods=["GET"]),
            Route("/script", script, methods=["GET", "PUT"]),
            Route("/state", state, methods=["GET", "PUT"]),
        ]


class _DroppedError(Exception):
    """The connection of this request was reset: there is nobody left to answer."""


def _with_headers(present: Sequence[tuple[bytes, bytes]], added: dict[str, str]) -> list[tuple[bytes, bytes]]:
    """Return headers with some added, each in place of one of the same name."""
    new = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in added.items()]
    names = {name for name, _ in new}
    return [*((name, value) for name, value in present if name.lower() not in names), *new]


async def _drain(receive: Receive) -> None:
    """Read a request's body to its end, as a service does that answers without looking."""
    while (await receive()).get("more_body", False):
        pass
