"""Traces webhooks through `pagerport run` to a collector, and runs it where there is none."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kafka.stack import free_port
from tests.pipeline.collector import Seen, collector
from tests.pipeline.harness import Stage, pagerduty, port
from tests.pipeline.live import Always, always, burst, deliveries
from tests.pipeline.mappings import SPINE

pytestmark = [pytest.mark.pipeline, pytest.mark.timeout(300)]
SECRET = "the-key-of-the-tracing-backend"
STOP_TIMEOUT_S = 30


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with pagerduty("--account", "small", "--incidents", "20") as source, port(tmp_path) as target:
        deliveries(source, first_retry_s=0.3, longest_retry_s=2)
        yield Stage(source, target, tmp_path)


def test_a_webhook_is_one_trace_from_its_arrival_to_port(stage: Stage) -> None:
    with collector() as backend:
        told = {
            **backend.variables,
            "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{SECRET}",
        }
        with always(stage, stage.mapping(SPINE), signed=True, **told) as run:
            run.first_run()
            assert backend.spans == []
            events = burst(stage.pagerduty, changes=[{"event_type": "incident.acknowledged"}])
            run.until_idle()
            stop(run)

    (spans,) = backend.traces().values()
    incident = events[0]["object_id"]
    arrival, *others = spans
    assert (arrival.service, arrival.name) == ("pagerport-gateway", "webhook incident.acknowledged")
    assert [(one.service, one.name, subject(one)) for one in others] == [
        ("pagerport-fetcher", "process pagerduty.webhooks", f"incidents/{incident}"),
        ("pagerport-mapper", "process pagerduty.raw.incidents", incident),
        ("pagerport-writer", "process port.entities", f"pagerdutyIncident/{incident}"),
    ]
    assert {one.parent_id for one in others} == {arrival.span_id}
    assert "written" in others[-1].attributes["pagerport.outcomes"]
    assert backend.authorizations == {f"Bearer {SECRET}"}
    assert SECRET not in run.said


@pytest.mark.parametrize("is_there", [False, True], ids=["closed port", "refuses"])
def test_a_collector_that_takes_nothing_holds_up_nothing(stage: Stage, *, is_there: bool) -> None:
    with collector(status=401) as backend:
        told = {**backend.variables, "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{SECRET}"}
        if not is_there:
            told["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{free_port()}"
        with always(stage, stage.mapping(SPINE), signed=True, **told) as run:
            run.first_run()
            burst(stage.pagerduty, changes=[{"event_type": "incident.acknowledged"}] * 3)
            state = run.until_idle()
            stop(run)

    assert state["letters"] == []
    assert "spans batch" in run.said
    assert SECRET not in run.said


def subject(span: Seen) -> str:
    return str(span.attributes["messaging.kafka.message.key"])


def stop(run: Always) -> None:
    """Stop it as a container is stopped."""
    assert run.process is not None
    run.process.send_signal(signal.SIGTERM)
    run.process.wait(timeout=STOP_TIMEOUT_S)
