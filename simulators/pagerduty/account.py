"""A made account is a PagerDuty account of any size, the same for the same seed, sizes and time."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

from simulators.pagerduty.derived import INCIDENT_FIELDS, SERVICE_FIELDS, field_value
from simulators.pagerduty.identities import Identities
from simulators.pagerduty.includes import reference_to
from simulators.pagerduty.made_incidents import make_incidents
from simulators.pagerduty.made_people import make_teams, make_users
from simulators.pagerduty.made_rotas import make_oncalls, make_policies, make_schedules, make_shift_schedules
from simulators.pagerduty.schedules import zulu
from simulators.pagerduty.store import Account
from simulators.pagerduty.vocabulary import ABILITIES, NOTE, PRIORITIES, SERVICE_NAMES, VENDORS

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many objects there are of each kind.

    Attributes:
        oncalls: Rows that are current; some more begin next week. None makes what the policies ask for.
        old_open_incidents: Incidents, of those in `incidents`, that are open and older than 180 days.
        custom_fields: Whether services and incidents have custom fields.
    """

    services: int = 40
    incidents: int = 600
    users: int = 35
    teams: int = 6
    schedules: int = 12
    v3_schedules: int = 3
    policies: int = 14
    oncalls: int | None = None
    old_open_incidents: int = 0
    custom_fields: bool = True


DEMO = Sizes(old_open_incidents=4)
SMALL = Sizes(
    services=4, incidents=12, users=6, teams=2, schedules=2, v3_schedules=1, policies=3, old_open_incidents=1
)
PRESETS = {"demo": DEMO, "small": SMALL}
PLAIN = replace(SMALL, old_open_incidents=0)


def generate_account(seed: int, sizes: Sizes, now: datetime, subdomain: str = "acme") -> Account:
    """Make an account.

    Args:
        seed: The same seed, sizes and time make the same account.
        sizes: How many objects of each kind.
        now: Time that incidents and on-calls are placed around, aware UTC.
        subdomain: The account's name, in web addresses.
    """
    random = Random(seed)
    now = now.replace(microsecond=0)
    make = Identities(random, subdomain)
    teams = make_teams(make, sizes.teams)
    users, contacts, rules = make_users(make, random, sizes.users, teams)
    schedules = make_schedules(make, random, sizes.schedules, users, teams, now)
    shifts = make_shift_schedules(make, random, sizes.v3_schedules, users, teams, now)
    policies = make_policies(make, random, sizes.policies, users, teams, [*schedules, *shifts])
    vendors = [_vendor(make, name) for name in VENDORS]
    services, integrations = _services(make, random, sizes.services, policies, vendors, now)
    priorities = [_priority(make, *row, now) for row in PRIORITIES]
    incidents, entries = make_incidents(
        make, random, sizes.incidents, sizes.old_open_incidents, services, users, priorities, now
    )
    account: Account = {
        "abilities": {name: name for name in ABILITIES},
        "teams": _by_id(teams),
        "users": _by_id(users),
        "contact_methods": _by_id(contacts),
        "notification_rules": _by_id(rules),
        "vendors": _by_id(vendors),
        "escalation_policies": _by_id(policies),
        "schedules": _by_id(schedules),
        "v3/schedules": _by_id(shifts),
        "services": _by_id(services),
        "integrations": _by_id(integrations),
        "priorities": _by_id(priorities),
        "incidents": _by_id(incidents),
        "log_entries": _by_id(entries),
        "oncalls": make_oncalls(random, policies, users, sizes.oncalls, now),
        "tags": _by_id([_tag(make, label) for label in ("tier-1", "tier-2", "pci")]),
        "incidents/types": _by_id([_incident_type(make, now)]),
    }
    if sizes.custom_fields:
        _add_custom_fields(make, random, account)
    return account


def _by_id(rows: list[Row]) -> dict[str, Row]:
    return {row["id"]: row for row in rows}


def _vendor(make: Identities, name: str) -> Row:
    return {
        **make.head("vendors", "vendor", name),
        "html_url": None,
        "name": name,
        "website_url": f"https://vendor.example/{name.lower().replace(' ', '-')}",
        "description": f"Sends the alerts of {name}.",
        "generic_service_type": "events",
    }


def _tag(make: Identities, label: str) -> Row:
    return {**make.head("tags", "tag", label), "html_url": None, "label": label}


def _incident_type(make: Identities, now: datetime) -> Row:
    return {
        "id": make.new_id(),
        "type": "incident_type",
        "name": "incident_default",
        "display_name": "Base Incident",
        "description": None,
        "enabled": True,
        "parent": None,
        "created_at": zulu(now - timedelta(days=900)),
        "updated_at": zulu(now - timedelta(days=900)),
    }


