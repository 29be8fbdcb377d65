"""Opens the client of PagerDuty as the settings say."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from services.fetcher.budget import RateBudget
from shared.http.client import build_client, tls_context
from shared.http.waits import WaitLedger
from shared.pagerduty.client import PagerDutyClient
from shared.pagerduty.interface import Patience
from shared.port.opening import agent_of
from shared.settings import Settings


@asynccontextmanager
async def open_pagerduty(settings: Settings, waits: WaitLedger) -> AsyncIterator[PagerDutyClient]:
    """Open the client for the time of the block.

    Raises:
        ConfigurationError: The CA file or the identifier cannot be used.
    """
    agent, timeout_s = agent_of(settings), settings.http.request_timeout_s
    async with build_client(
        user_agent=agent,
        tls=tls_context(settings.http.ca_file),
        # As many again for live requests, which do not wait for those of a run.
        connections=2 * settings.pagerduty.concurrency,
        timeout_s=timeout_s,
    ) as http:
        yield PagerDutyClient(
            http,
            base_url=settings.integration.config.api_url,
            token=settings.integration.config.token.get_secret_value(),
            user_agent=agent,
            budget=RateBudget(waits, per_minute=settings.pagerduty.requests_per_minute),
            waits=waits,
            now=lambda: datetime.now(UTC),
            patience=Patience(request_timeout_s=timeout_s, stall_timeout_s=settings.sync.stall_timeout_s),
            concurrency=settings.pagerduty.concurrency,
            secrets=settings.secrets,
        )
