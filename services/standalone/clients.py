"""Builds the clients of PagerDuty and Port from the settings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version

from services.fetcher.budget import RateBudget
from shared.http.client import build_client, tls_context
from shared.http.waits import WaitLedger
from shared.pagerduty.client import PagerDutyClient
from shared.pagerduty.client import Patience as PagerDutyPatience
from shared.port.client import PortClient
from shared.port.datasource import user_agent
from shared.port.persistence import Patience as PortPatience
from shared.port.planning import PlanningPortClient
from shared.port.transport import Credentials, PortTransport
from shared.settings import Settings


@dataclass(frozen=True, slots=True)
class Clients:
    """The two third parties."""

    pagerduty: PagerDutyClient
    port: PortClient

    def requests(self) -> dict[str, int]:
        """Return the requests sent to each so far, repetitions included."""
        return {"PagerDuty": self.pagerduty.requests, "Port": self.port.requests}

    def successes(self) -> int:
        """Return how many requests to either were served: as long as it grows, a run is not stuck."""
        return self.pagerduty.successes + self.port.successes


def now() -> datetime:
    """Return the time, aware and in UTC."""
    return datetime.now(UTC)


@asynccontextmanager
async def open_clients(
    settings: Settings, waits: WaitLedger, *, dry_run: bool = False
) -> AsyncIterator[Clients]:
    """Open the clients for the time of the block; in a dry run Port's is one that cannot write.

    Raises:
        ConfigurationError: The CA file or the identifier cannot be used.
    """
    tls = tls_context(settings.http.ca_file)
    agent = user_agent(version("pagerport"), settings.integration.identifier)
    port_client = PlanningPortClient if dry_run else PortClient
    timeout_s, stall_s = settings.http.request_timeout_s, settings.sync.stall_timeout_s
    async with (
        build_client(
            user_agent=agent, tls=tls, connections=settings.pagerduty.concurrency, timeout_s=timeout_s
        ) as to_pagerduty,
        build_client(
            user_agent=agent, tls=tls, connections=settings.port.concurrency, timeout_s=timeout_s
        ) as to_port,
    ):
        yield Clients(
            PagerDutyClient(
                to_pagerduty,
                base_url=settings.integration.config.api_url,
                token=settings.integration.config.token.get_secret_value(),
                user_agent=agent,
                budget=RateBudget(waits, per_minute=settings.pagerduty.requests_per_minute),
                waits=waits,
                now=now,
                patience=PagerDutyPatience(request_timeout_s=timeout_s, stall_timeout_s=stall_s),
                concurrency=settings.pagerduty.concurrency,
            ),
            port_client(
                PortTransport(
                    to_port,
                    base_url=settings.port.base_url,
                    credentials=Credentials(
                        settings.port.client_id, settings.port.client_secret.get_secret_value()
                    ),
                    user_agent=agent,
                    waits=waits,
                    patience=PortPatience(request_timeout_s=timeout_s, stall_s=stall_s),
                    concurrency=settings.port.concurrency,
                ),
                identifier=settings.integration.identifier,
            ),
        )
