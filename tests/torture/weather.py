"""Is what goes on in an account while services die: changes that are told, changes that are not, commands."""

import threading
from collections import Counter
from dataclasses import dataclass, field
from random import Random

import httpx

from tests.kafka.stack import Stack

COMMAND_TIMEOUT_S = 90.0
DELETED = "service.deleted"
TOLD = (
    "incident.triggered",
    "incident.triggered",
    "incident.acknowledged",
    "incident.resolved",
    "incident.reopened",
    "incident.reassigned",
    "incident.priority_updated",
    "incident.custom_field_values.updated",
    "incident.annotated",
    "service.updated",
    "service.created",
)
"""Event types that come again and again; none moves an incident to a service that may be deleted later."""


@dataclass
class Account:
    """What the weather has done to the account, and may be deleted in Port therefore."""

    own_services: list[str] = field(default_factory=list)
    deleted: set[tuple[str, str]] = field(default_factory=set)
    """Blueprint and id of what is gone from PagerDuty."""
    unheard: set[tuple[str, str]] = field(default_factory=set)
    """Blueprint and id of what was changed without an event: only a resync can know."""
    counts: Counter[str] = field(default_factory=Counter)


class Weather:
    """Changes the account and asks for runs, in threads of its own, until it is over.

    Args:
        stack: The installation.
        random: Source of chance.
        account: What was done before; it is added to.
        asks: Whether commands are given.
        pause_s: Between two bursts of events.
        command_pause_s: Between two commands.
    """

    def __init__(
        self,
        stack: Stack,
        random: Random,
        *,
        account: Account | None = None,
        asks: bool = True,
        pause_s: float = 0.5,
        command_pause_s: float = 12.0,
    ) -> None:
        self.account = Account() if account is None else account
        self._stack = stack
        self._random = random
        self._pause_s = pause_s
        self._command_pause_s = command_pause_s
        self._over = threading.Event()
        self._errors: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._guarded, args=(work,), daemon=True)
            for work in ((self._change, self._ask) if asks else (self._change,))
        ]

    def begin(self) -> None:
        """Let it come."""
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Let it be over; what went wrong in it is raised."""
        self._over.set()
        for thread in self._threads:
            thread.join()
        for error in self._errors:
            raise error

    def _guarded(self, work: object) -> None:
        assert callable(work)
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised where it ends
            self._errors.append(error)

    def _change(self) -> None:
        with httpx.Client(base_url=self._stack.stage.pagerduty.url, timeout=60) as http:
            while not self._over.wait(self._pause_s * (0.5 + self._random.random())):
                if self._random.random() < 0.1:
                    self._change_unheard(http)
                else:
                    self._change_told(http)

    def _change_told(self, http: httpx.Client) -> None:
        account = self.account
        changes = [{"event_type": self._random.choice(TOLD)} for _ in range(self._random.randint(1, 4))]
        if account.own_services and self._random.random() < 0.012:
            gone = account.own_services.pop(self._random.randrange(len(account.own_services)))
            account.deleted.add(("pagerdutyService", gone))
            changes.append({"event_type": DELETED, "id": gone})
        burst = {
            "changes": changes,
            "copies": self._random.choice((1, 1, 1, 2)),
            "late_copies": self._random.random() < 0.1,
            "disorder": self._random.random() < 0.1,
        }
        answer = http.post("/_sim/events", json=burst)
        if answer.status_code == 422:
            return  # One of the kind has been deleted meanwhile.
        for event in answer.raise_for_status().json()["events"]:
            account.counts[event["event_type"]] += 1
            if event["event_type"] == "service.created":
                account.own_services.append(event["object_id"])

    def _change_unheard(self, http: httpx.Client) -> None:
        """Change something of which PagerDuty tells nobody."""
        users = sorted(http.get("/_sim/state").raise_for_status().json()["users"])
        user = self._random.choice(users)
        http.patch(f"/_sim/objects/users/{user}", json={"role": self._random.choice(("admin", "user"))})
        self.account.unheard.add(("pagerdutyUser", user))
        self.account.counts["unheard"] += 1
        own = self.account.own_services
        if len(own) > 3:
            gone = own.pop(self._random.randrange(len(own)))
            self.account.deleted.add(("pagerdutyService", gone))
            self.account.unheard.add(("pagerdutyService", gone))
            http.delete(f"/_sim/objects/services/{gone}").raise_for_status()
            self.account.counts["deleted unheard"] += 1

    def _ask(self) -> None:
        while not self._over.wait(self._command_pause_s * (0.5 + self._random.random())):
            command = self._random.choice(("resync", "resync", "replay", "stop"))
            ended = self._stack.command(command, code=None, timeout_s=COMMAND_TIMEOUT_S)
            outcome = {0: "given", 3: "refused, no Kafka"}.get(ended.returncode, f"exit {ended.returncode}")
            self.account.counts[f"{command} {outcome}"] += 1
            assert ended.returncode in {0, 3}, ended.stderr
