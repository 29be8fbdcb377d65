"""Holds the mappings between which the model changes, and the blueprints that they fill."""

from typing import Any

Json = Any


def _blueprint(name: str, *properties: str, **relations: str) -> Json:
    return {
        "identifier": name,
        "title": name,
        "schema": {"properties": {one: {"type": "string"} for one in properties}, "required": []},
        "relations": {
            relation: {"target": target, "required": False, "many": False}
            for relation, target in relations.items()
        },
    }


BLUEPRINTS = (
    _blueprint("user", "name", "role", "note"),
    _blueprint("policy", "name"),
    _blueprint("rule", "delay", policy="policy"),
    _blueprint("service", "name", "status", "oncall", "mean", policy="policy"),
    _blueprint("named", "id"),
    _blueprint("incident", "title", "status", service="service"),
    _blueprint("person", "name", user="user"),
)
FOREIGN = "person"
"""Somebody else's: the mappings only add to it."""


def _entry(kind: str, blueprint: str, *, query: str = "true", items: str = "", **more: Json) -> Json:
    mappings = {"identifier": ".id", **more, "blueprint": f'"{blueprint}"'}
    port: Json = {"entity": {"mappings": mappings}}
    if items:
        port["itemsToParse"] = items
    return {"kind": kind, "selector": {"query": query}, "port": port}


USERS = _entry("users", "user", title=".name", properties={"name": ".name", "role": ".role"})
POLICIES = _entry("escalation_policies", "policy", properties={"name": ".name"})
SERVICES = _entry(
    "services",
    "service",
    properties={"name": ".name", "status": ".status"},
    relations={"policy": ".escalation_policy.id"},
)
INCIDENTS = _entry(
    "incidents",
    "incident",
    properties={"title": ".title", "status": ".status"},
    relations={"service": ".service.id"},
)


def _mapping(*entries: Json, creates_missing: bool = True, merges: bool = True) -> Json:
    return {
        "enableMergeEntity": merges,
        "createMissingRelatedEntities": creates_missing,
        "deleteDependentEntities": False,
        "entityDeletionThreshold": 1,
        "resources": list(entries),
    }


MAPPINGS: dict[str, Json] = {
    "plain": _mapping(USERS, POLICIES, SERVICES, INCIDENTS),
    "choosy": _mapping(
        _entry("users", "user", query='.role != "observer"', properties={"name": ".name", "role": ".role"}),
        POLICIES,
        _entry(
            "services",
            "service",
            query='.status != "disabled"',
            properties={"name": ".name", "status": ".status"},
            relations={"policy": ".escalation_policy.id"},
        ),
        _entry("incidents", "incident", query='.status != "resolved"', properties={"title": ".title"}),
    ),
    "items": _mapping(
        USERS,
        POLICIES,
        _entry(
            "escalation_policies",
            "rule",
            items=".escalation_rules",
            identifier=".item.id",
            properties={"delay": ".item.escalation_delay_in_minutes | tostring"},
            relations={"policy": ".id"},
        ),
        _entry("services", "named", identifier=".name", properties={"id": ".id"}),
    ),
    "twice": _mapping(
        _entry("users", "user", query='.role != "observer"', properties={"name": ".name"}),
        _entry("users", "user", query='.role != "admin"', title=".name", properties={"role": ".role"}),
        POLICIES,
        # What an entry gave that does not take the object any more goes only where whole entities are put.
        merges=False,
    ),
    "annotating": _mapping(_entry("users", FOREIGN, relations={"user": ".id"}), USERS, POLICIES),
    "strict": _mapping(INCIDENTS, SERVICES, POLICIES, USERS, creates_missing=False),
    "enriched": _mapping(
        _entry(
            "services",
            "service",
            properties={
                "name": ".name",
                "status": ".status",
                "oncall": ".__oncall_user[0].user.summary",
                "mean": ".__analytics.total_incident_count | tostring",
            },
            relations={"policy": ".escalation_policy.id"},
        ),
        POLICIES,
        INCIDENTS,
    ),
    "failing": _mapping(
        # An observer's selector is no boolean: such an object is a dead letter, and its entity stays.
        _entry(
            "users",
            "user",
            query='if .role == "observer" then "perhaps" else true end',
            properties={"name": ".name", "role": ".role"},
        ),
        POLICIES,
        SERVICES,
    ),
}
