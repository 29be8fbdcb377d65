"""Builds a Port client over a simulated Port, or over answers that a test gives, on one clock."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from shared.http.backoff import Backoff
from shared.http.client import build_client
from shared.http.waits import WaitLedger
from shared.port.client import PortClient
from shared.port.datasource import user_agent
from shared.port.persistence import Patience
from shared.port.token import Credentials
from shared.port.transport import PortTransport
from simulators.port.app import DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, PortSimulator, create_app

IDENTIFIER = "my-pagerduty"
STARTED_AT = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
BASE_URL = "http://port.test"

TEAM: dict[str, Any] = {"identifier": "team", "title": "Team", "schema": {"properties": {}}}
APP: dict[str, Any] = {
    "identifier": "app",
    "title": "App",
    "schema": {
        "properties": {
            "text": {"type": "string"},
            "tier": {"type": "string", "enum": ["gold", "silver"]},
            "size": {"type": "number"},
            "live": {"type": "boolean"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "at": {"type": "string", "format": "date-time"},
            "url": {"type": "string", "format": "url"},
        },
        "required": [],
    },
    "relations": {
        "team": {"target": "team", "required": False, "many": False},
        "parts": {"target": "app", "required": False, "many": True},
    },
}


class Clock:
    """Time that only waiting moves."""

    def __init__(self) -> None:
        self.at = STARTED_AT
        self.slept_s: list[float] = []
        self._awaited: list[tuple[int, asyncio.Event]] = []

    def now(self) -> datetime:
        return self.at

    def seconds(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.at += timedelta(seconds=seconds)
        for times, reached in self._awaited:
            if len(self.slept_s) >= times:
                reached.set()
        await asyncio.sleep(0)

    async def slept(self, times: int) -> None:
        """Return once there were so many waits."""
        reached = asyncio.Event()
        self._awaited.append((times, reached))
        await reached.wait()


@dataclass
class Setting:
    """One Port, one client of it, one clock."""

    clock: Clock
    port: PortClient
    transport: PortTransport
    waits: WaitLedger
    sim: PortSimulator
    http: httpx.AsyncClient

    async def script(self, *rules: dict[str, Any]) -> None:
        answer = await self.http.put(f"{BASE_URL}/_sim/script", json=list(rules))
        assert answer.status_code == 200, answer.text

    async def writes(self) -> dict[str, int]:
        answer = await self.http.get(f"{BASE_URL}/_sim/counters")
        writes: dict[str, int] = answer.json()["writes"]
        return writes

    async def entity(self, blueprint: str, identifier: str) -> dict[str, Any]:
        entity = await self.port.get_entity(blueprint, identifier)
        assert entity is not None
        return {key: entity[key] for key in ("title", "team", "properties", "relations") if entity.get(key)}


@asynccontextmanager
async def port_setting(
    *,
    handler: Callable[[httpx.Request], httpx.Response] | None = None,
    patience: Patience | None = None,
    base_url: str = BASE_URL,
    secret: str = DEFAULT_CLIENT_SECRET,
    identifier: str = IDENTIFIER,
    concurrency: int = 4,
    adopt_peer: bool = False,
    agent: str = "",
    **options: Any,
) -> AsyncIterator[Setting]:
    clock = Clock()
    sim = create_app(**{"blueprints": [TEAM, APP], "now": clock.now, "sleep": clock.sleep, **options})
    network: httpx.AsyncBaseTransport = (
        httpx.ASGITransport(sim) if handler is None else httpx.MockTransport(handler)
    )
    waits = WaitLedger(clock.seconds)
    agent = agent or user_agent("1.2.3", identifier)
    async with build_client(user_agent=agent, transport=network) as http:
        transport = PortTransport(
            http,
            base_url=base_url,
            credentials=Credentials(DEFAULT_CLIENT_ID, secret),
            user_agent=agent,
            waits=waits,
            patience=patience,
            backoff=Backoff(cap_s=15.0, jitter=lambda: 1.0),
            concurrency=concurrency,
            clock=clock.seconds,
            wall=clock.seconds,
            sleep=clock.sleep,
        )
        yield Setting(
            clock=clock,
            port=PortClient(transport, identifier=identifier, adopt_peer=adopt_peer),
            transport=transport,
            waits=waits,
            sim=sim,
            http=http,
        )
