"""Wires the simulated Port: catalog, routes, service, script and control routes."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from simulators.control import Controlled, json_answer
from simulators.port.answers import Answer, invalid
from simulators.port.blueprint_routes import BlueprintRoutes
from simulators.port.call import Call
from simulators.port.catalog import Catalog, WriteCounts
from simulators.port.entity_routes import EntityRoutes
from simulators.port.integration_routes import IntegrationRoutes
from simulators.port.rate_limits import RateLimits, ResetForm
from simulators.port.routes import port_routes
from simulators.port.script_action import PortAction
from simulators.port.search_routes import SearchRoutes
from simulators.port.service import PortService
from simulators.port.state import PortState, define_all
from simulators.port.tokens import DEFAULT_LIFETIME_S, Tokens

DEFAULT_CLIENT_ID = "simulated-client"
DEFAULT_CLIENT_SECRET = "simulated-secret"  # noqa: S105 - opens nothing but a simulator
ORGANIZATION_ID = "org_simulated"


class PortSimulator(Controlled[PortAction]):
    """The simulated Port with its control routes, an ASGI app.

    Args:
        catalog: Blueprints and entities; a test may look into it.
        service: The API.
        state: What `/_sim/state` reads and replaces.
        now: Gives the time, aware UTC.
        sleep: Waits for a number of seconds.
        sends_date: False when the server adds the Date header.
    """

    def __init__(
        self,
        catalog: Catalog,
        service: PortService,
        state: PortState,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
        *,
        sends_date: bool,
    ) -> None:
        super().__init__(service, PortAction, state, routes=self._port_control_routes(), now=now, sleep=sleep)
        self.catalog = catalog
        self._clock = now
        self._sends_date = sends_date

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, with the headers that every response has, scripted ones too."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = [(b"x-trace-id", secrets.token_hex(16).encode())]
                if self._sends_date:
                    added.append((b"date", format_datetime(self._clock(), usegmt=True).encode()))
                message = {**message, "headers": [*message["headers"], *added]}
            await send(message)

        await super().__call__(scope, receive, send_with_headers)

    def _port_control_routes(self) -> list[Route]:
        async def counters(request: Request) -> Response:
            if request.method == "DELETE":
                self.catalog.counts = WriteCounts()
                return Response(status_code=204)
            return json_answer({**self.log.describe_counters(), "writes": self.catalog.counters()})

        async def history(request: Request) -> Response:
            key = (request.path_params["blueprint"], request.path_params["identifier"])
            versions = self.catalog.history(key)
            if versions is None:
                return json_answer({"errors": [f"there never was an entity {key[0]}/{key[1]}"]}, 404)
            return json_answer({"versions": versions})

        async def changes(request: Request) -> Response:
            ordered_by = request.query_params.get("ordered_by", "")
            return json_answer({"changes": self.catalog.changes(ordered_by)})

        return [
            Route("/counters", counters, methods=["GET", "DELETE"]),
            Route("/changes", changes, methods=["GET"]),
            Route("/entities/{blueprint}/{identifier:path}/history", history, methods=["GET"]),
        ]


def create_app(
    *,
    blueprints: Sequence[Mapping[str, Any]] = (),
    client_id: str = DEFAULT_CLIENT_ID,
    client_secret: str = DEFAULT_CLIENT_SECRET,
    token_lifetime_s: int = DEFAULT_LIFETIME_S,
    latency_ms: int = 0,
    requests_per_5_minutes: Mapping[str, int] | None = None,
    reset_form: ResetForm = "seconds",
    bulk_schema_fails_call: bool = False,
    sends_date: bool = True,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> PortSimulator:
    """Builds a simulator.

    Args:
        blueprints: Defined from the start, in any order.
        client_id: The only one that gets a token.
        client_secret: Its secret.
        token_lifetime_s: How long a token lives.
        latency_ms: Waited before each answer of the API.
        requests_per_5_minutes: Limits by family instead of Port's own; see `rate_limits`.
        reset_form: What `x-ratelimit-reset` holds.
        bulk_schema_fails_call: See `bulk_upsert`.
        sends_date: False when the server adds the Date header.
        now: Gives the time, aware UTC; everything that depends on time asks it.
        sleep: Waits for a number of seconds; a test passes its own.

    Raises:
        RefusedError: A blueprint is one that Port would refuse.
    """
    catalog = Catalog()
    define_all(catalog, blueprints)
    catalog.counts = WriteCounts()
    tokens = Tokens(client_id, client_secret, token_lifetime_s)
    integrations = IntegrationRoutes()

    def now_ms() -> int:
        return int(now().timestamp() * 1000)

    routes = port_routes(
        _access_token(tokens),
        _organization,
        BlueprintRoutes(catalog),
        EntityRoutes(catalog, bulk_schema_fails_call=bulk_schema_fails_call),
        SearchRoutes(catalog),
        integrations,
    )
    limits = RateLimits(requests_per_5_minutes, reset_form)
    service = PortService(routes, tokens, limits, now_ms, latency_ms, sleep)
    state = PortState(catalog, integrations, now_ms)
    return PortSimulator(catalog, service, state, now, sleep, sends_date=sends_date)


def _access_token(tokens: Tokens) -> Callable[[Call], Answer]:
    def access_token(call: Call) -> Answer:
        """POST /v1/auth/access_token."""
        body = call.json_object(allowed=("clientId", "clientSecret"))
        for key in ("clientId", "clientSecret"):
            if key not in body:
                raise invalid("body", f"must have required property '{key}'")
            if not isinstance(body[key], str):
                raise invalid(key, "must be string")
        return Answer(200, tokens.issue(str(body["clientId"]), str(body["clientSecret"]), call.writer.at_ms))

    return access_token


def _organization(_call: Call) -> Answer:
    """GET /v1/organization."""
    organization = {"id": ORGANIZATION_ID, "name": "Simulated organization", "featureFlags": []}
    return Answer(200, {"ok": True, "organization": organization})
