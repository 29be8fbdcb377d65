"""Deliveries bring events to the addresses of subscriptions, signed, with PagerDuty's order and patience.

Source: PagerDuty Webhooks V3, Behavior; Signatures.
"""

import asyncio
import hashlib
import hmac
import uuid
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

import httpx

from simulators.pagerduty import subscriptions
from simulators.pagerduty.refusals import RefusedError
from simulators.pagerduty.store import Store

TIMEOUT_S = 5.0
GIVE_UP_AFTER = timedelta(hours=48)
DROPS_TO_DISABLE = 3
LARGEST_BYTES = 256 * 1024
ATTEMPTS_KEPT = 10_000
AGENT = "PagerDuty-Webhook/V3.0"


@dataclass(slots=True)
class Pace:
    """How deliveries are made; may be changed while they are.

    Attributes:
        first_retry_s: Wait before the second attempt; each wait is twice the one before. The real
            ones are not published.
        longest_retry_s: Longest of these waits.
        timeout_s: Longest wait for an answer.
        connections: Deliveries under way at once.
        is_paused: Nothing is sent, all waits.
    """

    first_retry_s: float = 1.0
    longest_retry_s: float = 600.0
    timeout_s: float = TIMEOUT_S
    connections: int = 32
    is_paused: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one subscription; `webhook_id` is the same on every attempt and copy."""

    subscription_id: str
    webhook_id: str
    event_type: str
    resource: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request; `status` is None when there was no answer, and `outcome` is what followed."""

    subscription_id: str
    webhook_id: str
    event_type: str
    resource: str
    status: int | None
    outcome: str
    at: datetime


@dataclass(slots=True)
class _Queue:
    waiting: deque[Delivery] = field(default_factory=deque)
    worker: asyncio.Task[None] | None = None


