"""Opens the client of Port as the settings say."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from shared.http.client import build_client, tls_context
from shared.http.waits import WaitLedger
from shared.port.client import PortClient
from shared.port.datasource import user_agent
from shared.port.persistence import Patience
from shared.port.planning import PlanningPortClient
from shared.port.token import Credentials
from shared.port.transport import PortTransport
from shared.settings import Settings


def agent_of(settings: Settings) -> str:
    """Return what both third parties know this installation by; Port keeps it as `$datasource`."""
    return user_agent(version("pagerport"), settings.integration.identifier)


@asynccontextmanager
async def open_port(
    settings: Settings, waits: WaitLedger, *, dry_run: bool = False
) -> AsyncIterator[PortClient]:
    """Open the client for the time of the block; in a dry run it is one that cannot write.

    Raises:
        ConfigurationError: The CA file, the base URL or the identifier cannot be used.
    """
    agent, timeout_s = agent_of(settings), settings.http.request_timeout_s
    async with build_client(
        user_agent=agent,
        tls=tls_context(settings.http.ca_file),
        connections=settings.port.concurrency,
        timeout_s=timeout_s,
    ) as http:
        transport = PortTransport(
            http,
            base_url=settings.port.base_url,
            credentials=Credentials(settings.port.client_id, settings.port.client_secret.get_secret_value()),
            user_agent=agent,
            waits=waits,
            patience=Patience(request_timeout_s=timeout_s, stall_s=settings.sync.stall_timeout_s),
            concurrency=settings.port.concurrency,
            secrets=settings.secrets,
        )
        client = PlanningPortClient if dry_run else PortClient
        yield client(
            transport,
            identifier=settings.integration.identifier,
            adopt_peer=settings.adopt_peer_entities,
        )
