"""Made incidents are the incidents of a made account, each with the log entry that began it."""

from datetime import datetime, timedelta
from random import Random
from typing import Any

from simulators.pagerduty.identities import Identities
from simulators.pagerduty.includes import reference_to
from simulators.pagerduty.schedules import zulu
from simulators.pagerduty.vocabulary import INCIDENT_TITLES, NOTE

Row = dict[str, Any]
SPREAD = timedelta(days=170)
OLDEST_SINCE = timedelta(days=185)
OLDEST_SPREAD = timedelta(days=200)
FIRST_NUMBER = 1001
OPEN_SHARE = 0.04


def make_incidents(
    make: Identities,
    random: Random,
    count: int,
    old_open: int,
    services: list[Row],
    users: list[Row],
    priorities: list[Row],
    now: datetime,
) -> tuple[list[Row], list[Row]]:
    """Make incidents in order of creation, over the last 170 days, and their first log entries.

    Args:
        make: Makes the identities.
        random: Source of chance.
        count: Incidents in all.
        old_open: How many of them are open and older than 180 days.
        services: What they are about; each gets the time of its last incident. None: there are no incidents.
        users: Who deals with them. None: there are no incidents.
        priorities: Some of them have one of these.
        now: No incident is younger.
    """
    if not services or not users:
        return [], []
    old_open = min(old_open, count)
    old = sorted(random.random() for _ in range(old_open))
    young = sorted(random.random() for _ in range(count - old_open))
    times = [now - OLDEST_SINCE - OLDEST_SPREAD * (1 - part) for part in old]
    times += [now - SPREAD * (1 - part) for part in young]
    people = [reference_to(user) for user in users]
    incidents, entries = [], []
    for number, at in enumerate(times):
        is_open = number < old_open or random.random() < OPEN_SHARE
        incident, entry = _incident(
            make,
            random,
            FIRST_NUMBER + number,
            at.replace(microsecond=0),
            now,
            is_open,
            services,
            people,
            priorities,
        )
        incidents.append(incident)
        entries.append(entry)
    return incidents, entries


def _incident(
    make: Identities,
    random: Random,
    number: int,
    created_at: datetime,
    now: datetime,
    is_open: bool,
    services: list[Row],
    people: list[Row],
    priorities: list[Row],
) -> tuple[Row, Row]:
    service = random.choice(services)
    title = random.choice(INCIDENT_TITLES).format(service=service["name"], number=random.randint(2, 99))
    head = make.head("incidents", "incident", f"[#{number}] {title}", is_long=True)
    status = random.choice(["triggered", "acknowledged"]) if is_open else "resolved"
    about, responder = reference_to(service), random.choice(people)
    acknowledged_at = min(now, created_at + timedelta(seconds=random.randint(20, 1_800)))
    resolved_at = min(now, acknowledged_at + timedelta(seconds=random.randint(60, 40_000)))
    changed_at = {"triggered": created_at, "acknowledged": acknowledged_at, "resolved": resolved_at}[status]
    service["last_incident_timestamp"] = zulu(created_at)
    entry = _first_entry(make, head, about, service["teams"], created_at)
    incident = {
        **head,
        "incident_number": number,
        "title": title,
        "description": title,
        "created_at": zulu(created_at),
        "updated_at": zulu(changed_at),
        "status": status,
        "incident_key": None if random.random() < 0.2 else f"{random.getrandbits(128):032x}",
        "service": about,
        "assignments": _assignments(random, status, created_at, responder, people),
        "assigned_via": "escalation_policy",
        "last_status_change_at": zulu(changed_at),
        "resolved_at": zulu(resolved_at) if status == "resolved" else None,
        "first_trigger_log_entry": reference_to(entry),
        "alert_counts": _alert_counts(random, status),
        "is_mergeable": status != "resolved",
        "incident_type": {"name": "incident_default"},
        "escalation_policy": service["escalation_policy"],
        "teams": service["teams"],
        "pending_actions": _pending(status, now),
        "acknowledgements": (
            [{"at": zulu(acknowledged_at), "acknowledger": responder}] if status == "acknowledged" else []
        ),
        "basic_alert_grouping": None,
        "alert_grouping": None,
        "last_status_change_by": about if status == "triggered" else responder,
        "priority": random.choice(priorities) if priorities and random.random() < 0.6 else None,
        "resolve_reason": None,
        "conference_bridge": None,
        "incidents_responders": [],
        "responder_requests": [],
        "urgency": "high" if random.random() < 0.7 else "low",
        "body": {"type": "incident_body", "details": NOTE * random.randint(0, 3)},
    }
    return incident, entry


def _first_entry(make: Identities, incident: Row, about: Row, teams: list[Row], created_at: datetime) -> Row:
    head = make.head("log_entries", "trigger_log_entry", "Triggered through the API.", is_long=True)
    return {
        **head,
        "self": f"{head['self']}?incident_id={incident['id']}",
        "html_url": f"{incident['html_url']}/log_entries/{head['id']}",
        "created_at": zulu(created_at),
        "agent": about,
        "channel": {"type": "api", "summary": incident["summary"]},
        "service": about,
        "incident": reference_to(incident),
        "teams": teams,
        "contexts": [],
        "event_details": {"description": incident["summary"]},
    }


def _assignments(
    random: Random, status: str, created_at: datetime, responder: Row, people: list[Row]
) -> list[Row]:
    """A resolved incident has none. Source: PagerDuty REST API, Incidents."""
    if status == "resolved":
        return []
    others = [random.choice(people)] if random.random() < 0.3 else []
    assignees = {person["id"]: person for person in (responder, *others)}
    return [{"at": zulu(created_at), "assignee": person} for person in assignees.values()]


def _alert_counts(random: Random, status: str) -> Row:
    total = random.randint(1, 5)
    done = total if status == "resolved" else 0
    return {"all": total, "triggered": total - done, "resolved": done}


def _pending(status: str, now: datetime) -> list[Row]:
    return [{"type": "escalate", "at": zulu(now + timedelta(minutes=30))}] if status == "triggered" else []
