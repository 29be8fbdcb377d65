"""Opens the clients of PagerDuty and Port for one process that has need of both."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from services.fetcher.opening import open_pagerduty
from shared.http.waits import WaitLedger
from shared.pagerduty.client import PagerDutyClient
from shared.port.client import PortClient
from shared.port.opening import open_port
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
    async with (
        open_pagerduty(settings, waits) as pagerduty,
        open_port(settings, waits, dry_run=dry_run) as port,
    ):
        yield Clients(pagerduty, port)
