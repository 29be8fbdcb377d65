"""Is PagerDuty's side of the model: people change the account, and some changes are told by events."""

from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

import orjson

from schemas.headers import Origin, RecordHeaders
from schemas.topics import WEBHOOKS
from schemas.webhook_event import WEBHOOK_TYPE
from shared.log.interface import NewRecord
from simulators.pagerduty.account import Sizes, generate_account
from simulators.pagerduty.app import PagerDutySimulator, create_app
from simulators.pagerduty.event_payloads import build_event
from tests.model.clockwork import WallClock

Json = Any

TOKEN = "u+modelTokenXYZ"
ACCEPT = "application/vnd.pagerduty+json;version=2"
KINDS = ("users", "escalation_policies", "services", "incidents")
TOLD = ("services", "incidents")
"""Kinds of which PagerDuty tells."""
ROLES = ("admin", "user", "observer")
STATUSES = {"services": ("active", "disabled", "critical"), "incidents": ("triggered", "resolved")}
PLENTY = 10_000_000


@dataclass
class Account:
    """The account, and the events that are on their way.

    Attributes:
        simulator: Holds it.
        clock: Its time.
        random: Source of chance.
        patterns: Kind to an object of it.
        mail: Events that happened and were not delivered yet.
    """

    simulator: PagerDutySimulator
    clock: WallClock
    random: Random
    patterns: dict[str, Json]
    mail: list[NewRecord] = field(default_factory=list)
    _made: int = 0

    def ids(self, kind: str) -> list[str]:
        return sorted(self.simulator.store.rows(kind))

    def row(self, kind: str, object_id: str) -> Json:
        return self.simulator.store.rows(kind)[object_id]

    def create(self, kind: str, *, is_told: bool = False) -> str:
        """Make an object like one that there was at the beginning."""
        self._made += 1
        object_id = f"P{kind[0].upper()}{self._made:05}"
        row = {**self.patterns[kind], "id": object_id}
        row |= {
            "summary": f"{kind} {self._made}",
            "created_at": self._text(timedelta(days=-1)),
            **self._named(kind, self._made),
        }
        if kind == "escalation_policies":
            row["escalation_rules"] = [self._rule() for _ in range(self.random.randint(0, 2))]
        self._keep(kind, self._moved(kind, row), "created" if kind == "services" else "triggered", is_told)
        return object_id

    def edit(self, kind: str, object_id: str, *, is_told: bool = False) -> None:
        """Change what the mappings look at."""
        row = dict(self.row(kind, object_id))
        chance = self.random.random()
        if kind == "users" and chance < 0.6:
            row["role"] = self.random.choice(ROLES)
        elif kind in STATUSES and chance < 0.5:
            row["status"] = self.random.choice(STATUSES[kind])
        elif kind == "escalation_policies" and chance < 0.6:
            rules = list(row["escalation_rules"])
            if rules and self.random.random() < 0.5:
                rules.pop(self.random.randrange(len(rules)))
            else:
                rules.append(self._rule())
            row["escalation_rules"] = rules
        elif chance < 0.8:
            row = self._moved(kind, row)
        else:
            self._made += 1
            row |= self._named(kind, self._made)
        self._keep(kind, row, "updated" if kind == "services" else "reassigned", is_told)

    def delete(self, kind: str, object_id: str, *, is_told: bool = False, orphans: bool = False) -> bool:
        """Delete an object as PagerDuty lets it be deleted; False: it does not.

        Args:
            kind: Its kind; incidents stay forever.
            object_id: Its id.
            is_told: Whether an event tells.
            orphans: Incidents go on naming the service.
        """
        row = self.row(kind, object_id)
        if kind == "incidents" or (kind != "users" and len(self.ids(kind)) < 2):
            return False
        if kind == "escalation_policies" and any(
            self.row("services", one)["escalation_policy"]["id"] == object_id for one in self.ids("services")
        ):
            return False
        self.simulator.store.delete(kind, object_id)
        if kind == "services":
            if not orphans:
                for one in self.ids("incidents"):
                    incident = self.row("incidents", one)
                    if incident["service"]["id"] == object_id:
                        self._keep(
                            "incidents", self._moved("incidents", incident), "service_updated", is_told
                        )
            self._tell("service.deleted", row, is_told)
        return True

    def orphans(self) -> set[str]:
        """Return incidents whose service is gone."""
        services = set(self.ids("services"))
        return {
            one
            for one in self.ids("incidents")
            if self.row("incidents", one)["service"]["id"] not in services
        }

    def _keep(self, kind: str, row: Json, what: str, is_told: bool) -> None:
        row = {**row, "updated_at": self._text(timedelta())}
        self.simulator.store.put(kind, row["id"], row)
        if kind in TOLD:
            self._tell(f"{kind.removesuffix('s')}.{what}", row, is_told)

    def _tell(self, event_type: str, row: Json, is_told: bool) -> None:
        if is_told:
            self.mail.append(self.event(event_type, row))

    def event(self, event_type: str, row: Json) -> NewRecord:
        """Return the record by which the gateway hands on an event."""
        self._made += 1
        body = build_event(event_type, row, event_id=f"01EVENT{self._made}", occurred_at=self.clock.now())
        headers = RecordHeaders(
            id=f"delivery-{self._made}",
            source="pagerport/model/gateway",
            type=WEBHOOK_TYPE,
            time=self.clock.now(),
            origin=Origin.LIVE,
        )
        key = f"{event_type.partition('.')[0]}s/{row['id']}".encode()
        return NewRecord(WEBHOOKS.name, key, orjson.dumps(body), headers.encode())

    def _named(self, kind: str, number: int) -> Json:
        if kind == "incidents":
            return {"title": f"Incident {number}", "incident_number": number}
        return (
            {"name": f"{kind}-{number}", "email": f"u{number}@example.com"}
            if kind == "users"
            else {"name": f"{kind}-{number}"}
        )

    def _moved(self, kind: str, row: Json) -> Json:
        """Let it belong to another one of what it belongs to."""
        if kind == "services":
            policy = self.random.choice(self.ids("escalation_policies"))
            return {**row, "escalation_policy": {"id": policy, "type": "escalation_policy_reference"}}
        if kind == "incidents":
            service = self.random.choice(self.ids("services"))
            return {**row, "service": {"id": service, "type": "service_reference"}}
        return row

    def _rule(self) -> Json:
        self._made += 1
        return {
            "id": f"PR{self._made:05}",
            "escalation_delay_in_minutes": self.random.randint(1, 60),
            "targets": [],
        }

    def _text(self, apart: timedelta) -> str:
        return f"{self.clock.now() + apart:%Y-%m-%dT%H:%M:%SZ}"


def small_account(clock: WallClock, random: Random, *, users: int = 4) -> Account:
    """Return an account of a few objects of each kind.

    Args:
        clock: Its time.
        random: Source of chance.
        users: How many; PagerDuty's pages have 100 rows.
    """
    sizes = Sizes(
        services=1,
        incidents=1,
        users=2,
        teams=1,
        schedules=0,
        v3_schedules=0,
        policies=1,
        custom_fields=False,
    )
    generated = generate_account(1, sizes, clock.now())
    patterns = {kind: next(iter(generated[kind].values())) for kind in KINDS}
    held: dict[str, dict[str, Json]] = {
        **{kind: {} for kind in generated},
        "abilities": generated["abilities"],
    }
    simulator = create_app(
        held,
        tokens=(TOKEN,),
        now=clock.now,
        requests_per_minute=PLENTY,
        analytics_per_day=PLENTY,
    )
    account = Account(simulator, clock, random, patterns)
    for kind, number in (("users", users), ("escalation_policies", 2), ("services", 3), ("incidents", 3)):
        for _ in range(number):
            account.create(kind)
    return account
