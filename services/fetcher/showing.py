"""Shows what the fetcher does as metrics: live changes, dead letters that may heal, mapping, leadership."""

from dataclasses import fields
from typing import Final

from services.fetcher.healing import Healing
from services.fetcher.hydration.core import HydrationCore
from services.fetcher.service import FetcherService
from shared import left_out
from shared.service.metrics import Samples, ServiceMetrics

_RECORDS: Final = frozenset(
    {"received", "requested", "coalesced", "pings", "unknown", "unreadable", "unwanted"}
)
"""Counters of records; the others count objects."""
_NO_NUMBERS: Final = frozenset({"unknown_types", "denials"})


def show(
    metrics: ServiceMetrics, service: FetcherService, hydration: HydrationCore | None, healing: Healing
) -> None:
    """Show them, read at each scrape."""
    metrics.gauge("leading", "1: this replica is the active one.", (), lambda: {(): float(service.leads())})
    metrics.gauge("mapping_version", "Version of the mapping in force.", (), lambda: _version(service))
    metrics.gauge(
        "mapping_refused",
        "1: the user's mapping is refused or cannot be read, the last good one stays.",
        (),
        lambda: {(): float(bool(service.mapping_problem))},
    )
    metrics.counter(
        left_out.COUNTER,
        left_out.SAYS,
        ("topic",),
        lambda: {(topic,): number for topic, number in service.left_out().items()},
    )
    metrics.gauge(
        "healable_letters", "Open dead letters that are asked for again.", (), lambda: _letters(healing)
    )
    if hydration is not None:
        show_hydration(metrics, hydration)


def show_hydration(metrics: ServiceMetrics, hydration: HydrationCore) -> None:
    """Show what becomes of live changes."""
    names = [one.name for one in fields(hydration.counters) if one.name not in _NO_NUMBERS]

    def read(*, records: bool) -> Samples:
        counters = hydration.counters
        return {(name,): getattr(counters, name) for name in names if (name in _RECORDS) is records}

    metrics.counter(
        "live_records",
        "Events and refresh requests by what became of them.",
        ("outcome",),
        lambda: read(records=True),
    )
    metrics.counter(
        "live_objects",
        "Objects asked for because of events, by what became of them.",
        ("outcome",),
        lambda: read(records=False),
    )
    metrics.gauge(
        "live_records_waiting",
        "Events and refresh requests read and not settled.",
        (),
        lambda: {(): hydration.waiting},
    )
    metrics.gauge(
        "live_oldest_seconds",
        "Age of the oldest event that is read and not settled; 0: there is none.",
        (),
        lambda: {(): hydration.oldest_age_s() or 0.0},
    )


def _version(service: FetcherService) -> Samples:
    mapping = service.mapping()
    return {(): 0.0 if mapping is None else mapping.version}


def _letters(healing: Healing) -> Samples:
    return {(): len(healing.letters)}
