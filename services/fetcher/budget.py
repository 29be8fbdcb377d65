"""Keeps requests to PagerDuty within their token's limit: a sliding minute, and the server's own count."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from shared.http.backoff import parse_wait_s
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
"""One request in so many of each window is kept for live ones, and as many as were live in those before.

A resync spends at once what it may, and the events of the rest of the window must not wait for its end.
"""
SAME_WINDOW_S = 2.0
"""Two ends of a server window closer than this are the same one: the header counts whole seconds."""
_RESET = "ratelimit-reset"
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
        wall: Seconds since the epoch, for a server that gives the end of its window as a point in time.
    """

    def __init__(
        self,
        waits: WaitLedger,
        *,
        per_minute: int = REQUESTS_PER_MINUTE,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        wall: Clock = time.time,
    ) -> None:
        self._wall = wall
        self._waits = waits
        self._limit = min(per_minute, REQUESTS_PER_MINUTE)
        self._clock = clock
        self._sleep = sleep
        self._sent: deque[tuple[float, bool]] = deque()
        """When, and whether live."""
        self._others_sent = 0
        """Those that are not live."""
        self._live_sent: deque[float] = deque()
        """Of this window and the one before."""
        self._live_waited_s = -math.inf
        self._in_flight: dict[str, int] = {}
        self._servers: dict[str, _Server] = {}
        self._account_limit = 0
        self._has_live = False

    def live(self) -> "LiveBudget":
        """Return the same budget for requests that go before all others: from now on some are kept."""
        self._has_live = True
        return LiveBudget(self)

    async def wait(self, scope: str) -> None:
        """Return when a request of the scope could be sent."""
        await self.wait_as(scope, live=False)

    async def wait_as(self, scope: str, *, live: bool) -> None:
        """Return when a request of the scope could be sent, live or not."""
        while (wait_s := self.wait_s(scope, live=live)) > 0:
            with self._waits.waiting(_HOST, _CAUSE):
                await self._sleep(max(wait_s, SHORTEST_WAIT_S))

    def wait_s(self, scope: str, *, live: bool = False) -> float:
        """Return the seconds until a request of the scope could be sent; 0: now."""
        now_s = self._clock()
        self._forget_old(now_s)
        wait_s = 0.0
        if len(self._sent) >= self._limit or (
            not live and self._others_sent >= self._limit - self._kept(now_s)
        ):
            wait_s = self._sent[0][0] + WINDOW_S - now_s
        for name in (_ACCOUNT, scope):
            server = self._servers.get(name)
            if server is None:
                continue
            kept = 0 if live or name else self._share()
            if server.ends_s <= now_s:
                del self._servers[name]
            elif server.left <= kept:
                wait_s = max(wait_s, server.ends_s - now_s)
        if live and wait_s > 0:
            self._live_waited_s = now_s
        return max(wait_s, 0.0)

    def _forget_old(self, now_s: float) -> None:
        while self._sent and self._sent[0][0] + WINDOW_S <= now_s:
            _, was_live = self._sent.popleft()
            self._others_sent -= not was_live
        while self._live_sent and self._live_sent[0] + 2 * WINDOW_S <= now_s:
            self._live_sent.popleft()

    def _kept(self, now_s: float) -> int:
        """Return how many requests of a window are kept from others than live ones; never all of them."""
        share = self._share()
        in_this = len(self._sent) - self._others_sent
        in_both = len(self._live_sent)
        # Those that had to wait would have been more.
        has_waited = self._live_waited_s > now_s - 2 * WINDOW_S
        demand = in_both if has_waited else max(in_this, in_both - in_this)
        return min(share + demand, max(self._limit * 3 // 4, share)) if share else 0

    def _share(self) -> int:
        """Return how many are kept for live requests even if there are none."""
        return min(max(self._limit // LIVE_SHARE, 1), self._limit - 1) if self._has_live else 0

    def take(self, scope: str, *, live: bool = False) -> bool:
        """Take leave for one request that is sent at once; False: there is none, wait again."""
        if self.wait_s(scope, live=live) > 0:
            return False
        now_s = self._clock()
        self._sent.append((now_s, live))
        self._others_sent += not live
        if live:
            self._live_sent.append(now_s)
        self._in_flight[scope] = self._in_flight.get(scope, 0) + 1
        for name in (_ACCOUNT, scope):
            if name in self._servers:
                self._servers[name].left -= 1
        return True

    def observe(self, scope: str, headers: Mapping[str, str]) -> None:
        """Hear that a request of the scope is over, and what the server says is left (if anything).

        Source: PagerDuty REST API, Rate Limits: `ratelimit-reset` counts seconds; a gateway before it may
        give a point in time.
        """
        self._in_flight[scope] = max(self._in_flight.get(scope, 0) - 1, 0)
        left = finite_number(headers.get("ratelimit-remaining"))
        resets = {name: headers[name] for name in (_RESET,) if name in headers}
        reset_s = parse_wait_s(resets, self._wall())
        if left is None or reset_s is None:
            return
        name = self._server_name(scope, headers)
        # Requests under way may not be counted in what is left.
        under_way = self._in_flight[scope] if name else sum(self._in_flight.values())
        self._note(name, int(left) - under_way, self._clock() + reset_s)

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
    """The view of a budget that live requests have: see `shared.pagerduty.interface.Budget`.

    Args:
        whole: The budget of the token.
    """

    def __init__(self, whole: RateBudget) -> None:
        self._whole = whole

    async def wait(self, scope: str) -> None:
        """Return when a request of the scope could be sent."""
        await self._whole.wait_as(scope, live=True)

    def take(self, scope: str) -> bool:
        """Take leave for one request that is sent at once; False: there is none, wait again."""
        return self._whole.take(scope, live=True)

    def observe(self, scope: str, headers: Mapping[str, str]) -> None:
        """Hear that a request of the scope is over, and what the server says is left (if anything)."""
        self._whole.observe(scope, headers)

    def refuse(self, scope: str, headers: Mapping[str, str], wait_s: float) -> None:
        """Hear that the server refused a request for its limit: nothing is left for so many seconds."""
        self._whole.refuse(scope, headers, wait_s)

    def live(self) -> "LiveBudget":
        """Return itself."""
        return self
