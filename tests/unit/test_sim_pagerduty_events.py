"""Events of the PagerDuty simulator change the account, and tell what PagerDuty tells."""

from typing import Any

import orjson
import pytest

from schemas.webhook_event import EVENT_KINDS, event_of, object_id_of
from simulators.pagerduty.app import PagerDutySimulator
from simulators.pagerduty.event_payloads import BUILDERS, build_event
from simulators.pagerduty.event_types import DATA_TYPES, kind_of_event
from simulators.pagerduty.live import Burst, Change, Happened, MadeChanges
from tests.unit.sim_pagerduty_client import NOW, Clock, client, simulator


def happen(
    app: PagerDutySimulator, event_type: str, object_id: str | None = None, **changes: Any
) -> Happened:
    change = Change(event_type=event_type, id=object_id, set=changes)
    (event,) = app.live.happen(Burst(changes=[change]))
    return event


def open_incident(app: PagerDutySimulator) -> str:
    return next(key for key, row in app.store.rows("incidents").items() if row["status"] != "resolved")


def test_every_event_type_has_a_payload_and_no_payload_is_an_orphan() -> None:
    assert set(DATA_TYPES.values()) == set(BUILDERS)


@pytest.mark.parametrize("event_type", DATA_TYPES)
def test_event_names_the_object_it_is_about_as_a_reader_finds_it(event_type: str) -> None:
    app = simulator()
    event = happen(app, event_type)

    read = event_of(orjson.loads(orjson.dumps(event.body)))
    assert read is not None
    assert (read["event_type"], read["data"]["type"]) == (event_type, DATA_TYPES[event_type])
    assert EVENT_KINDS[event_type] == kind_of_event(event_type)
    assert object_id_of(read, EVENT_KINDS[event_type]) == event.object_id


def test_payload_of_an_incident_has_the_names_of_webhooks() -> None:
    app = simulator()
    incident_id = open_incident(app)
    incident = app.store.rows("incidents")[incident_id]

    body = build_event("incident.triggered", incident, event_id="01A", occurred_at=NOW)

    event = body["event"]
    assert {name: event[name] for name in event if name != "data"} == {
        "id": "01A",
        "event_type": "incident.triggered",
        "resource_type": "incident",
        "occurred_at": "2026-07-01T12:30:00.000Z",
        "agent": None,
        "client": None,
    }
    data = event["data"]
    assert data["number"] == incident["incident_number"]
    assert [row["id"] for row in data["assignees"]] == [
        row["assignee"]["id"] for row in incident["assignments"]
    ]
    rest_only = {"updated_at", "resolved_at", "acknowledgements", "alert_counts", "summary", "description"}
    assert data.keys() & rest_only == set()


@pytest.mark.parametrize(
    ("event_type", "field", "value"),
    [
        ("incident.acknowledged", "status", "acknowledged"),
        ("incident.resolved", "status", "resolved"),
        ("incident.resolved", "assignments", []),
        ("incident.reopened", "status", "triggered"),
        ("incident.unacknowledged", "acknowledgements", []),
        ("incident.incident_type.changed", "incident_type", {"name": "major_incident"}),
        ("incident.annotated", "updated_at", "2026-07-01T12:40:00Z"),
        ("incident.task.created", "updated_at", "2026-07-01T12:40:00Z"),
    ],
)
async def test_rest_api_shows_what_the_event_told(event_type: str, field: str, value: object) -> None:
    clock = Clock()
    app = simulator(clock=clock)
    clock.advance(minutes=10)
    incident_id = open_incident(app)
    async with client(app) as pagerduty:
        await pagerduty.get(f"/incidents/{incident_id}")
        happen(app, event_type, incident_id)
        after = (await pagerduty.get(f"/incidents/{incident_id}")).json()["incident"]

    assert (after[field], after["updated_at"]) == (value, "2026-07-01T12:40:00Z")


async def test_created_and_deleted_services_come_and_go() -> None:
    app = simulator()
    async with client(app) as pagerduty:
        made = happen(app, "service.created", name="brand new")
        shown = (await pagerduty.get(f"/services/{made.object_id}")).json()["service"]
        gone = happen(app, "service.deleted", made.object_id)
        missing = (await pagerduty.get(f"/services/{made.object_id}")).status_code

    assert (shown["id"], shown["name"]) == (made.object_id, "brand new")
    assert (gone.body["event"]["data"]["id"], missing) == (made.object_id, 404)


async def test_new_incident_has_the_next_number_and_a_given_id() -> None:
    app = simulator()
    highest = max(row["incident_number"] for row in app.store.rows("incidents").values())
    event = happen(app, "incident.triggered", "Q0000000000NEW", title="Everything is down")
    async with client(app) as pagerduty:
        shown = (await pagerduty.get("/incidents/Q0000000000NEW")).json()["incident"]

    assert (event.object_id, shown["incident_number"], shown["status"]) == (
        "Q0000000000NEW",
        highest + 1,
        "triggered",
    )
    assert (shown["title"], event.body["event"]["data"]["title"]) == ("Everything is down",) * 2


async def test_custom_field_event_tells_the_old_value_of_what_changed() -> None:
    app = simulator()
    service_id = next(iter(app.store.rows("services")))
    path = f"/services/{service_id}/custom_fields/values"
    async with client(app) as pagerduty:
        before = (await pagerduty.get(path)).json()["custom_fields"]
        event = happen(app, "service.custom_field_values.updated", service_id)
        after = (await pagerduty.get(path)).json()["custom_fields"]

    data = event.body["event"]["data"]
    assert (data["custom_fields"], data["changed_custom_fields"]) == (after, before[:1])
    assert after[0]["value"] != before[0]["value"]


def test_made_changes_are_the_same_for_the_same_seed_and_of_so_many_objects() -> None:
    def made(seed: int) -> list[tuple[str, str]]:
        asked = MadeChanges(count=200, objects=4, seed=seed)
        return [(one.event_type, one.object_id) for one in simulator().live.happen(Burst(made=asked))]

    events = made(3)
    assert made(3) == events
    assert made(4) != events
    assert len({object_id for _, object_id in events}) <= 4
    assert not {event_type for event_type, _ in events} & {
        "incident.triggered",
        "service.created",
        "service.deleted",
    }


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"changes": [{"event_type": "incident.danced"}]}, "is no event that can be subscribed to"),
        ({"changes": [{"event_type": "incident.resolved", "id": "QNONE"}]}, "incidents QNONE is not held"),
        ({"changes": [], "colour": "red"}, "Extra inputs are not permitted"),
        ({"copies": 0}, "greater than or equal to 1"),
    ],
)
async def test_change_that_cannot_be_is_refused(body: dict[str, Any], error: str) -> None:
    async with client(simulator()) as pagerduty:
        answer = await pagerduty.post("/_sim/events", json=body)

    assert answer.status_code == 422
    assert error in answer.text
