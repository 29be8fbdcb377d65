"""Is one request to PagerDuty, and how it stands with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked.

    Attributes:
        method: HTTP method.
        path: From the leading slash on.
        scope: The operation, for the rate limit.
        query: Query pairs.
        headers: Beside the usual ones.
        content: Body.
        is_probe: Asked only to see whether PagerDuty is there: no work is done by it.
    """

    method: str
    path: str
    scope: str
    query: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    is_probe: bool = False

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(slots=True)
class Try:
    """How it stands with one request.

    Attributes:
        request: What is asked.
        started_s: When it began.
        attempts: Requests sent.
        failures: Of these failed.
        counted: Of these failed while PagerDuty answered others.
        limited: Refused for the rate limit.
        was_trial: It was sent last because it was its turn to try.
    """

    request: Request
    started_s: float
    attempts: int = 0
    failures: int = 0
    counted: int = 0
    limited: int = 0
    was_trial: bool = False
