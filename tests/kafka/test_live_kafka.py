"""Delivers PagerDuty's webhooks to the four services on Kafka: bursts, a fetcher killed, a broker away."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from types import MappingProxyType

import pytest

from tests.broker.server import KafkaServer
from tests.kafka.stack import Stack
from tests.pipeline.collector import collector
from tests.pipeline.harness import Stage, pagerduty, port
from tests.pipeline.live import EVERY_TYPE, HEADERS, burst, deliveries, entity_writes, subscribe, wrong

pytestmark = [pytest.mark.pipeline, pytest.mark.timeout(600)]
LIVE = (
    files("services.fetcher.defaults")
    .joinpath("mapping.yaml")
    .read_text(encoding="utf-8")
    .replace("serviceAnalytics: true", "serviceAnalytics: false")
)
"""What events tell of: analytics of a service change with its incidents, and PagerDuty says nothing of it."""
PATIENCE_S = 240.0
NOTHING: Mapping[str, str] = MappingProxyType({})
PAGE_DELAY_MS = 4_000
"""Long enough for a live change to come and go."""


@contextmanager
def live_stack(folder: Path, servers: str, more: Mapping[str, str] = NOTHING) -> Iterator[Stack]:
    """Run the stack, with a subscription that delivers to its gateway, until the first run has ended."""
    mapping = folder / "live.yaml"
    mapping.write_text(LIVE)
    sizes = ("--account", "small", "--incidents", "60", "--services", "20")
    with pagerduty(*sizes) as there, port(folder, blueprints=[]) as here:
        deliveries(there, first_retry_s=0.3, longest_retry_s=2)
        stack = Stack(
            Stage(there, here, folder),
            servers,
            prefix=f"{folder.name}.",
            more={"OCEAN__MAPPING__FILE": str(mapping), **more},
        )
        url = f"http://127.0.0.1:{stack.gateway_port}/integration/webhook"
        stack.more = {**stack.more, "OCEAN__INTEGRATION__CONFIG__WEBHOOK_SECRET": subscribe(there, url)}
        try:
            stack.up()
            stack.wait_for_runs(1, PATIENCE_S)
            yield stack
        finally:
            stack.down()


def settle(stack: Stack) -> None:
    """Wait until all is delivered and handled."""
    there = stack.stage.pagerduty
    stack.wait_until(lambda: not deliveries(there)["pending"], "all is delivered", timeout_s=PATIENCE_S)
    stack.wait_until_idle(PATIENCE_S)


def assert_a_resync_finds_nothing(stack: Stack) -> None:
    """Have everything read again: it is all there, nothing is written."""
    assert wrong(stack.stage, LIVE) == []
    assert stack.status()["letters"] == []
    before = entity_writes(stack.stage.port)
    stack.command("resync", "--wait", timeout_s=PATIENCE_S)
    assert entity_writes(stack.stage.port) - before == 0


def assert_an_old_page_undoes_no_live_change(stack: Stack) -> None:
    """Have a page arrive that was read before an event told of something newer."""
    there = stack.stage.pagerduty
    asked = [one for one in there.requests() if (one["method"], one["path"]) == ("GET", "/services")]
    page = there.http.get("/services", params=asked[-1]["query"], headers=HEADERS).raise_for_status().json()
    old = page["services"][0]
    late = {"delay_ms": PAGE_DELAY_MS, "body": page}
    there.script({"match": {"method": "GET", "path": "/services"}, "times": 1, "action": late})
    before = len(there.requests())
    stack.command("resync", "--kind", "services")

    def is_under_way() -> bool:
        return any(one["path"] == "/services" for one in there.requests()[before:])

    stack.wait_until(is_under_way, "the page is asked for")
    newer = {"event_type": "service.updated", "id": old["id"], "set": {"name": "newer"}}
    burst(there, changes=[newer])
    settle(stack)
    there.script()
    (told,) = (one for one in there.requests()[before:] if one["path"] == "/services")
    (asked_singly,) = (one for one in there.requests()[before:] if one["path"] == f"/services/{old['id']}")
    assert told["scripted"]
    assert told["started_at"] < asked_singly["started_at"]
    history = stack.stage.port.http.get(f"/_sim/entities/pagerdutyService/{old['id']}/history")
    titles = [one.get("title") for one in history.raise_for_status().json()["versions"]]
    assert [title for title, _ in groupby(titles)][-2:] == [old["name"], "newer"]


def test_every_event_type_ends_as_the_right_entity_also_with_a_fetcher_killed(
    tmp_path: Path, kafka_servers: str
) -> None:
    with collector() as backend, live_stack(tmp_path, kafka_servers, backend.variables) as stack:
        there = stack.stage.pagerduty
        made = {"service.created": {"id": "PNEWSVC"}, "service.deleted": {"id": "PNEWSVC"}}
        burst(there, changes=[{"event_type": name, **made.get(name, {})} for name in EVERY_TYPE])
        settle(stack)
        through = {f"pagerport-{name}" for name in ("gateway", "fetcher", "mapper", "writer")}
        stack.wait_until(
            lambda: any({span.service for span in spans} == through for spans in backend.traces().values()),
            "an event is traced through all services",
        )
        assert_a_resync_finds_nothing(stack)
        assert_an_old_page_undoes_no_live_change(stack)

        # Two fetchers: one leads and is killed while objects change and a resync runs.
        stack.start("fetcher", 2)
        stack.command("resync")
        burst(there, made={"count": 60, "objects": 30}, copies=2, late_copies=True, disorder=True)
        stack.processes["fetcher-1"].kill()
        burst(
            there, made={"count": 60, "objects": 30, "seed": 2}, changes=[{"event_type": "service.created"}]
        )
        settle(stack)
        assert_a_resync_finds_nothing(stack)


@pytest.mark.parametrize("how", ["frozen", "stopped"])
def test_gateway_answers_503_while_kafka_is_away_and_nothing_is_lost(
    tmp_path: Path, own_kafka: KafkaServer, how: str
) -> None:
    with live_stack(tmp_path, own_kafka.bootstrap_servers) as stack:
        there = stack.stage.pagerduty
        take_away, bring_back = {
            "frozen": (own_kafka.freeze, own_kafka.thaw),
            "stopped": (own_kafka.stop, own_kafka.start),
        }[how]
        take_away()
        try:
            burst(there, made={"count": 20, "objects": 10})
            stack.wait_until(
                lambda: deliveries(there)["counts"].get("retried", 0) >= 10, "PagerDuty has tried in vain"
            )
            attempts = deliveries(there)["attempts"]
        finally:
            bring_back()
        # PagerDuty waits 5 s for an answer: None would mean that it had none by then.
        assert Counter(one["status"] for one in attempts).keys() == {503}
        settle(stack)
        assert deliveries(there)["counts"]["delivered"] == 20
        assert_a_resync_finds_nothing(stack)
