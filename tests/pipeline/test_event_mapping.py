"""A mapping in Port's webhook format: events that the gateway takes become entities, with no resync."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from simulators.pagerduty.event_payloads import build_event
from tests.pipeline.harness import Stage, pagerduty, port
from tests.pipeline.test_always_on import always_on, until

pytestmark = pytest.mark.pipeline
SECRET = "event-mapping-secret"
MAPPING = """
webhookMappings:
  - blueprint: pagerdutyIncident
    operation: create
    filter: (.body.event.event_type | startswith("incident.")) and .body.event.data.urgency == "high"
    entity:
      identifier: .body.event.data.id | tostring
      title: .body.event.data.title
      properties:
        status: .body.event.data.status
        url: .body.event.data.html_url
  - blueprint: pagerdutyIncident
    operation: delete
    filter: .body.event.event_type == "incident.resolved"
    entity:
      identifier: .body.event.data.id
"""


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with pagerduty("--account", "small") as source, port(tmp_path) as target:
        yield Stage(source, target, tmp_path)


def post(url: str, event_type: str, **data: Any) -> int:
    shown = {
        "type": "incident",
        "title": "It broke",
        "html_url": "https://acme.pagerduty.com/incidents/Q1",
        **data,
    }
    event = build_event(event_type, shown, event_id=f"01{data['id']}", occurred_at=datetime.now(UTC))
    body = json.dumps(event).encode()
    signature = "v1=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    sent = httpx.post(
        url + "/integration/webhook", content=body, headers={"x-pagerduty-signature": signature}
    )
    return sent.status_code


def test_events_become_entities_and_a_resolved_incident_is_deleted(stage: Stage) -> None:
    mapping = stage.mapping(MAPPING)
    secret = {"OCEAN__INTEGRATION__CONFIG__WEBHOOK_SECRET": SECRET}

    def held() -> dict[str, Any]:
        return {
            identifier: (entity["title"], entity["properties"]["status"])
            for identifier, entity in stage.catalog().get("pagerdutyIncident", {}).items()
        }

    with always_on(stage, mapping, **secret) as (process, url):
        until(lambda: answers(url), process)
        sent = [
            post(url, "incident.triggered", id="Q1", status="triggered", urgency="high"),
            post(url, "incident.triggered", id="Q2", status="triggered", urgency="high"),
            post(url, "incident.triggered", id="Q3", status="triggered", urgency="low"),
            post(url, "incident.acknowledged", id="Q1", status="acknowledged", urgency="high"),
        ]
        both = {"Q1": ("It broke", "acknowledged"), "Q2": ("It broke", "triggered")}
        until(lambda: held() == both, process)
        sent.append(post(url, "incident.resolved", id="Q2", status="resolved", urgency="low"))
        until(lambda: held() == {"Q1": ("It broke", "acknowledged")}, process)

    assert sent == [202] * 5


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/ready").status_code == 200
    except httpx.TransportError:
        return False
