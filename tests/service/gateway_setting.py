"""A gateway over an embedded log, and a client that sends what PagerDuty sends."""

import hashlib
import hmac
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import httpx
import orjson

from schemas.topics import WEBHOOKS
from services.webhook_gateway.gateway import WebhookGateway, gateway_app
from shared.log.interface import Log, Record, TopicPartition
from shared.log.sqlite import SqliteLog
from shared.settings import Settings
from simulators.pagerduty.event_payloads import build_event

NOW = datetime(2026, 7, 1, 12, 30, tzinfo=UTC)
SECRET = "GAs0ZB4l0VQ3mlNJ6gQIVvz5Bd4cTOn2i"
CLIENT_SECRET = "port-client-secret-of-the-test"
PATH = "/integration/webhook"
INCIDENT = {
    "id": "Q1ABCDEF23GHIJ",
    "type": "incident",
    "self": "https://api.pagerduty.com/incidents/Q1ABCDEF23GHIJ",
    "html_url": "https://acme.pagerduty.com/incidents/Q1ABCDEF23GHIJ",
    "summary": "[#7] Something broke",
    "incident_number": 7,
    "title": "Something broke – 連続",
    "status": "triggered",
    "service": {"id": "PSERV01", "type": "service_reference", "summary": "checkout"},
}


def event_body(event_type: str = "incident.triggered", **data: Any) -> bytes:
    """Return the body of a webhook about the incident (or a service of the same id)."""
    return orjson.dumps(
        build_event(event_type, INCIDENT, event_id="01EVENT", occurred_at=NOW, data=data),
        option=orjson.OPT_INDENT_2,
    )


def signature(body: bytes, secret: str = SECRET) -> str:
    return "v1=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def settings(
    *, secrets: str = SECRET, client_secret: str = CLIENT_SECRET, tokens: str = "", **more: Any
) -> Settings:
    """Return settings without any file or variable of the machine."""
    return Settings.model_validate(
        {
            "port": {"client_secret": client_secret},
            "integration": {
                "identifier": "eu",
                "config": {"webhook_secret": secrets, "webhook_token": tokens},
            },
            **more,
        }
    )


@dataclass
class Bench:
    """A gateway with what is behind and before it."""

    app: WebhookGateway
    log: Log
    http: httpx.AsyncClient

    async def post(
        self, body: bytes, headers: Mapping[str, str] = MappingProxyType({}), path: str = PATH
    ) -> int:
        """Send a body; return the status."""
        sent = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        answer = await self.http.post(path, content=body, headers=sent)
        return answer.status_code

    async def signed(self, body: bytes, **headers: str) -> int:
        """Send a body with the right signature; return the status."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.post(body, {"X-PagerDuty-Signature": signature(body), **more})

    async def published(self) -> list[Record]:
        """Return all that the log holds."""
        return await self.log.read({TopicPartition(WEBHOOKS.name, 0): 0}, max_records=10_000, wait_s=0)


@asynccontextmanager
async def bench(chosen: Settings | None = None, log: Log | None = None) -> AsyncIterator[Bench]:
    """Set one up for the time of the block.

    Args:
        chosen: Settings.
        log: Instead of an embedded one.
    """
    embedded = await SqliteLog.temporary()
    try:
        await embedded.create_topics([WEBHOOKS.name])
        app = gateway_app(log or embedded, chosen or settings(), now=lambda: NOW)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://gateway.test"
        ) as http:
            yield Bench(app, embedded, http)
        await app.drain(0)
    finally:
        await embedded.close()
