"""Builds mappings, raw objects and incidents for the tests of the mapper."""

import json
from datetime import UTC, datetime
from typing import Any

from schemas.entity_change import EntityChange
from schemas.mapping import MappingFile, MappingInForce
from services.mapper.mapped import Mapped, RawObject
from services.mapper.objects import ObjectMapper
from services.mapper.plan import build_plan
from services.mapper.plan_shape import Plan
from shared.sources import plan_sources

Json = Any
NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
INCIDENTS = "pagerduty.raw.incidents"


def an_entry(
    *,
    kind: str = "incidents",
    query: str = "true",
    params: dict[str, Json] | None = None,
    blueprint: str = '"incident"',
    identifier: Json = ".id",
    items: str | None = None,
    port: dict[str, Json] | None = None,
    **mappings: Json,
) -> dict[str, Json]:
    """Return an entry of `resources`; further keywords go beside the identifier."""
    return {
        "kind": kind,
        "selector": {"query": query, "apiQueryParams": params or {}},
        "port": {
            "entity": {"mappings": {"identifier": identifier, "blueprint": blueprint, **mappings}},
            **({"itemsToParse": items} if items is not None else {}),
            **(port or {}),
        },
    }


def a_mapping(*entries: dict[str, Json], version: int = 3, **root: Json) -> MappingInForce:
    config = MappingFile.model_validate({"resources": list(entries), **root})
    return MappingInForce(version=version, config=config)


def a_plan(*entries: dict[str, Json], **root: Json) -> Plan:
    """Return a plan as a worker gets it: through JSON."""
    mapping = a_mapping(*entries, **root)
    plan: Plan = json.loads(json.dumps(build_plan(mapping, plan_sources(mapping.config, now=NOW))))
    return plan


def a_raw(
    value: Json = None,
    *,
    topic: str = INCIDENTS,
    object_id: str = "I1",
    deleted: bool = False,
    omitted: tuple[str, ...] = (),
    body: bytes | None = None,
) -> RawObject:
    if value is not None:
        body = json.dumps(value).encode()
    return RawObject(topic, 2, 17, object_id, deleted, omitted, body)


def map_one(raw: RawObject, *entries: dict[str, Json], **root: Json) -> Mapped:
    return ObjectMapper(a_plan(*entries, **root)).map_object(raw)


def changes_of(mapped: Mapped) -> list[EntityChange]:
    """Return the changes, each read back from its bytes and checked against its key."""
    changes = [EntityChange.model_validate_json(change.value) for change in mapped.changes]
    assert [change.key for change in mapped.changes] == [change.key().decode() for change in changes]
    assert [change.operation for change in mapped.changes] == [change.operation.value for change in changes]
    return changes


def an_incident(number: int = 1, **changed: Json) -> dict[str, Json]:
    """Return an incident as PagerDuty gives it."""
    incident = {
        "id": f"Q{number:06}",
        "type": "incident",
        "summary": f"[#{number}] The server is on fire.",
        "self": f"https://api.pagerduty.com/incidents/Q{number:06}",
        "html_url": f"https://subdomain.pagerduty.com/incidents/Q{number:06}",
        "incident_number": number,
        "title": f"The server {number} is on fire.",
        "created_at": "2026-04-06T21:30:42Z",
        "updated_at": "2026-04-06T21:40:23Z",
        "status": "triggered",
        "incident_key": f"key-{number}",
        "service": {
            "id": "PIJ90N7",
            "type": "service_reference",
            "summary": "My Mail Service",
            "self": "https://api.pagerduty.com/services/PIJ90N7",
            "html_url": "https://subdomain.pagerduty.com/service-directory/PIJ90N7",
        },
        "assignments": [
            {
                "at": "2026-04-06T21:30:42Z",
                "assignee": {"id": "PXPGF42", "type": "user_reference", "summary": "Earline Greenholt"},
            }
        ],
        "assigned_via": "escalation_policy",
        "last_status_change_at": "2026-04-06T21:38:23Z",
        "resolved_at": None,
        "alert_counts": {"all": 2, "triggered": 0, "resolved": 2},
        "escalation_policy": {
            "id": "PT20YPA",
            "type": "escalation_policy_reference",
            "summary": "Another Escalation Policy",
        },
        "teams": [{"id": "PQ9K7I8", "type": "team_reference", "summary": "Engineering"}],
        "acknowledgements": [],
        "priority": {"id": "P53ZZH5", "type": "priority_reference", "summary": "P2"},
        "urgency": "high",
        "body": {"type": "incident_body", "details": "disk full on /var/lib " * 20},
    }
    return {**incident, **changed}
