"""The app is the whole simulator: the service, its script and log, the routes that change it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from random import Random

import httpx
import orjson
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulators.control import Controlled, json_answer, refusal, rows_wanted
from simulators.pagerduty.access import Credentials
from simulators.pagerduty.deliveries import Deliveries, Pace
from simulators.pagerduty.live import Burst, Live
from simulators.pagerduty.rate_limit import DEFAULT_PER_MINUTE
from simulators.pagerduty.script_actions import PagerDutyAction
from simulators.pagerduty.service import DEFAULT_ANALYTICS_PER_DAY, PagerDutyService
from simulators.pagerduty.store import Account, Store
from simulators.pagerduty.subscription_answers import subscription_endpoints

DEFAULT_TOKEN = "sim-account-token"  # noqa: S105  # a key of the simulator alone
DEFAULT_BEARER = "pdus+sim-bearer-token"
DELIVERIES_SHOWN = 100


class ServiceChange(BaseModel):
    """Settings of the running service; those left out stay. A token that is not named any more gets 401."""

    model_config = ConfigDict(extra="forbid")

    tokens: list[str] | None = None
    bearer_tokens: list[str] | None = None
    user_tokens: dict[str, str] | None = None
    latency_ms: int | None = Field(default=None, ge=0)
    requests_per_minute: int | None = Field(default=None, ge=0)
    analytics_per_day: int | None = Field(default=None, ge=0)


class PaceChange(BaseModel):
    """How webhooks are delivered; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    first_retry_s: float | None = Field(default=None, ge=0)
    longest_retry_s: float | None = Field(default=None, ge=0)
    timeout_s: float | None = Field(default=None, gt=0)
    connections: int | None = Field(default=None, ge=1)
    is_paused: bool | None = None


