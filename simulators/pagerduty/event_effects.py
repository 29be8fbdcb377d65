"""Effects are what an event changes in the account, as the REST API shows it afterwards."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

from simulators.pagerduty.derived import INCIDENT_FIELDS, SERVICE_FIELDS, field_value
from simulators.pagerduty.event_types import kind_of_event
from simulators.pagerduty.identities import Identities
from simulators.pagerduty.includes import reference_to
from simulators.pagerduty.schedules import zulu
from simulators.pagerduty.store import Store

Row = dict[str, Any]
CREATED = frozenset({"incident.triggered", "service.created"})
DELETED = "service.deleted"


@dataclass(frozen=True, slots=True)
class Effect:
    """What an event was about.

    Attributes:
        subject: The object after the event; before it, when it was deleted.
        data: Keys of the event's data that follow from the change.
    """

    subject: Row
    data: Row = field(default_factory=dict)


def apply_event(
    store: Store,
    event_type: str,
    *,
    object_id: str | None,
    changes: Mapping[str, Any],
    now: datetime,
    random: Random,
) -> Effect:
    """Change the account as an event of this type means; return what the event is about.

    Args:
        store: Holds the account.
        event_type: A documented one.
        object_id: The incident or service. None: any one, or for an event that creates a new one.
        changes: Top-level fields of the object with their new values, beside what the event itself changes.
        now: Time of the change, aware UTC.
        random: Chooses what is not said.

    Raises:
        ValueError: The object is not held, or there is none to choose.
    """
    kind = kind_of_event(event_type)
    if event_type in CREATED:
        held = store.rows(kind).get(object_id) if object_id else None
        made = held or _create(store, kind, object_id, now, random)
        subject = {**made, **changes}
        store.put(kind, subject["id"], subject)
        return Effect(subject)
    before = _chosen(store, kind, object_id, random)
    if event_type == DELETED:
        store.delete(kind, before["id"])
        return Effect({**before, **changes})
    if event_type.endswith(".custom_field_values.updated"):
        data = _set_custom_fields(store, kind, before["id"], random)
    else:
        data = {}
    own = EFFECTS.get(event_type)
    changed = {} if own is None else own(store, before, now, random)
    subject = {**before, **changed, "updated_at": zulu(now), **changes}
    store.put(kind, subject["id"], subject)
    return Effect(subject, data)


def _chosen(store: Store, kind: str, object_id: str | None, random: Random) -> Row:
    rows = store.rows(kind)
    if object_id is None:
        if not rows:
            raise ValueError(f"there are no {kind} to choose from")
        object_id = random.choice(list(rows))
    if object_id not in rows:
        raise ValueError(f"{kind} {object_id} is not held")
    row: Row = rows[object_id]
    return row


def _create(store: Store, kind: str, object_id: str | None, now: datetime, random: Random) -> Row:
    """Make a new object like one that is held, or a bare one where there is none."""
    rows = store.rows(kind)
    pattern: Row = dict(random.choice(list(rows.values()))) if rows else {"type": kind.removesuffix("s")}
    make = Identities(random, "acme")
    is_incident = kind == "incidents"
    head = make.head(kind, kind.removesuffix("s"), "Something new", is_long=is_incident)
    while head["id"] in rows:
        head = make.head(kind, kind.removesuffix("s"), "Something new", is_long=is_incident)
    if object_id is not None:
        head = {
            name: text.replace(head["id"], object_id) if isinstance(text, str) else text
            for name, text in head.items()
        }
    common = {**pattern, **head, "created_at": zulu(now), "updated_at": zulu(now)}
    if not is_incident:
        return {**common, "name": head["summary"], "integrations": [], "last_incident_timestamp": None}
    number = 1 + max((row.get("incident_number", 0) for row in rows.values()), default=0)
    title = f"Incident {number} of the simulator"
    return {
        **common,
        "summary": f"[#{number}] {title}",
        "incident_number": number,
        "title": title,
        "description": title,
        "incident_key": f"{random.getrandbits(128):032x}",
        **_opened(now),
    }


def _opened(now: datetime) -> Row:
    return {
        "status": "triggered",
        "resolved_at": None,
        "resolve_reason": None,
        "last_status_change_at": zulu(now),
        "acknowledgements": [],
        "is_mergeable": True,
    }


def _acknowledge(store: Store, incident: Row, now: datetime, random: Random) -> Row:
    who = _someone(store, incident, random)
    acknowledgement = [] if who is None else [{"at": zulu(now), "acknowledger": who}]
    return {
        "status": "acknowledged",
        "last_status_change_at": zulu(now),
        "last_status_change_by": who,
        "acknowledgements": acknowledgement,
    }


def _unacknowledge(_store: Store, _incident: Row, now: datetime, _random: Random) -> Row:
    return {"status": "triggered", "last_status_change_at": zulu(now), "acknowledgements": []}


def _resolve(store: Store, incident: Row, now: datetime, random: Random) -> Row:
    """A resolved incident has no assignees. Source: PagerDuty REST API, Incidents."""
    return {
        "status": "resolved",
        "resolved_at": zulu(now),
        "last_status_change_at": zulu(now),
        "last_status_change_by": _someone(store, incident, random),
        "assignments": [],
        "acknowledgements": [],
        "pending_actions": [],
        "is_mergeable": False,
    }


def _reopen(store: Store, incident: Row, now: datetime, random: Random) -> Row:
    return {**_opened(now), **_reassign(store, incident, now, random)}


def _reassign(store: Store, _incident: Row, now: datetime, random: Random) -> Row:
    users = list(store.rows("users").values())
    if not users:
        return {}
    return {"assignments": [{"at": zulu(now), "assignee": reference_to(random.choice(users))}]}


def _delegate(store: Store, incident: Row, now: datetime, random: Random) -> Row:
    policies = list(store.rows("escalation_policies").values())
    policy = {"escalation_policy": reference_to(random.choice(policies))} if policies else {}
    return {**_reassign(store, incident, now, random), **policy}


def _prioritise(store: Store, incident: Row, _now: datetime, random: Random) -> Row:
    held = incident.get("priority") or {}
    others = [row for row in store.rows("priorities").values() if row["id"] != held.get("id")]
    return {"priority": random.choice([*others, None] if held else others)} if others else {}


def _move(store: Store, _incident: Row, _now: datetime, random: Random) -> Row:
    services = list(store.rows("services").values())
    if not services:
        return {}
    service = random.choice(services)
    return {"service": reference_to(service), "teams": service.get("teams", [])}


def _change_type(_store: Store, incident: Row, _now: datetime, _random: Random) -> Row:
    held = (incident.get("incident_type") or {}).get("name")
    return {"incident_type": {"name": "incident_default" if held == "major_incident" else "major_incident"}}


def _bridge(_store: Store, _incident: Row, _now: datetime, random: Random) -> Row:
    number = random.randint(1_000_000, 9_999_999)
    return {
        "conference_bridge": {
            "conference_number": f"+1 555 {number}",
            "conference_url": f"https://meet.example/{number}",
        }
    }


def _ask_responder(store: Store, incident: Row, now: datetime, random: Random) -> Row:
    users = list(store.rows("users").values())
    if not users:
        return {}
    responder = {"state": "pending", "user": reference_to(random.choice(users)), "updated_at": zulu(now)}
    return {"incidents_responders": [*(incident.get("incidents_responders") or ()), responder]}


def _answer_responder(_store: Store, incident: Row, now: datetime, _random: Random) -> Row:
    """REST says joined where webhooks say accepted. Source: PagerDuty Webhooks V3, Event Data Types."""
    held = incident.get("incidents_responders") or []
    return {"incidents_responders": [{**row, "state": "joined", "updated_at": zulu(now)} for row in held]}


def _update_service(_store: Store, service: Row, _now: datetime, random: Random) -> Row:
    return {"description": f"Described anew, {random.randint(1, 10**9)}.", "status": service.get("status")}


def _someone(store: Store, incident: Row, random: Random) -> Row | None:
    for assignment in incident.get("assignments") or ():
        assignee: Row = assignment["assignee"]
        return assignee
    users = list(store.rows("users").values())
    return reference_to(random.choice(users)) if users else None


def _set_custom_fields(store: Store, kind: str, object_id: str, random: Random) -> Row:
    """Give the first custom field a new value; return what the event says of it."""
    fields_kind = INCIDENT_FIELDS if kind == "incidents" else SERVICE_FIELDS
    fields = store.rows(fields_kind)
    if not fields:
        return {}
    path = f"{kind}/{object_id}/custom_fields/values"
    held = store.rows(path) or {key: field_value(row, None) for key, row in fields.items()}
    key = next(iter(held))
    old = held[key]
    new = {**old, "value": f"value {random.randint(1, 10**9)}"}
    after = {**held, key: new}
    for its_key, row in after.items():
        store.put(path, its_key, row)
    # The one that changed is told with its old value. Source: PagerDuty Webhooks V3, Event Data Types.
    return {"custom_fields": list(after.values()), "changed_custom_fields": [old]}


Change = Callable[[Store, Row, datetime, Random], Row]
EFFECTS: Mapping[str, Change] = {
    "incident.acknowledged": _acknowledge,
    "incident.unacknowledged": _unacknowledge,
    "incident.resolved": _resolve,
    "incident.reopened": _reopen,
    "incident.escalated": _reassign,
    "incident.delegated": _delegate,
    "incident.reassigned": _reassign,
    "incident.priority_updated": _prioritise,
    "incident.service_updated": _move,
    "incident.incident_type.changed": _change_type,
    "incident.conference_bridge.updated": _bridge,
    "incident.responder.added": _ask_responder,
    "incident.responder.replied": _answer_responder,
    "service.updated": _update_service,
}
"""What changes beside `updated_at`; an event that is not here (a note, a task) changes nothing else."""
