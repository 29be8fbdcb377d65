"""Made people are the teams and users of a made account, with the ways to reach them."""

from random import Random
from typing import Any

from simulators.pagerduty.identities import Identities
from simulators.pagerduty.includes import reference_to
from simulators.pagerduty.vocabulary import (
    COLORS,
    FIRST_NAMES,
    JOB_TITLES,
    LAST_NAMES,
    ROLES,
    TEAM_NAMES,
    TIME_ZONES,
)

Row = dict[str, Any]


def make_teams(make: Identities, count: int) -> list[Row]:
    """Make teams; each fourth has a parent."""
    teams: list[Row] = []
    for number in range(count):
        name = TEAM_NAMES[number] if number < len(TEAM_NAMES) else f"Team {number + 1}"
        teams.append(
            {
                **make.head("teams", "team", name),
                "name": name,
                "description": f"Everything about {name.lower()}." if number % 3 else None,
                "parent": reference_to(teams[0]) if number % 4 == 3 else None,
                "default_role": "manager",
            }
        )
    return teams


def make_users(
    make: Identities, random: Random, count: int, teams: list[Row]
) -> tuple[list[Row], list[Row], list[Row]]:
    """Make users, and apart from them their contact methods and notification rules."""
    users: list[Row] = []
    contacts: list[Row] = []
    rules: list[Row] = []
    for number in range(count):
        name = f"{FIRST_NAMES[number % len(FIRST_NAMES)]} {random.choice(LAST_NAMES)}"
        head = make.head("users", "user", name)
        email = f"user{number + 1}@acme.example"
        own = _contacts(make, random, head, email, number)
        rule = _rule(make, head, own[0])
        contacts += own
        rules.append(rule)
        users.append(
            {
                **head,
                "name": name,
                "email": email,
                "time_zone": random.choice(TIME_ZONES),
                "color": random.choice(COLORS),
                "avatar_url": "https://pd-static-assets.pagerduty.com/users/blank-avatar.png",
                "billed": True,
                "role": "owner" if number == 0 else random.choice(ROLES),
                "locale": "en-US",
                "description": None,
                "invitation_sent": False,
                "created_via_sso": number % 5 == 0,
                "job_title": random.choice(JOB_TITLES),
                "teams": [reference_to(team) for team in random.sample(teams, k=min(len(teams), number % 3))],
                "contact_methods": [reference_to(contact) for contact in own],
                "notification_rules": [reference_to(rule)],
                "coordinated_incidents": [],
            }
        )
    return users, contacts, rules


def _contacts(make: Identities, random: Random, user: Row, email: str, number: int) -> list[Row]:
    found = [_contact(make, user, "email_contact_method", "Default", email)]
    if number % 2:
        phone = f"555{random.randint(1_000_000, 9_999_999)}"
        found.append({**_contact(make, user, "phone_contact_method", "Mobile", phone), "country_code": 1})
    return found


def _contact(make: Identities, user: Row, type_name: str, label: str, address: str) -> Row:
    made = make.new_id()
    return {
        "id": made,
        "type": type_name,
        "summary": label,
        "self": f"{user['self']}/contact_methods/{made}",
        "html_url": None,
        "label": label,
        "address": address,
    }


def _rule(make: Identities, user: Row, contact: Row) -> Row:
    made = make.new_id()
    return {
        "id": made,
        "type": "assignment_notification_rule",
        "summary": "0 minutes: channel Default",
        "self": f"{user['self']}/notification_rules/{made}",
        "html_url": None,
        "start_delay_in_minutes": 0,
        "urgency": "high",
        "contact_method": reference_to(contact),
    }
