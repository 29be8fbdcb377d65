"""A simulator's request log keeps what was asked of it, without any secret, and counts it."""

from collections import Counter, deque
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

KNOWN_SCHEMES = frozenset({"Basic", "Bearer", "Token"})


@dataclass(slots=True)
class LoggedRequest:
    """One request; `status` is None while it is in hand, and stays so when the connection was dropped.

    `authorization` is the kind alone (`Bearer`, `Token`, `Basic`, `other`), never the value.
    """

    method: str
    path: str
    query: list[tuple[str, str]]
    started_at: datetime
    authorization: str | None
    user_agent: str | None
    route: str = ""
    status: int | None = None
    scripted: bool = False
    request_bytes: int = 0
    response_bytes: int = 0


def authorization_kind(value: str | None) -> str | None:
    """Return the kind of an Authorization header; a value without a known scheme is `other`."""
    if not value:
        return None
    scheme = value.partition(" ")[0]
    return scheme if scheme in KNOWN_SCHEMES else "other"


class RequestLog:
    """The last requests in order of arrival, and totals per method, route and status that are never cut."""

    def __init__(self, *, capacity: int = 10_000) -> None:
        self._requests: deque[LoggedRequest] = deque(maxlen=capacity)
        self._counts: Counter[tuple[str, str, int | None]] = Counter()
        self.in_flight = 0
        self.in_flight_peak = 0

    def begin(self, request: LoggedRequest) -> None:
        """Note a request that has come in."""
        self._requests.append(request)
        self.in_flight += 1
        self.in_flight_peak = max(self.in_flight_peak, self.in_flight)

    def end(self, request: LoggedRequest) -> None:
        """Count a request that is over."""
        self.in_flight -= 1
        self._counts[request.method, request.route or request.path, request.status] += 1

    def clear(self) -> None:
        """Forget requests and totals; those in hand are counted when they end."""
        self._requests.clear()
        self._counts.clear()
        self.in_flight_peak = self.in_flight

    @property
    def requests(self) -> list[LoggedRequest]:
        """The requests kept, oldest first."""
        return list(self._requests)

    def describe_requests(self, last: int | None = None) -> list[dict[str, Any]]:
        """Return the requests kept (or only the last ones) as JSON values, oldest first."""
        kept = self.requests if last is None else self.requests[-last:] if last else []
        return [asdict(request) for request in kept]

    def count(self, method: str | None = None, route: str | None = None, status: int | None = None) -> int:
        """Return how many requests have ended, of that method, route and status where given."""
        return sum(
            count
            for (its_method, its_route, its_status), count in self._counts.items()
            if method in (None, its_method) and route in (None, its_route) and status in (None, its_status)
        )

    def describe_counters(self) -> dict[str, Any]:
        """Return the totals as JSON values; a status of null counts dropped connections."""
        rows = sorted(self._counts.items(), key=lambda item: (item[0][0], item[0][1], item[0][2] or 0))
        return {
            "total": sum(self._counts.values()),
            "in_flight": self.in_flight,
            "in_flight_peak": self.in_flight_peak,
            "counters": [
                {"method": method, "route": route, "status": status, "count": count}
                for (method, route, status), count in rows
            ],
        }
