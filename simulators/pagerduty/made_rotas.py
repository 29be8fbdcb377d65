"""Made rotas are the schedules, escalation policies and on-calls of a made account."""

from datetime import datetime, timedelta
from random import Random
from typing import Any

from simulators.pagerduty.identities import API, Identities
from simulators.pagerduty.includes import reference_to
from simulators.pagerduty.schedules import zulu
from simulators.pagerduty.vocabulary import NOTE, TEAM_NAMES

Row = dict[str, Any]
WEEK = timedelta(weeks=1)


def make_schedules(
    make: Identities, random: Random, count: int, users: list[Row], teams: list[Row], now: datetime
) -> list[Row]:
    """Make layer-based schedules; each seventh lists a deleted user."""
    schedules = []
    for number in range(count):
        role = "secondary" if number % 2 else "primary"
        name = f"{TEAM_NAMES[number % len(TEAM_NAMES)]} {role} {number + 1}"
        members = [
            reference_to(user) for user in random.sample(users, k=min(len(users), random.randint(2, 5)))
        ]
        start_at = now - timedelta(days=400, hours=number)
        layer = {
            "id": make.new_id(),
            "name": "Layer 1",
            "start": zulu(start_at),
            "end": None,
            "rotation_virtual_start": zulu(start_at),
            "rotation_turn_length_seconds": 604_800,
            "users": [{"user": member} for member in members],
            "restrictions": [],
        }
        schedules.append(
            {
                **make.head("schedules", "schedule", name),
                "name": name,
                "time_zone": random.choice(["UTC", "Europe/Berlin", "America/New_York"]),
                "description": NOTE if number % 3 == 0 else None,
                "users": [*members, _deleted_user(make)] if number % 7 == 6 else members,
                "escalation_policies": [],
                "teams": [reference_to(teams[number % len(teams)])] if teams and number % 4 else [],
                "schedule_layers": [layer],
            }
        )
    return schedules


def _deleted_user(make: Identities) -> Row:
    """Source: heimweh/go-pagerduty, issue 509: schedules go on listing users that are gone."""
    made = make.new_id()
    return {
        "id": made,
        "type": "user_reference",
        "summary": "Former Colleague",
        "self": None,
        "html_url": f"https://acme.pagerduty.com/users/{made}",
        "deleted_at": "2024-02-01T09:00:00Z",
    }


def make_shift_schedules(
    make: Identities, random: Random, count: int, users: list[Row], teams: list[Row], now: datetime
) -> list[Row]:
    """Make shift-based schedules. Source: PagerDuty REST API, Schedules v2 to v3 upgrade."""
    schedules = []
    for number in range(count):
        members = random.sample(users, k=min(len(users), 3))
        name = f"Follow the sun {number + 1}"
        head = make.head("v3/schedules", "schedule_v3", name)
        event = {
            "id": make.new_id(is_long=True),
            "type": "event",
            "name": "Weekly",
            "start_time": {"date_time": zulu(now - timedelta(days=100)), "time_zone": "UTC"},
            "recurrence": ["RRULE:FREQ=WEEKLY"],
            "assignment_strategy": {
                "type": "rotating_member_assignment_strategy",
                "members": [{"type": "user_member", "user_id": user["id"]} for user in members],
            },
        }
        schedules.append(
            {
                **head,
                "html_url": f"https://acme.pagerduty.com/schedules/{head['id']}",
                "name": name,
                "description": None,
                "time_zone": "UTC",
                "teams": [reference_to(teams[number % len(teams)])] if teams else [],
                "escalation_policies": [],
                "users": [reference_to(user) for user in members],
                "rotations": [{"id": make.new_id(is_long=True), "type": "rotation", "events": [event]}],
                "http_cal_url": f"{API}/private/{head['id']}/calendar",
                "web_cal_url": f"{API}/private/{head['id']}/calendar",
            }
        )
    return schedules


def make_policies(
    make: Identities, random: Random, count: int, users: list[Row], teams: list[Row], schedules: list[Row]
) -> list[Row]:
    """Make escalation policies: level 1 is mostly a schedule, level 2 a person, sometimes a third."""
    policies = []
    for number in range(count):
        name = f"{TEAM_NAMES[number % len(TEAM_NAMES)]} escalation {number + 1}"
        schedule = schedules[number % len(schedules)] if schedules and number % 5 != 4 else None
        targets = [[_target(schedule)]] if schedule is not None else [[reference_to(random.choice(users))]]
        targets += [[reference_to(user)] for user in random.sample(users, k=min(len(users), 1 + number % 2))]
        policy = {
            **make.head("escalation_policies", "escalation_policy", name),
            "name": name,
            "escalation_rules": [
                {"id": make.new_id(), "escalation_delay_in_minutes": 15 * level, "targets": level_targets}
                for level, level_targets in enumerate(targets, start=1)
            ],
            "services": [],
            "num_loops": number % 3,
            "teams": [reference_to(teams[number % len(teams)])] if teams and number % 6 else [],
            "description": NOTE if number % 2 else None,
            "on_call_handoff_notifications": "if_has_services",
            "privilege": None,
        }
        policies.append(policy)
        if schedule is not None:
            schedule["escalation_policies"].append(reference_to(policy))
    return policies


def _target(schedule: Row) -> Row:
    kind = "schedule_v3_reference" if schedule["type"] == "schedule_v3" else "schedule_reference"
    return reference_to(schedule, kind)


def make_oncalls(
    random: Random, policies: list[Row], users: list[Row], count: int | None, now: datetime
) -> dict[str, Row]:
    """Make on-calls, keyed by what tells them apart; rows have no id. Source: PagerDuty REST API, On-calls.

    Without a count there is one current row for each level of each policy. With one there are so many,
    more than the policies ask for when need be. The first row of a schedule comes with the next shift.
    """
    levels = [
        (policy, level, target)
        for policy in policies
        for level, rule in enumerate(policy["escalation_rules"], start=1)
        for target in rule["targets"]
    ]
    rows: dict[str, Row] = {}
    wanted = len(levels) if count is None else count
    current = number = 0
    while levels and users and current < wanted:
        lap, place = divmod(number, len(levels))
        number += 1
        policy, level, target = levels[place]
        schedule = None if target["type"] == "user_reference" else target
        person = target if schedule is None and lap == 0 else reference_to(users[(place + lap) % len(users)])
        # Once every user has been on a level, the policy gets further levels: rows stay distinct.
        current += _add_row(rows, policy, level + 10 * (lap // len(users)), schedule, person, now)
        if schedule is not None and lap == 0:
            _add_row(rows, policy, level, schedule, reference_to(random.choice(users)), now + WEEK)
    return rows


def _add_row(
    rows: dict[str, Row], policy: Row, level: int, schedule: Row | None, user: Row, now: datetime
) -> bool:
    """Add an on-call, unless it is there; tell whether it was added."""
    start_at = (now - timedelta(days=now.weekday())).replace(hour=9, minute=0, second=0)
    if start_at > now:
        start_at -= WEEK
    start, end = (None, None) if schedule is None else (zulu(start_at), zulu(start_at + WEEK))
    key = f"{policy['id']}|{level}|{schedule['id'] if schedule else 'direct'}|{user['id']}|{start}"
    if key in rows:
        return False
    rows[key] = {
        "escalation_policy": reference_to(policy),
        "escalation_level": level,
        "schedule": schedule,
        "user": user,
        "start": start,
        "end": end,
    }
    return True
