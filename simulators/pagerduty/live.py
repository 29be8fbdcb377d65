"""Live is the account in motion: changes are made as events, and each event goes to those who subscribed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, field_validator

from simulators.pagerduty import subscriptions
from simulators.pagerduty.deliveries import Deliveries, Delivery
from simulators.pagerduty.event_effects import CREATED, DELETED, apply_event
from simulators.pagerduty.event_payloads import build_event, build_ping
from simulators.pagerduty.event_types import DATA_TYPES, PING, kind_of_event
from simulators.pagerduty.includes import reference_to
from simulators.pagerduty.store import Store

Json = dict[str, Any]


class Change(BaseModel):
    """One change of the account, and its event.

    Attributes:
        event_type: A documented one.
        id: The incident or service; any when left out, a new one for `incident.triggered`, `service.created`.
        set: Fields of the object as the REST API has it, with new values.
        data: Keys of the event's data that take the place of those made.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    event_type: str
    id: str | None = None
    set: dict[str, Any] = Field(default_factory=dict)
    data: dict[str, Any] = Field(default_factory=dict)

    @field_validator("event_type")
    @classmethod
    def _is_documented(cls, value: str) -> str:
        if value not in DATA_TYPES:
            raise ValueError(f"{value!r} is no event that can be subscribed to")
        return value


class MadeChanges(BaseModel):
    """So many changes by chance, of objects that are there already.

    Attributes:
        count: How many.
        objects: Of how many different objects, half of them services; null: of any.
        seed: The same seed makes the same changes of the same account.
        event_types: Which; those that create or delete are left out unless they are named.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    count: int = Field(ge=1, le=100_000)
    objects: int | None = Field(default=None, ge=1)
    seed: int = 1
    event_types: list[str] | None = None


class Burst(BaseModel):
    """Changes made at once; the account has them all before the first event leaves.

    Attributes:
        changes: In order.
        made: More of them, after these.
        copies: How often each event is delivered: at least once is what PagerDuty promises.
        late_copies: Deliver all once more behind the last of their resource, with the same ids, in any order.
        disorder: Keep no order within a resource, as for events over 55 KB.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    changes: list[Change] = Field(default_factory=list)
    made: MadeChanges | None = None
    copies: int = Field(default=1, ge=1, le=10)
    late_copies: bool = False
    disorder: bool = False


@dataclass(frozen=True, slots=True)
class Happened:
    """An event that has happened."""

    event_id: str
    event_type: str
    object_id: str
    body: Json


class Live:
    """Changes the account as events do.

    Args:
        store: The account.
        deliveries: Brings events to subscribers.
        random: Source of chance.
        now: Gives the time, aware UTC.
    """

    def __init__(
        self, store: Store, deliveries: Deliveries, random: Random, now: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._deliveries = deliveries
        self._random = random
        self._now = now
        self._events = 0

    def happen(self, burst: Burst) -> list[Happened]:
        """Make all changes, then begin to deliver their events; return what happened, in order.

        Raises:
            ValueError: A change is about an object that is not held; those before it are made and delivered.
        """
        happened: list[Happened] = []
        sent: list[tuple[Delivery, bool]] = []
        try:
            for change in [*burst.changes, *self._made(burst.made)]:
                event, deliveries = self._make(change)
                happened.append(event)
                sent += [
                    (delivery, not burst.disorder) for delivery in deliveries for _ in range(burst.copies)
                ]
        finally:
            if burst.disorder:
                self._random.shuffle(sent)
            if burst.late_copies:
                late = sent.copy()
                self._random.shuffle(late)
                sent += late
            for delivery, in_order in sent:
                self._deliveries.send(delivery, in_order=in_order)
        return happened

    def ping(self, subscription_id: str) -> None:
        """Deliver a `pagey.ping` to one subscription, whatever its events."""
        body = orjson.dumps(build_ping(self._event_id(), self._now()))
        self._deliveries.send(
            Delivery(
                subscription_id, self._deliveries.new_webhook_id(), PING, f"ping {subscription_id}", body
            )
        )

    def _make(self, change: Change) -> tuple[Happened, list[Delivery]]:
        at = self._now()
        effect = apply_event(
            self._store,
            change.event_type,
            object_id=change.id,
            changes=change.set,
            now=at,
            random=self._random,
        )
        event_id = self._event_id()
        body = build_event(
            change.event_type,
            effect.subject,
            event_id=event_id,
            occurred_at=at,
            agent=self._agent(),
            data={**effect.data, **change.data},
        )
        event = Happened(event_id, change.event_type, effect.subject["id"], body)
        return event, self._deliveries_of(event, effect.subject, at)

    def _deliveries_of(self, event: Happened, subject: Json, at: datetime) -> list[Delivery]:
        subscriptions.wake_after_a_day(self._store, at)
        kind = kind_of_event(event.event_type)
        service = subject if kind == "services" else subject.get("service") or {}
        teams = frozenset(team["id"] for team in subject.get("teams") or ())
        content = orjson.dumps(event.body)
        return [
            Delivery(
                subscription_id,
                self._deliveries.new_webhook_id(),
                event.event_type,
                f"{kind}/{event.object_id}",
                content,
            )
            for subscription_id, row in self._store.rows(subscriptions.KIND).items()
            if subscriptions.covers(row, event.event_type, service.get("id"), teams)
        ]

    def _made(self, asked: MadeChanges | None) -> list[Change]:
        if asked is None:
            return []
        random = Random(asked.seed)
        types = asked.event_types or [name for name in DATA_TYPES if name not in CREATED and name != DELETED]
        pools = {kind: self._pool(kind, asked.objects, random) for kind in ("incidents", "services")}
        types = [name for name in types if name in CREATED or pools[kind_of_event(name)]]
        if not types:
            raise ValueError("there is nothing that these events could be about")
        changes = []
        for _ in range(asked.count):
            event_type = random.choice(types)
            its_id = None if event_type in CREATED else random.choice(pools[kind_of_event(event_type)])
            changes.append(Change(event_type=event_type, id=its_id))
        return changes

    def _pool(self, kind: str, objects: int | None, random: Random) -> list[str]:
        ids = list(self._store.rows(kind))
        if objects is None:
            return ids
        share = (objects + 1) // 2 if kind == "incidents" else objects // 2
        return random.sample(ids, min(share, len(ids)))

    def _agent(self) -> Mapping[str, Any] | None:
        """Some events are nobody's. Source: PagerDuty Webhooks V3, Event envelope."""
        users = list(self._store.rows("users").values())
        return reference_to(self._random.choice(users)) if users and self._events % 4 else None

    def _event_id(self) -> str:
        self._events += 1
        return "01" + "".join(self._random.choices("0123456789ABCDEFGHJKMNPQRSTVWXYZ", k=24))
