"""Holds what the rich mapping needs beside a made account: more objects, and the blueprints."""

from datetime import datetime, timedelta
from typing import Any

Json = Any


def iso(at: datetime) -> str:
    """Write a UTC time as PagerDuty does."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def more_objects(state: Json, now: datetime) -> dict[str, list[Json]]:
    """Return objects of kinds that a made account has none of, by kind.

    Args:
        state: The account as it is.
        now: Aware UTC.
    """
    services = list(state["services"].values())

    def reference(service: Json) -> Json:
        return {name: service[name] for name in ("id", "summary", "self", "html_url")} | {
            "type": "service_reference"
        }

    return {
        "business_services": [
            {
                "id": f"PBUS{number}",
                "type": "business_service",
                "name": service["name"],
                "description": f"Sells {number}" if number % 4 else None,
                "point_of_contact": None if number % 3 else "Ada",
            }
            for number, service in enumerate(services[:30])
        ],
        "maintenance_windows": [
            {
                "id": f"PWIN{number}",
                "type": "maintenance_window",
                "sequence_number": number,
                "start_time": iso(now + timedelta(days=number - 10)),
                "end_time": iso(now + timedelta(days=number - 10, minutes=90)),
                "description": None if number % 5 == 0 else f"Window {number}",
                "services": [reference(one) for one in services[number : number + number % 4]],
                "teams": [],
            }
            for number in range(30)
        ],
        "change_events": [
            {
                "id": f"PCHG{number}",
                "type": "change_event",
                "summary": f"Deploy {number}",
                "timestamp": iso(now - timedelta(days=number)),
                "links": [{"href": f"https://ci.example/{number}"}] if number % 2 else [],
                "custom_details": {"build": {"number": number}} if number % 3 else {},
                "services": [reference(services[number % len(services)])],
            }
            for number in range(1, 160)
        ],
        "licenses": [
            {
                "id": f"PLIC{number}",
                "type": "license",
                "name": f"Plan {number}",
                "valid_roles": ["owner", "admin", "user"][: 3 - number],
                "allocations_available": None if number == 1 else number,
            }
            for number in range(4)
        ],
        "alert_grouping_settings": [
            {
                "id": f"PGRP{number}",
                "type": "time",
                "name": f"Grouping {number}",
                "config": {"timeout": 60 * number} if number % 2 else {"fields": ["summary"]},
                "services": [reference(services[number % len(services)])],
            }
            for number in range(230)
        ],
        "automation_actions/runners": [
            {
                "id": f"PRUN{number}",
                "type": "runner",
                "name": f"ランナー {number}" if number % 2 else f"Runner {number}",
                "status": "Configured",
            }
            for number in range(230)
        ],
        "incident_workflows/actions": [
            {
                "id": f"PACT{number}",
                "type": "action",
                "name": f"Send {number}" if number % 3 else f"Keep {number}",
                "is_public": number % 7 != 0,
                "inputs": [{"name": "to"}] * (number % 4),
            }
            for number in range(260)
        ],
    }


_PROPERTIES = {
    "team": "slug shown isRoot:boolean length:number description secret token",
    "person_billed": "email domain code initials first some:array never wrong absent invited:boolean "
    "zero:number blank none:array",
    "person_free": "email domain code initials first some:array never wrong absent invited:boolean "
    "zero:number blank none:array",
    "contact": "address hasList:boolean person",
    "service": "name status origin createdAt createdDay policy loops:number vendors:array oncall:array "
    "levels:number incidents:number environment regions:array timeout:number rule:object supported:boolean "
    "urgency trouble business point",
    "yearly": "count:number seconds:number",
    "integration": "summary url kept:number",
    "field": "text whole:object",
    "incident": "id title status createdAt seconds:number words:number letters:number short counts:object "
    "sum:number key trigger shown month fingerprint row open:boolean responders:array",
    "important": "priority seconds:number major:boolean fields:array",
    "assignment": "at others:number",
    "policy": "loops:number description depth:number oncall:array minutes:number",
    "target": "level:number isSchedule:boolean",
    "schedule": "zone emails:array turns:array layers:array",
    "layer": "start kept:boolean",
    "rota": "url",
    "oncall": "start end email zone",
    "priority": "name color half:number",
    "type": "name",
    "vendor": "name site",
    "ability": "length:number",
    "maintenance": "start names:array hours:number",
    "entry": "at number:number channel:object",
    "change": "links:array build:number",
    "tag": "level:number",
    "license": "left:number roles:array",
    "fieldKind": "type",
    "grouping": "minutes:number",
    "runner": "status first",
    "action": "name inputs:number",
}
_RELATIONS = {
    "person_billed": "teams*team team=team",
    "service": "policy=policy teams*team",
    "yearly": "service=service",
    "integration": "service=service vendor=vendor",
    "field": "service=service",
    "incident": "service=service",
    "important": "priority=priority incident=incident",
    "assignment": "incident=incident",
    "target": "policy=policy",
    "layer": "schedule=schedule",
    "oncall": "policy=policy schedule=schedule",
    "maintenance": "services*service sameNames*service unsaid=service",
    "entry": "incident=incident",
    "grouping": "services*service",
}
_RELATIONS["person_free"] = _RELATIONS["person_billed"]


def _blueprint(identifier: str) -> Json:
    properties: dict[str, Json] = {}
    for word in _PROPERTIES[identifier].split():
        name, _, type_name = word.partition(":")
        properties[name] = {"type": type_name or "string"}
    relations: dict[str, Json] = {}
    for word in _RELATIONS.get(identifier, "").split():
        name, mark, target = next(word.partition(mark) for mark in "*=" if mark in word)
        relations[name] = {"title": name, "target": target, "required": False, "many": mark == "*"}
    return {
        "identifier": identifier,
        "title": identifier,
        "schema": {"properties": properties, "required": []},
        "relations": relations,
    }


BLUEPRINTS: list[Json] = [_blueprint(identifier) for identifier in _PROPERTIES]