def _priority(make: Identities, name: str, description: str, color: str, order: int, now: datetime) -> Row:
    """Source: PagerDuty REST API, List priorities; real ones have colour, order and account too."""
    return {
        **make.head("priorities", "priority", name),
        "html_url": None,
        "account_id": "PACCT01",
        "color": color,
        "created_at": zulu(now - timedelta(days=1000)),
        "description": description,
        "name": name,
        "order": order,
        "schema_version": 0,
        "updated_at": zulu(now - timedelta(days=1000)),
    }


def _services(
    make: Identities, random: Random, count: int, policies: list[Row], vendors: list[Row], now: datetime
) -> tuple[list[Row], list[Row]]:
    services: list[Row] = []
    integrations: list[Row] = []
    for number in range(count):
        base = SERVICE_NAMES[number % len(SERVICE_NAMES)]
        name = base if number < len(SERVICE_NAMES) else f"{base}-{number // len(SERVICE_NAMES) + 1}"
        head = make.head("services", "service", name)
        policy = policies[number % len(policies)] if policies else None
        own = [_integration(make, head, random.choice(vendors)) for _ in range(random.randint(1, 3))]
        integrations += own
        services.append(_service(head, random, policy, own, now))
        if policy is not None:
            policy["services"].append(reference_to(services[-1]))
    return services, integrations


def _integration(make: Identities, service: Row, vendor: Row) -> Row:
    made = make.new_id()
    return {
        "id": made,
        "type": "events_api_v2_inbound_integration",
        "summary": vendor["name"],
        "self": f"{service['self']}/integrations/{made}",
        "html_url": f"{service['html_url']}/integrations/{made}",
        "name": vendor["name"],
        "service": reference_to(service),
        "vendor": reference_to(vendor),
        "integration_key": None,
    }


def _service(head: Row, random: Random, policy: Row | None, integrations: list[Row], now: datetime) -> Row:
    created_at = now - timedelta(days=random.randint(200, 1500), seconds=random.randint(0, 86_399))
    has_support_hours = random.random() < 0.3
    constant = {"type": "constant", "urgency": random.choice(["high", "high", "low", "severity_based"])}
    return {
        **head,
        "name": head["summary"],
        "description": random.choice([NOTE, f"The {head['summary']} service.", None]),
        # As seen of the real service, this time has the account's zone while others are UTC.
        "created_at": created_at.isoformat(),
        "updated_at": zulu(created_at + timedelta(days=30)),
        "status": random.choice(["active"] * 7 + ["warning", "critical", "maintenance", "disabled"]),
        "teams": [] if policy is None else list(policy["teams"]),
        "alert_creation": "create_alerts_and_incidents",
        "addons": [],
        "scheduled_actions": [],
        "support_hours": _support_hours() if has_support_hours else None,
        "last_incident_timestamp": None,
        "escalation_policy": None if policy is None else reference_to(policy),
        "incident_urgency_rule": _support_rule() if has_support_hours else constant,
        "acknowledgement_timeout": random.choice([None, 600, 1800]),
        "auto_resolve_timeout": random.choice([None, 14_400]),
        "alert_grouping": None,
        "alert_grouping_timeout": None,
        "alert_grouping_parameters": {"type": None, "config": None},
        "auto_pause_notifications_parameters": {"enabled": False, "timeout": None},
        "integrations": [reference_to(integration) for integration in integrations],
    }


def _support_hours() -> Row:
    return {
        "type": "fixed_time_per_day",
        "time_zone": "Europe/Berlin",
        "start_time": "09:00:00",
        "end_time": "17:00:00",
        "days_of_week": [1, 2, 3, 4, 5],
    }


def _support_rule() -> Row:
    return {
        "type": "use_support_hours",
        "during_support_hours": {"type": "constant", "urgency": "high"},
        "outside_support_hours": {"type": "constant", "urgency": "low"},
    }


def _add_custom_fields(make: Identities, random: Random, account: Account) -> None:
    """Add fields to services, with values, and one to incidents, without."""
    fields = [
        _field(make, "environment", "Environment", "string", "single_value_fixed"),
        _field(make, "regions", "Regions", "string", "multi_value"),
        _field(make, "cost_center", "Cost center", "integer", "single_value"),
    ]
    account[SERVICE_FIELDS] = _by_id(fields)
    impact = _field(make, "impact", "Impact", "string", "single_value")
    account[INCIDENT_FIELDS] = {impact["id"]: impact}
    for service_id in account["services"]:
        values = (random.choice(["production", "staging"]), random.choice([["eu", "us"], []]), None)
        account[f"services/{service_id}/custom_fields/values"] = {
            field["id"]: field_value(field, value) for field, value in zip(fields, values, strict=True)
        }


def _field(make: Identities, name: str, display_name: str, data_type: str, field_type: str) -> Row:
    return {
        "id": make.new_id(),
        "type": "field",
        "summary": display_name,
        "name": name,
        "display_name": display_name,
        "description": None,
        "data_type": data_type,
        "field_type": field_type,
        "enabled": True,
        "default_value": None,
    }
