"""Makes incidents of 2 KB as PagerDuty gives them, with all that the mappings of the tests read."""

from typing import Any

from services.mapper.mapped import RawObject
from tests.mapper_builders import INCIDENTS, a_raw, an_incident

Json = Any
STATUSES = ("triggered", "acknowledged", "resolved")


def incidents(number: int) -> list[RawObject]:
    """Return so many raw objects; of three, two are open."""
    return [a_raw(incident(one), topic=INCIDENTS, object_id=f"Q{one:06}") for one in range(number)]


def incident(number: int) -> Json:
    """Return the incident of a number."""
    status = STATUSES[number % 3]
    person = f"user.{number % 40}@example.com"
    return an_incident(
        number,
        status=status,
        urgency=("high", "low")[number % 2],
        resolved_at="2026-04-06T22:30:42Z" if status == "resolved" else None,
        priority=None if number % 5 == 0 else _priority(number % 4 + 1),
        assignments=[] if status == "resolved" else [_assignment(person)],
        first_trigger_log_entry={
            "id": f"R{number:025}",
            "type": "trigger_log_entry",
            "summary": "Triggered through the API.",
            "created_at": "2026-04-06T21:30:42Z",
            "agent": {"id": "PIJ90N7", "type": "service_reference", "summary": "My Mail Service"},
        },
        __custom_fields=[{"name": "environment", "value": "production"}],
        __analytics={"seconds_to_resolve": 3600, "major": False},
    )


def _priority(level: int) -> Json:
    return {
        "id": f"P53ZZH{level}",
        "type": "priority",
        "name": f"P{level}",
        "summary": f"P{level}",
        "description": f"Level {level}",
        "order": level,
    }


def _assignment(person: str) -> Json:
    return {
        "at": "2026-04-06T21:30:42Z",
        "assignee": {
            "id": "PXPGF42",
            "type": "user",
            "summary": "Earline Greenholt",
            "email": person,
            "html_url": "https://subdomain.pagerduty.com/users/PXPGF42",
        },
    }