class PagerDutySimulator(Controlled[PagerDutyAction]):
    """The simulator as an ASGI app; its public attributes can be looked at and changed.

    Attributes:
        service: The REST API.
        store: The account.
        live: Makes changes as events.
        deliveries: Brings them to subscribers.
    """

    def __init__(
        self,
        service: PagerDutyService,
        live: Live,
        deliveries: Deliveries,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self.service = service
        self.store = service.store
        self.live = live
        self.deliveries = deliveries
        super().__init__(
            service,
            PagerDutyAction,
            service.store,
            routes=[
                Route("/objects/{kind:path}/{key}", self._object, methods=["GET", "PUT", "PATCH", "DELETE"]),
                Route("/service", self._service_settings, methods=["GET", "PATCH"]),
                Route("/events", self._events, methods=["POST"]),
                Route("/deliveries", self._delivery_pace, methods=["GET", "PATCH"]),
            ],
            now=now,
            sleep=sleep,
        )

    async def _object(self, request: Request) -> Response:
        """Get, put, patch (top-level keys) or delete one object."""
        kind, key = request.path_params["kind"], request.path_params["key"]
        held = self.store.rows(kind).get(key)
        if request.method in {"GET", "PATCH", "DELETE"} and held is None:
            return json_answer({"errors": [f"{kind} {key} is not held"]}, 404)
        if request.method == "GET":
            return json_answer(held)
        if request.method == "DELETE":
            self.store.delete(kind, key)
            return Response(status_code=204)
        try:
            value = orjson.loads(await request.body())
            if request.method == "PATCH":
                value = {**(held or {}), **value}
            self.store.put(kind, key, value)
        except (ValueError, TypeError) as error:
            return refusal(ValueError(str(error)))
        return json_answer(value)

    async def _service_settings(self, request: Request) -> Response:
        """Show or change the settings; tokens are counted, never shown."""
        if request.method == "PATCH":
            try:
                self.change_service(ServiceChange.model_validate_json(await request.body()))
            except ValueError as error:
                return refusal(error)
        credentials = self.service.credentials
        return json_answer(
            {
                "tokens": len(credentials.account_tokens),
                "bearer_tokens": len(credentials.bearer_tokens),
                "user_tokens": len(credentials.user_tokens),
                "latency_ms": self.service.latency_ms,
                "requests_per_minute": self.service.per_minute.limit,
                "analytics_per_day": self.service.analytics_per_day.limit,
            }
        )

    async def _events(self, request: Request) -> Response:
        """Make changes of the account, each with its event, and begin to deliver them."""
        try:
            happened = self.live.happen(Burst.model_validate_json(await request.body()))
        except ValueError as error:
            return refusal(error)
        told = [
            {"id": event.event_id, "event_type": event.event_type, "object_id": event.object_id}
            for event in happened
        ]
        return json_answer({"events": told})

    async def _delivery_pace(self, request: Request) -> Response:
        """Show what became of deliveries, or change how they are made."""
        try:
            last = rows_wanted(request)
            is_change = request.method == "PATCH"
            change = PaceChange.model_validate_json(await request.body()) if is_change else None
        except ValueError as error:
            return refusal(error)
        if change is not None:
            for name, value in change.model_dump(exclude_none=True).items():
                setattr(self.deliveries.pace, name, value)
            await self.deliveries.resume()
        pace = {name: getattr(self.deliveries.pace, name) for name in Pace.__slots__}
        described = self.deliveries.describe(DELIVERIES_SHOWN if last is None else last)
        return json_answer({**described, "pace": pace})

    def change_service(self, change: ServiceChange) -> None:
        """Change settings of the running service; windows of rate limits go on."""
        credentials = self.service.credentials
        if change.tokens is not None:
            credentials.account_tokens = set(change.tokens)
        if change.bearer_tokens is not None:
            credentials.bearer_tokens = set(change.bearer_tokens)
        if change.user_tokens is not None:
            credentials.user_tokens = dict(change.user_tokens)
        if change.latency_ms is not None:
            self.service.latency_ms = change.latency_ms
        if change.requests_per_minute is not None:
            self.service.per_minute.limit = change.requests_per_minute
        if change.analytics_per_day is not None:
            self.service.analytics_per_day.limit = change.analytics_per_day


def utc_now() -> datetime:
    """Return the time, aware, in UTC."""
    return datetime.now(UTC)


def create_app(
    account: Account,
    *,
    tokens: Iterable[str] = (DEFAULT_TOKEN,),
    bearer_tokens: Iterable[str] = (DEFAULT_BEARER,),
    user_tokens: Mapping[str, str] | None = None,
    now: Callable[[], datetime] = utc_now,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    latency_ms: int = 0,
    requests_per_minute: int = DEFAULT_PER_MINUTE,
    analytics_per_day: int = DEFAULT_ANALYTICS_PER_DAY,
    keys_are_bound: bool = False,
    seed: int = 1,
    webhook_transport: httpx.AsyncBaseTransport | None = None,
) -> PagerDutySimulator:
    """Return a simulator of an account, for `httpx.ASGITransport` or for a process of its own.

    Args:
        account: What it holds; it is changed in place.
        tokens: General access keys that are good.
        bearer_tokens: OAuth tokens that are good.
        user_tokens: Keys of users: key -> user id.
        now: Gives the time, aware UTC.
        sleep: Waits for a number of seconds (latency, scripted delays).
        latency_ms: Time added to each answer.
        requests_per_minute: Limit of each caller.
        analytics_per_day: Limit of the analytics paths.
        keys_are_bound: Whether requests need not name version 2 in Accept; see `access.check_headers`.
        seed: The same seed makes the same events, ids and secrets.
        webhook_transport: Brings webhooks to their address; None: the network.
    """
    credentials = Credentials(set(tokens), dict(user_tokens or {}), set(bearer_tokens))
    store, random = Store(account), Random(seed)
    deliveries = Deliveries(store, now=now, sleep=sleep, random=random, transport=webhook_transport)
    live = Live(store, deliveries, random, now)
    service = PagerDutyService(
        store,
        credentials,
        now=now,
        sleep=sleep,
        requests_per_minute=requests_per_minute,
        analytics_per_day=analytics_per_day,
        latency_ms=latency_ms,
        keys_are_bound=keys_are_bound,
        more=subscription_endpoints(live, random),
    )
    return PagerDutySimulator(service, live, deliveries, now, sleep)