class Deliveries:
    """Queues of events per subscription and resource: one is tried again, those behind it wait.

    Args:
        store: Holds the subscriptions.
        now: Gives the time, aware UTC.
        sleep: Waits for a number of seconds.
        random: Makes the ids of webhooks.
        transport: Instead of the network, `httpx.ASGITransport` for one.

    Attributes:
        pace: How deliveries are made.
        counts: Deliveries by what became of them: delivered, retried, dropped, given_up, too_large, disabled,
            deleted.
        attempts: The last ones made, oldest first.
    """

    def __init__(
        self,
        store: Store,
        *,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
        random: Random,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.pace = Pace()
        self.counts: Counter[str] = Counter()
        self.attempts: deque[Attempt] = deque(maxlen=ATTEMPTS_KEPT)
        self._store = store
        self._now = now
        self._sleep = sleep
        self._random = random
        self._transport = transport
        self._http: httpx.AsyncClient | None = None
        self._queues: dict[tuple[str, str], _Queue] = {}
        self._drops: Counter[str] = Counter()
        self._under_way = 0
        self._changed = asyncio.Condition()
        self._serial = 0

    @property
    def pending(self) -> int:
        """How many deliveries wait or are under way."""
        return sum(len(queue.waiting) for queue in self._queues.values())

    def describe(self, last: int = 100) -> dict[str, Any]:
        """Return all there is to know, as JSON values."""
        kept = list(self.attempts)[-last:] if last else []
        return {
            "pending": self.pending,
            "counts": dict(sorted(self.counts.items())),
            "attempts": [{name: getattr(attempt, name) for name in Attempt.__slots__} for attempt in kept],
        }

    def new_webhook_id(self) -> str:
        """Return the id of a new webhook."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def send(self, delivery: Delivery, *, in_order: bool = True) -> None:
        """Take a delivery; it is tried once those before it, of its subscription and resource, are over.

        Args:
            delivery: What to bring where.
            in_order: False: it waits for no other.
        """
        if len(delivery.body) > LARGEST_BYTES:
            self.counts["too_large"] += 1
            return
        self._serial += 1
        order = delivery.resource if in_order else f"{delivery.resource}#{self._serial}"
        key = (delivery.subscription_id, order)
        queue = self._queues.setdefault(key, _Queue())
        queue.waiting.append(delivery)
        if queue.worker is None:
            queue.worker = asyncio.create_task(self._work(key, queue))

    async def settled(self) -> None:
        """Return when nothing waits and nothing is under way."""
        while self._queues:
            workers = [queue.worker for queue in self._queues.values() if queue.worker is not None]
            await asyncio.gather(*workers)

    async def resume(self) -> None:
        """Go on, after `pace` has been changed."""
        async with self._changed:
            self._changed.notify_all()

    async def aclose(self) -> None:
        """Give up all that is waiting, and close the connections."""
        workers = [queue.worker for queue in self._queues.values() if queue.worker is not None]
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        self._queues.clear()
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    async def _work(self, key: tuple[str, str], queue: _Queue) -> None:
        while queue.waiting:
            outcome = await self._deliver(queue.waiting[0])
            self.counts[outcome] += 1
            queue.waiting.popleft()
        del self._queues[key]

    async def _deliver(self, delivery: Delivery) -> str:
        began_at = self._now()
        wait_s = self.pace.first_retry_s
        while True:
            row = self._open_subscription(delivery)
            if isinstance(row, str):
                return row
            status, outcome = await self._attempt(delivery, row)
            if outcome == "delivered":
                self._drops[delivery.subscription_id] = 0
            self._note(delivery, status, outcome)
            if outcome == "retried":
                self.counts["retried"] += 1
                if self._now() - began_at + timedelta(seconds=wait_s) <= GIVE_UP_AFTER:
                    await self._sleep(wait_s)
                    wait_s = min(wait_s * 2, self.pace.longest_retry_s)
                    continue
                outcome = "given_up"
            if outcome != "delivered":
                self._count_drop(delivery.subscription_id)
            return outcome

    def _open_subscription(self, delivery: Delivery) -> subscriptions.Row | str:
        """Return the subscription, or why nothing is sent to it."""
        subscriptions.wake_after_a_day(self._store, self._now())
        try:
            row = subscriptions.held(self._store, delivery.subscription_id)
        except RefusedError:
            return "deleted"
        return "disabled" if row["delivery_method"].get("temporarily_disabled") else row

    async def _attempt(self, delivery: Delivery, row: subscriptions.Row) -> tuple[int | None, str]:
        """Make one request; return its status and what follows from it."""
        method = row["delivery_method"]
        headers = {
            "content-type": "application/json",
            "accept": "application/json",
            "user-agent": AGENT,
            "x-pagerduty-signature": sign(delivery.body, method["secret"]),
            "x-webhook-id": delivery.webhook_id,
            "x-webhook-subscription": delivery.subscription_id,
            **{header["name"]: header["value"] for header in method.get("custom_headers", ())},
        }
        async with self._changed:
            await self._changed.wait_for(self._may_send)
            self._under_way += 1
        try:
            async with asyncio.timeout(self.pace.timeout_s):
                answer = await self._client().post(method["url"], content=delivery.body, headers=headers)
        except (httpx.RequestError, TimeoutError):
            return None, "retried"
        finally:
            async with self._changed:
                self._under_way -= 1
                self._changed.notify()
        status = answer.status_code
        if 200 <= status < 300:
            return status, "delivered"
        return status, "retried" if status == 429 or status >= 500 else "dropped"

    def _may_send(self) -> bool:
        return not self.pace.is_paused and self._under_way < self.pace.connections

    def _count_drop(self, subscription_id: str) -> None:
        self._drops[subscription_id] += 1
        if self._drops[subscription_id] >= DROPS_TO_DISABLE and subscription_id in self._store.rows(
            subscriptions.KIND
        ):
            self._drops[subscription_id] = 0
            subscriptions.set_disabled(self._store, subscription_id, self._now())

    def _note(self, delivery: Delivery, status: int | None, outcome: str) -> None:
        self.attempts.append(
            Attempt(
                subscription_id=delivery.subscription_id,
                webhook_id=delivery.webhook_id,
                event_type=delivery.event_type,
                resource=delivery.resource,
                status=status,
                outcome=outcome,
                at=self._now(),
            )
        )

    def _client(self) -> httpx.AsyncClient:
        if self._http is None:
            self._http = httpx.AsyncClient(
                transport=self._transport,
                timeout=None,  # noqa: S113  # bounded as a whole where it is used
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=64),
                trust_env=False,
            )
        return self._http


def sign(body: bytes, *secrets: str) -> str:
    """Return the signature header of a body; several secrets are in force while one is being changed.

    The key is the secret's own text, though it looks like base64.
    Source: PagerDuty Webhooks V3, Signatures.
    """
    return ",".join(f"v1={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}" for secret in secrets)
