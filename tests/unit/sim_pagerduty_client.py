"""A simulated PagerDuty account in process, and a client that sends what a correct client sends."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from simulators.pagerduty.account import SMALL, Sizes, generate_account
from simulators.pagerduty.app import PagerDutySimulator, create_app

NOW = datetime(2026, 7, 1, 12, 30, tzinfo=UTC)
ACCOUNT_TOKEN = "account-key"
USER_TOKEN = "user-key"
BEARER_TOKEN = "pdus+oauth"
HEADERS = {
    "Authorization": f"Token token={ACCOUNT_TOKEN}",
    "Accept": "application/vnd.pagerduty+json;version=2",
    "Content-Type": "application/json",
}


@dataclass
class Clock:
    """Time that stands still until a test moves it."""

    now: datetime = NOW
    slept_s: list[float] = field(default_factory=list)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **parts: float) -> None:
        self.now += timedelta(**parts)

    async def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)


def simulator(
    sizes: Sizes = SMALL,
    *,
    account: dict[str, dict[str, Any]] | None = None,
    clock: Clock | None = None,
    **options: Any,
) -> PagerDutySimulator:
    """Return a simulator at a known time, with one key of each kind."""
    clock = clock or Clock()
    held = generate_account(7, sizes, NOW) if account is None else account
    user_id = next(iter(held.get("users", {})), "PUSER01")
    return create_app(
        held,
        tokens=[ACCOUNT_TOKEN],
        bearer_tokens=[BEARER_TOKEN],
        user_tokens={USER_TOKEN: user_id},
        now=clock,
        sleep=clock.sleep,
        **options,
    )


def client(app: PagerDutySimulator, **headers: str) -> httpx.AsyncClient:
    """Return a client of a simulator; headers given replace those that a correct client sends."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://pagerduty.test", headers={**HEADERS, **headers}
    )


def incident(number: int, created_at: str, **changes: Any) -> dict[str, Any]:
    """Return a whole incident; a test names only what matters."""
    whole: dict[str, Any] = {
        "id": f"Q{number:013d}",
        "type": "incident",
        "summary": f"[#{number}] Something broke",
        "self": f"https://api.pagerduty.com/incidents/Q{number:013d}",
        "html_url": None,
        "incident_number": number,
        "title": "Something broke",
        "created_at": created_at,
        "updated_at": created_at,
        "status": "resolved",
        "resolved_at": created_at,
        "incident_key": None,
        "service": {"id": "PSERV01", "type": "service_reference", "summary": "checkout"},
        "assignments": [],
        "acknowledgements": [],
        "teams": [],
        "priority": None,
        "escalation_policy": {"id": "PPOLI01", "type": "escalation_policy_reference", "summary": "Commerce"},
        "urgency": "high",
    }
    return {**whole, **changes}


def held(*incidents: dict[str, Any], **kinds: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return an account of these incidents and whatever else is given."""
    return {"incidents": {row["id"]: row for row in incidents}, **kinds}


def numbers(answer: httpx.Response) -> list[int]:
    """Return the numbers of the incidents on a page."""
    return [row["incident_number"] for row in answer.json()["incidents"]]
