"""Makes spans of records, and starts tracing only where OpenTelemetry's variables ask for it."""

import asyncio
from collections.abc import Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import StatusCode

from schemas.outcome import Count
from shared.core import Batch
from shared.http.collector_headers import header_secrets
from shared.log.interface import Record
from shared.outcome import DONE, Outcome
from shared.redaction import Redactor
from shared.service.opentelemetry import OVER_AFTER_S, OpenTelemetry
from shared.service.tracing import Untraced, open_tracing

NOW_S = 1_790_000_000.0
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector.invalid:4318"}


class Setting:
    """Tracing whose spans stay here."""

    def __init__(self, provider: TracerProvider | None = None) -> None:
        self.exporter = InMemorySpanExporter()
        provider = provider or TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracing = OpenTelemetry(provider, clock=lambda: NOW_S)

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        return self.exporter.get_finished_spans()


def record(offset: int = 0, traceparent: str | None = PARENT, age_s: float = 1.0) -> Record:
    headers = () if traceparent is None else (("ce_traceparent", traceparent.encode()),)
    at_ms = int((NOW_S - age_s) * 1000)
    return Record("pagerduty.raw.incidents", 3, offset, at_ms, b"PINC", b"{}", headers)


class Given:
    """A core with these outcomes."""

    def __init__(self, *outcomes: Outcome | None) -> None:
        self.outcomes = outcomes

    async def handle(self, batch: Batch) -> Sequence[Outcome | None]:
        return self.outcomes[: len(batch.records)]


async def test_a_span_lasts_from_the_log_to_the_outcome_and_hangs_on_the_webhook() -> None:
    setting = Setting()
    core = setting.tracing.traced(Given(Outcome("", "incidents", {Count.MAPPED: 1, Count.EMITTED: 2})))

    await core.handle(Batch([record(offset=7)], asyncio.Event()))

    (span,) = setting.spans
    assert span.parent is not None
    assert f"00-{span.parent.trace_id:032x}-{span.parent.span_id:016x}-01" == PARENT
    assert span.start_time == (NOW_S - 1.0) * 1e9
    assert span.name == "process pagerduty.raw.incidents"
    assert dict(span.attributes or {}) == {
        "messaging.destination.name": "pagerduty.raw.incidents",
        "messaging.destination.partition.id": "3",
        "messaging.kafka.offset": 7,
        "messaging.kafka.message.key": "PINC",
        "pagerport.outcomes": ("mapped", "emitted"),
    }
    assert span.status.status_code is StatusCode.UNSET


async def test_a_dead_letter_is_an_error() -> None:
    setting = Setting()
    core = setting.tracing.traced(Given(Outcome("", "incidents", {Count.REJECTED: 1})))

    await core.handle(Batch([record()], asyncio.Event()))

    (span,) = setting.spans
    assert (span.status.status_code, span.status.description) == (
        StatusCode.ERROR,
        "rejected: see the dead letters",
    )


async def test_a_record_without_an_outcome_waits_and_one_handed_in_again_is_told_once() -> None:
    setting = Setting()
    core = setting.tracing.traced(Given(None, DONE))
    batch = Batch([record(offset=0), record(offset=1)], asyncio.Event())

    await core.handle(batch)
    await core.handle(batch)
    await setting.tracing.traced(Given(DONE, DONE)).handle(batch)

    assert [(span.attributes or {})["messaging.kafka.offset"] for span in setting.spans] == [1, 0]


@pytest.mark.parametrize(
    "untold",
    [
        record(traceparent=None),
        record(traceparent=""),
        record(traceparent="not a trace"),
        record(traceparent=PARENT.removesuffix("01") + "00"),
        record(traceparent="00-" + "0" * 32 + "-b7ad6b7169203331-01"),
        record(age_s=OVER_AFTER_S + 1),
    ],
    ids=["none", "empty", "broken", "not sampled", "no trace id", "of another day"],
)
async def test_what_belongs_to_no_trace_is_not_told(untold: Record) -> None:
    setting = Setting()

    await setting.tracing.traced(Given(DONE)).handle(Batch([untold], asyncio.Event()))

    assert setting.spans == ()


async def test_a_webhook_gives_its_record_the_trace_it_began() -> None:
    setting = Setting()

    with setting.tracing.webhook("incident.triggered") as traceparent:
        pass
    with pytest.raises(RuntimeError), setting.tracing.webhook("incident.resolved"):
        raise RuntimeError("the log is away")

    taken, refused = setting.spans
    assert taken.context is not None
    assert traceparent.startswith(f"00-{taken.context.trace_id:032x}-{taken.context.span_id:016x}-")
    assert (taken.name, taken.status.status_code) == ("webhook incident.triggered", StatusCode.UNSET)
    assert (refused.name, refused.status.status_code) == ("webhook incident.resolved", StatusCode.ERROR)


async def test_a_webhook_that_is_not_sampled_leaves_its_record_alone() -> None:
    setting = Setting(TracerProvider(sampler=ALWAYS_OFF))

    with setting.tracing.webhook("incident.triggered") as traceparent:
        assert traceparent == ""


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {**ENDPOINT, "OTEL_SDK_DISABLED": "TRUE"},
        {**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"},
    ],
    ids=["nothing", "empty", "disabled", "no traces"],
)
def test_without_being_asked_nothing_is_traced(
    environment: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    assert isinstance(open_tracing("mapper", environment), Untraced)
    assert caplog.messages == []


def test_a_protocol_that_is_not_spoken_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    environment = {**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}

    assert isinstance(open_tracing("mapper", environment), Untraced)
    assert caplog.messages == [
        "no traces: pagerport exports them by http/protobuf, not by grpc; leave OTEL_EXPORTER_OTLP_PROTOCOL "
        "out and give the HTTP address of the collector, mostly on port 4318"
    ]


def test_variables_that_the_sdk_does_not_take_are_a_warning(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "256")

    assert isinstance(open_tracing("mapper", ENDPOINT), Untraced)
    (line,) = caplog.messages
    assert line.startswith(
        "no traces: OpenTelemetry does not start with its variables as they are: max_export"
    )


@pytest.mark.parametrize(
    "headers",
    [
        "authorization=Bearer%20a-key-of-ours",
        "authorization=Bearer a-key-of-ours,x-team=platform",
        "authorization: Bearer a-key-of-ours",
        "a-key-of-ours",
    ],
)
def test_no_line_holds_what_the_collector_is_sent(headers: str) -> None:
    secrets = header_secrets({"OTEL_EXPORTER_OTLP_HEADERS": headers})

    assert "a-key-of-ours" not in Redactor(secrets).text(f"Header format invalid! {headers}")


def test_a_missing_exporter_is_a_warning(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.service.tracing.EXPORTER", "opentelemetry.exporter.missing.http")

    assert isinstance(open_tracing("mapper", ENDPOINT), Untraced)
    assert caplog.messages == ["no traces: the exporter is not installed; pip install 'pagerport[otel]'"]
