"""Counts what a service does, in Prometheus's text format."""

import time
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from schemas.outcome import Count
from shared.core import Batch, Core
from shared.http.waits import WaitLedger
from shared.log.interface import Clock
from shared.outcome import Outcome
from shared.service.tracing import Tracing, Untraced

PREFIX: Final = "pagerport_"
CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
_BATCH_BUCKETS_S: Final = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

Samples = Mapping[tuple[str, ...], float]
"""Label values to value."""


class ServiceMetrics:
    """The metrics of one process.

    Args:
        service: Name of the service, a label of what its cores do.
        tracing: Hears of the same records.

    Attributes:
        service: That name.
        tracing: Of the service.
        registry: Where they are collected.
    """

    def __init__(self, service: str, tracing: Tracing | None = None) -> None:
        self.service = service
        self.tracing = tracing or Untraced()
        self._shown: dict[str, Collector] = {}
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._records = Counter(
            PREFIX + "records",
            "Records handled for good, by the topic they came from.",
            ("service", "topic"),
            registry=self.registry,
        )
        self._outcomes = Counter(
            PREFIX + "outcomes",
            "What became of objects and entity changes, per PagerDuty kind; names as in a run's result.",
            ("service", "kind", "outcome"),
            registry=self.registry,
        )
        self._batches = Histogram(
            PREFIX + "batch_seconds",
            "Time from a batch's hand-over to its outcomes, waits for third parties included.",
            ("service",),
            buckets=_BATCH_BUCKETS_S,
            registry=self.registry,
        )

    def meter(self, core: Core, clock: Clock = time.monotonic) -> Core:
        """Return a core that does what `core` does, counts it, and tells the tracing of it."""
        return _MeteredCore(self.tracing.traced(core), self, clock)

    def count(self, batch: Batch, outcomes: Sequence[Outcome | None], took_s: float) -> None:
        """Count a batch that was handled."""
        self._batches.labels(self.service).observe(took_s)
        # Summed up first: finding a label costs more than all else that an outcome needs here.
        records: Tally[str] = Tally()
        sums: Tally[tuple[str, Count]] = Tally()
        for record, outcome in zip(batch.records, outcomes, strict=True):
            if outcome is None:
                continue
            records[record.topic] += 1
            for name, number in outcome.counts.items():
                sums[outcome.kind, name] += number
        for topic, number in records.items():
            self._records.labels(self.service, topic).inc(number)
        for (kind, name), number in sums.items():
            self._outcomes.labels(self.service, kind, name.value).inc(number)

    def gauge(self, name: str, says: str, labels: Sequence[str], read: Callable[[], Samples]) -> None:
        """Show values that are read at each scrape."""
        self._show(name, _Read(lambda: GaugeMetricFamily(PREFIX + name, says, labels=labels), read))

    def counter(self, name: str, says: str, labels: Sequence[str], read: Callable[[], Samples]) -> None:
        """Show sums that are kept elsewhere and read at each scrape."""
        self._show(name, _Read(lambda: CounterMetricFamily(PREFIX + name, says, labels=labels), read))

    def _show(self, name: str, collector: Collector) -> None:
        # A service whose start is tried again shows its values anew.
        if (before := self._shown.pop(name, None)) is not None:
            self.registry.unregister(before)
        self.registry.register(collector)
        self._shown[name] = collector

    def watch_waits(self, waits: WaitLedger) -> None:
        """Show how long third parties were waited for."""
        self.counter(
            "wait_seconds",
            "Seconds spent waiting for a third party, by cause.",
            ("host", "cause"),
            lambda: {(wait.host, wait.cause): wait.seconds for wait in waits.waits()},
        )

    def watch_requests(self, read: Callable[[], Mapping[str, int]]) -> None:
        """Show the requests sent to each third party."""
        self.counter(
            "requests",
            "Requests sent to a third party, repetitions included.",
            ("host",),
            lambda: {(host,): number for host, number in read().items()},
        )

    def text(self) -> bytes:
        """Return all metrics as Prometheus reads them."""
        return generate_latest(self.registry)


class _MeteredCore:
    def __init__(self, core: Core, metrics: ServiceMetrics, clock: Clock) -> None:
        self._core = core
        self._metrics = metrics
        self._clock = clock

    async def handle(self, batch: Batch) -> Sequence[Outcome | None]:
        began_s = self._clock()
        outcomes = await self._core.handle(batch)
        self._metrics.count(batch, outcomes, self._clock() - began_s)
        return outcomes


class _Read(Collector):
    def __init__(
        self,
        family: Callable[[], GaugeMetricFamily | CounterMetricFamily],
        read: Callable[[], Samples],
    ) -> None:
        self._family = family
        self._read = read

    def describe(self) -> Iterable[Metric]:
        # Without it the registry would read the values once to learn the name.
        return [self._family()]

    def collect(self) -> Iterator[Metric]:
        family = self._family()
        for labels, value in self._read().items():
            family.add_metric(labels, value)
        yield family
