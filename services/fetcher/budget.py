"""Keeps requests to PagerDuty within their token's limit: a sliding minute, and the server's own count."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass

from shared.http.backoff import MAX_WAIT_S
from shared.http.numbers import finite_number
from shared.http.waits import WaitLedger
from shared.log.interface import Clock, Sleep

REQUESTS_PER_MINUTE = 960
"""Of one token. Source: PagerDuty REST API, Rate Limits."""
WINDOW_S = 60.25
"""A little over a minute: requests reach the server with other distances than they left us with."""
SHORTEST_WAIT_S = 0.001
"""A remainder of rounding must not be waited for without end."""
LIVE_SHARE = 20
"""Once there are live requests, a window keeps one in so many for them: a resync spends the others at once,
and an event must not wait for the window to end."""
SAME_WINDOW_S = 2.0
"""Two ends of a server window closer than this are the same one: the header counts whole seconds."""
_ACCOUNT = ""
_HOST = "PagerDuty"
_CAUSE = "rate limit"


@dataclass(slots=True)
class _Server:
    """What the server says of one of its windows.

    Attributes:
        left: Requests it still allows, as far as we know.
        ends_s: When it allows all of them again.
    """

    left: int
    ends_s: float


class RateBudget:
    """Spends what the limit allows as fast as it allows: a window, not a metronome.

    Never more than the limit leave within any minute. The server's headers can only lower that, e.g. where
    another program uses the same token. Where an operation has a limit of its own, its headers speak of that
    one; it binds that operation only. Used by the tasks of one event loop: nothing is awaited between the
    look at the budget and its use.

    Args:
        waits: Hears of the waits.
        per_minute: Requests per minute; at most 960.
        clock: Monotonic seconds.
        sleep: Waits for seconds.
    """

    def __init__(
        self,
        waits: WaitLedger,
        *,
        per_minute: int = REQUESTS_PER_MINUTE,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._waits = waits
        self._limit = min(per_minute, REQUESTS_PER_MINUTE)
        self._clock = clock
        self._sleep = sleep
        self._sent: deque[float] = deque()
        self._in_flight: dict[str, int] = {}
        self._servers: dict[str, _Server] = {}
        self._account_limit = 0
        self._has_live = False
        self._live_waiting: Counter[str] = Counter()

    def live(self) -> "LiveBudget":
        """Return the same budget for requests that go before all others."""
        self._has_live = True
        return LiveBudget(self)

    async def wait(self, scope: str) -> None:
        """Return when a request of the scope could be sent."""
        while (wait_s := self.wait_s(scope)) > 0 or self._yields():
            await self._pause(wait_s)

    async def wait_live(self, scope: str) -> None:
        """Return when a live request of the scope could be sent; until then others let it pass."""
        self._live_waiting[scope] += 1
        try:
            while (wait_s := self.wait_s(scope, live=True)) > 0:
                await self._pause(wait_s)
        finally:
            self._live_waiting[scope] -= 1
            if not self._live_waiting[scope]:
                del self._live_waiting[scope]

    async def _pause(self, wait_s: float) -> None:
        with self._waits.waiting(_HOST, _CAUSE):
            await self._sleep(max(wait_s, SHORTEST_WAIT_S))

    def wait_s(self, scope: str, *, live: bool = False) -> float:
        """Return the seconds until a request of the scope could be sent; 0: now."""
        now_s = self._clock()
        while self._sent and self._sent[0] + WINDOW_S <= now_s:
            self._sent.popleft()
        wait_s = 0.0
        over = len(self._sent) - self._limit + self._kept(self._limit, live=live)
        if over >= 0:
            wait_s = self._sent[over] + WINDOW_S - now_s
        for name in (_ACCOUNT, scope):
            server = self._servers.get(name)
            if server is None:
                continue
            kept = 0 if name else self._kept(min(self._account_limit, self._limit), live=live)
            if server.ends_s <= now_s:
                del self._servers[name]
            elif server.left <= kept:
                wait_s = max(wait_s, server.ends_s - now_s)
        return max(wait_s, 0.0)

    def _kept(self, limit: int, *, live: bool) -> int:
        """Return how many requests of a window are kept from others than live ones."""
        return 0 if live or not self._has_live else limit // LIVE_SHARE

    def _yields(self) -> bool:
        """Whether a live request waits that could be sent now."""
        return any(not self.wait_s(scope, live=True) for scope in self._live_waiting)

    def take(self, scope: str, *, live: bool = False) -> bool:
        """Take leave for one request that is sent at once; False: there is none, wait again."""
        if self.wait_s(scope, live=live) > 0 or (not live and self._yields()):
            return False
        self._sent.append(self._clock())
        self._in_flight[scope] = self._in_flight.get(scope, 0) + 1
        for name in (_ACCOUNT, scope):
            if name in self._servers:
                self._servers[name].left -= 1
        return True

    def observe(self, scope: str, headers: Mapping[str, str]) -> None:
        """Hear that a request of the scope is over, and what the server says is left (if anything).

        Source: PagerDuty REST API, Rate Limits: `ratelimit-reset` counts seconds.
        """
        self._in_flight[scope] = max(self._in_flight.get(scope, 0) - 1, 0)
        left = finite_number(headers.get("ratelimit-remaining"))
        reset_s = finite_number(headers.get("ratelimit-reset"))
        if left is None or reset_s is None:
            return
        name = self._server_name(scope, headers)
        # Requests under way may not be counted in what is left.
        under_way = self._in_flight[scope] if name else sum(self._in_flight.values())
        self._note(name, int(left) - under_way, self._clock() + min(max(reset_s, 0.0), MAX_WAIT_S))

    def refuse(self, scope: str, headers: Mapping[str, str], wait_s: float) -> None:
        """Hear that the server refused a request for its limit: nothing is left for so many seconds."""
        self._servers[self._server_name(scope, headers)] = _Server(left=0, ends_s=self._clock() + wait_s)

    def _server_name(self, scope: str, headers: Mapping[str, str]) -> str:
        """Tell a limit of the operation from the token's: the token's is the largest limit seen."""
        limit = int(finite_number(headers.get("ratelimit-limit")) or 0)
        self._account_limit = max(self._account_limit, limit)
        return scope if 0 < limit < self._account_limit else _ACCOUNT

    def _note(self, name: str, left: int, ends_s: float) -> None:
        known = self._servers.get(name)
        if known is None or ends_s > known.ends_s + SAME_WINDOW_S:
            self._servers[name] = _Server(left=left, ends_s=ends_s)
        elif ends_s > known.ends_s - SAME_WINDOW_S:
            known.left = min(known.left, left)
        # Else: a late reply of a window that is over.


class LiveBudget:
    """The view of a budget that live requests have: see `shared.pagerduty.client.Budget`.

    Args:
        whole: The budget of the token.
    """

    def __init__(self, whole: RateBudget) -> None:
        self._whole = whole

    async def wait(self, scope: str) -> None:
        """Return when a request of the scope could be sent."""
        await self._whole.wait_live(scope)

    def take(self, scope: str) -> bool:
        """Take leave for one request that is sent at once; False: there is none, wait again."""
        return self._whole.take(scope, live=True)

    def observe(self, scope: str, headers: Mapping[str, str]) -> None:
        """Hear that a request of the scope is over, and what the server says is left (if anything)."""
        self._whole.observe(scope, headers)

    def refuse(self, scope: str, headers: Mapping[str, str], wait_s: float) -> None:
        """Hear that the server refused a request for its limit: nothing is left for so many seconds."""
        self._whole.refuse(scope, headers, wait_s)
