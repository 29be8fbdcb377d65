"""Builds a simulated Port in process, on a clock that a test moves, with a client that has a token."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from simulators.port.app import DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, PortSimulator, create_app

USER_AGENT = "pagerport/1.0.0/my-integration/exporter"
CREDENTIALS = {"clientId": DEFAULT_CLIENT_ID, "clientSecret": DEFAULT_CLIENT_SECRET}
STARTED_AT = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)

TEAM_BLUEPRINT = {"identifier": "team", "title": "Team", "schema": {"properties": {}}}
APP_BLUEPRINT = {
    "identifier": "app",
    "title": "App",
    "schema": {
        "properties": {
            "text": {"type": "string"},
            "short": {"type": "string", "maxLength": 3, "minLength": 2, "pattern": "^[a-z]+$"},
            "tier": {"type": "string", "enum": ["gold", "silver"]},
            "size": {"type": "number", "minimum": 1, "maximum": 10},
            "live": {"type": "boolean"},
            "meta": {"type": "object"},
            "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
            "mails": {"type": "array", "items": {"type": "string", "format": "email"}},
            "at": {"type": "string", "format": "date-time"},
            "until": {"type": "string", "format": "timer"},
            "url": {"type": "string", "format": "url"},
            "mail": {"type": "string", "format": "email"},
            "owner": {"type": "string", "format": "user"},
            "v4": {"type": "string", "format": "ipv4"},
            "v6": {"type": "string", "format": "ipv6"},
        },
        "required": [],
    },
    "relations": {
        "team": {"target": "team", "required": False, "many": False},
        "parts": {"target": "app", "required": False, "many": True},
        "owner_user": {"target": "_user", "required": False, "many": False},
    },
}
STRICT_BLUEPRINT = {
    "identifier": "strict",
    "title": "Strict",
    "schema": {"properties": {"key": {"type": "string"}, "note": {"type": "string"}}, "required": ["key"]},
    "relations": {"team": {"target": "team", "required": True, "many": False}},
}
BLUEPRINTS: list[dict[str, Any]] = [TEAM_BLUEPRINT, APP_BLUEPRINT, STRICT_BLUEPRINT]


class Clock:
    """A clock that stands until a test moves it."""

    def __init__(self) -> None:
        self.at = STARTED_AT

    def __call__(self) -> datetime:
        return self.at

    def move(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class PortClient:
    """A client of one simulated Port; paths are below `/v1`."""

    def __init__(self, app: PortSimulator, http: httpx.AsyncClient, clock: Clock) -> None:
        self.app = app
        self.http = http
        self.clock = clock

    async def call(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        if body is not None:
            more["json"] = body
        return await self.http.request(method, f"/v1{path}", **more)

    async def login(self) -> None:
        answer = await self.call("POST", "/auth/access_token", CREDENTIALS)
        self.http.headers["authorization"] = f"Bearer {answer.json()['accessToken']}"

    async def upsert(
        self, blueprint: str, entity: dict[str, Any], query: str = "upsert=true"
    ) -> httpx.Response:
        return await self.call("POST", f"/blueprints/{blueprint}/entities?{query}", entity)

    async def bulk(
        self, blueprint: str, entities: list[Any], query: str = "upsert=true&merge=true"
    ) -> httpx.Response:
        return await self.call(
            "POST", f"/blueprints/{blueprint}/entities/bulk?{query}", {"entities": entities}
        )

    async def entity(self, blueprint: str, identifier: str) -> Any:
        answer = await self.call("GET", f"/blueprints/{blueprint}/entities/{identifier}")
        return answer.json()["entity"]

    async def found(self, rule: dict[str, Any], blueprint: str = "app") -> list[str]:
        query = {"combinator": "and", "rules": [rule]}
        answer = await self.call("POST", f"/blueprints/{blueprint}/entities/search", {"query": query})
        assert answer.status_code == 200, answer.text
        return [entity["identifier"] for entity in answer.json()["entities"]]

    async def writes(self) -> dict[str, int]:
        writes: dict[str, int] = (await self.http.get("/_sim/counters")).json()["writes"]
        return writes

    async def script(self, *rules: dict[str, Any]) -> None:
        answer = await self.http.put("/_sim/script", json=list(rules))
        assert answer.status_code == 200, answer.text


@asynccontextmanager
async def port_client(*, logged_in: bool = True, **options: Any) -> AsyncIterator[PortClient]:
    clock = Clock()
    app = create_app(**{"blueprints": BLUEPRINTS, "now": clock, **options})
    transport = httpx.ASGITransport(app)
    headers = {"user-agent": USER_AGENT}
    async with httpx.AsyncClient(transport=transport, base_url="http://port", headers=headers) as http:
        client = PortClient(app, http, clock)
        if logged_in:
            await client.login()
        yield client
