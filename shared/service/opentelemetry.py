"""Makes spans of webhooks and of the records that come of them, and sends them by OTLP over HTTP."""

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import Final, Self

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from schemas.headers import TRACEPARENT
from schemas.outcome import FAILING
from shared.core import Batch, Core
from shared.log.interface import Clock, Record
from shared.outcome import Outcome

CLOSE_TIMEOUT_S: Final = 3.0
TOLD_KEPT: Final = 10_000
"""Records remembered as told: one that is settled may come in hand again before it is committed."""
OVER_AFTER_S: Final = 3_600.0
"""A record that has lain in the log for longer is read again, by a replay: its trace is over."""


class OpenTelemetry:
    """See `shared.service.tracing.Tracing`.

    A record's span begins when the log took the record and ends with its outcome, so the time it waited is in
    it. All spans of a trace are children of the webhook's: side by side they show where the time went.

    Args:
        provider: Makes the spans; it is shut down at the end.
        clock: Seconds since the epoch.
    """

    def __init__(self, provider: TracerProvider, clock: Clock = time.time) -> None:
        self._provider = provider
        self._clock = clock
        self._tracer = provider.get_tracer("pagerport", version("pagerport"))
        self._context = TraceContextTextMapPropagator()
        self._told: OrderedDict[tuple[str, int, int], None] = OrderedDict()

    @classmethod
    def start(cls, service: str) -> Self:
        """Send spans where OpenTelemetry's variables say; what these say of the service wins, too."""
        ours = Resource.create(
            {
                "service.name": f"pagerport-{service}",
                "service.namespace": "pagerport",
                "service.version": version("pagerport"),
            }
        )
        provider = TracerProvider(resource=ours.merge(OTELResourceDetector().detect()))
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        return cls(provider)

    @contextmanager
    def webhook(self, event_type: str) -> Iterator[str]:
        """Trace a webhook while it is taken; see `Tracing.webhook`."""
        with self._tracer.start_as_current_span(f"webhook {event_type}", kind=SpanKind.SERVER) as span:
            carrier: dict[str, str] = {}
            if span.is_recording():
                self._context.inject(carrier)
            yield carrier.get("traceparent", "")

    def traced(self, core: Core) -> Core:
        """Return a core whose outcomes are told; see `Tracing.traced`."""
        return _TracedCore(core, self)

    def tell(self, record: Record, outcome: Outcome) -> None:
        """Make the span of a record that is done, if it belongs to a trace."""
        traceparent = next((value for name, value in record.headers if name == TRACEPARENT), None)
        if not traceparent:
            return
        place = (record.topic, record.partition, record.offset)
        if place in self._told:
            return
        parent = self._context.extract({"traceparent": traceparent.decode("latin-1")})
        if not parent or self._clock() - record.timestamp_ms / 1000 > OVER_AFTER_S:
            return
        self._told[place] = None
        if len(self._told) > TOLD_KEPT:
            self._told.popitem(last=False)
        span = self._tracer.start_span(
            f"process {record.topic}",
            context=parent,
            kind=SpanKind.CONSUMER,
            start_time=record.timestamp_ms * 1_000_000,
            attributes={
                "messaging.destination.name": record.topic,
                "messaging.destination.partition.id": str(record.partition),
                "messaging.kafka.offset": record.offset,
                "messaging.kafka.message.key": (record.key or b"").decode("utf-8", "replace"),
                "pagerport.outcomes": [count.value for count in outcome.counts],
            },
        )
        failed = [count.value for count in FAILING if outcome.counts.get(count)]
        if failed:
            span.set_status(Status(StatusCode.ERROR, f"{', '.join(failed)}: see the dead letters"))
        span.end()

    async def close(self) -> None:
        """Send what is left; a collector that does not answer is given up after some seconds."""
        # Its own thread: those of the event loop are waited for, however long they take.
        ending = threading.Thread(target=self._provider.shutdown, daemon=True)
        ending.start()
        await asyncio.to_thread(ending.join, CLOSE_TIMEOUT_S)


class _TracedCore:
    def __init__(self, core: Core, tracing: OpenTelemetry) -> None:
        self._core = core
        self._tracing = tracing

    async def handle(self, batch: Batch) -> Sequence[Outcome | None]:
        outcomes = await self._core.handle(batch)
        for record, outcome in zip(batch.records, outcomes, strict=True):
            if outcome is not None:
                self._tracing.tell(record, outcome)
        return outcomes
