"""Starts the webhook gateway on a log: its routes, and its counters as metrics."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from schemas.topics import WEBHOOKS
from services.webhook_gateway.counters import GatewayCounters, Refusal
from services.webhook_gateway.gateway import gateway_app
from shared.log.interface import Log
from shared.service.metrics import Samples, ServiceMetrics
from shared.service.readiness import Check
from shared.service.running import Running
from shared.settings import Settings

logger = logging.getLogger(__name__)

DRAIN_TIMEOUT_S: Final = 5.0


@asynccontextmanager
async def open_gateway(log: Log, settings: Settings, metrics: ServiceMetrics) -> AsyncIterator[Running]:
    """Take webhooks for the time of the block.

    Raises:
        ConfigurationError: There is nothing to verify webhooks with, or the topic is missing and may not be
            created.
    """
    await log.create_topics([WEBHOOKS.name])
    gateway = gateway_app(log, settings, tracing=metrics.tracing)
    show_counters(gateway.counters, metrics)
    logger.info("webhooks are taken at %s", " and ".join(gateway.paths))
    try:
        yield Running(
            routes=[(path, gateway) for path in gateway.paths], checks=lambda: [log_check(gateway.counters)]
        )
    finally:
        await gateway.drain(DRAIN_TIMEOUT_S)


def log_check(counters: GatewayCounters) -> Check:
    """Say whether webhooks reach the log. Never red: an address that is given up hears of no recovery."""
    failed = counters.refused[Refusal.LOG_SLOW] + counters.refused[Refusal.LOG_FAILED]
    if not counters.published and not failed:
        return Check("log", is_ok=True, detail="no webhook yet")
    refused = f"; {failed} refused because it was slow or failed" if failed else ""
    return Check("log", is_ok=True, detail=f"it took {counters.published} webhooks{refused}")


def show_counters(counters: GatewayCounters, metrics: ServiceMetrics) -> None:
    """Show what becomes of webhooks."""
    metrics.counter(
        "webhooks",
        "Webhook requests by what became of them.",
        ("outcome", "reason"),
        lambda: {
            ("published", ""): counters.published,
            ("ping", ""): counters.pings,
            ("ignored", ""): counters.ignored,
            ("gone", ""): counters.gone,
            **{("refused", reason.value): number for reason, number in counters.refused.items()},
        },
    )
    _gauge(metrics, "webhook_requests_in_hand", "Without an answer yet.", lambda: counters.requests_in_hand)
    _gauge(metrics, "webhook_bytes_in_hand", "What bodies in hand take.", lambda: counters.bytes_in_hand)


def _gauge(metrics: ServiceMetrics, name: str, says: str, read: Callable[[], int]) -> None:
    def samples() -> Samples:
        return {(): float(read())}

    metrics.gauge(name, says, (), samples)
