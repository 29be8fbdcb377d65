"""States what the client is given, a budget and patience, and what it gives to whoever asks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from shared.pagerduty.verdicts import Verdict


class Budget(Protocol):
    """Says when a request may be sent. A scope is an operation, which may have a limit of its own."""

    async def wait(self, scope: str) -> None:
        """Return when a request could be sent."""

    def take(self, scope: str) -> bool:
        """Take leave for one request that is sent at once; False: there is none, wait again."""

    def observe(self, scope: str, headers: Mapping[str, str]) -> None:
        """Hear that a request of this scope is over, and what the server says is left (if anything)."""

    def refuse(self, scope: str, headers: Mapping[str, str], wait_s: float) -> None:
        """Hear that the server refused a request for its limit: nothing is left for so many seconds."""

    def live(self) -> "Budget":
        """Return the same budget for requests that go before all others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a request is tried for.

    Attributes:
        request_timeout_s: One request with its reply.
        first_contact_s: Until PagerDuty has replied for the first time: a wrong address shows soon.
        stall_timeout_s: Without any request of this client going through.
        attempts: Failures of one request, until it is given up. They count only while PagerDuty answers
            others, for an outage is nobody's fault.
    """

    request_timeout_s: float = 60.0
    first_contact_s: float = 10.0
    stall_timeout_s: float = 600.0
    attempts: int = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of a request.

    Attributes:
        verdict: What it means; never RETRY, RATE_LIMITED or UNAUTHORIZED.
        sent_at: When the request that was answered was sent.
        attempts: Requests it took.
        body: The JSON object, when OK.
        size_bytes: Of the body as it was before it was parsed, when OK.
        detail: What went wrong, in one line with status and request id, when not OK.
        code: PagerDuty's own code of what went wrong; None: it gave none.
    """

    verdict: Verdict
    sent_at: datetime
    attempts: int
    body: Mapping[str, Any] = field(default_factory=dict)
    size_bytes: int = 0
    detail: str = ""
    code: int | None = None
