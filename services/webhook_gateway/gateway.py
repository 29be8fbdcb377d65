"""Answers the requests: takes an event, checks it, and says 202 only once the log holds it."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from services.webhook_gateway.complaints import Complaints
from services.webhook_gateway.counters import GatewayCounters, Refusal
from services.webhook_gateway.judgement import Treatment, judge
from services.webhook_gateway.reception import (
    BODY_LIMIT_BYTES,
    BODY_TIMEOUT_S,
    Message,
    Receive,
    RefusedError,
    SenderGoneError,
    receive_body,
)
from services.webhook_gateway.record import webhook_record
from services.webhook_gateway.room import Place, Room
from services.webhook_gateway.verifier import SECRET_SETTING, Verifier, build_verifier
from shared.errors import PagerportError
from shared.log.interface import Clock, Log, NewRecord
from shared.service.tracing import Tracing, Untraced
from shared.settings import Settings
from shared.webhook_address import webhook_paths

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]

TAKEN: Final = 202
RETRY_AFTER_S: Final = 1
UNKNOWN_TYPES_NAMED: Final = 100
"""New event types are named in the log lines once each, up to so many."""

_MESSAGES: Final = {
    Refusal.NO_SUCH_PATH: "no webhooks are taken at this path",
    Refusal.WRONG_METHOD: "only POST is taken",
    Refusal.TOO_LARGE: f"the body is larger than {BODY_LIMIT_BYTES} bytes",
    Refusal.TOO_SLOW: f"the body did not come within {BODY_TIMEOUT_S:.0f} s",
    Refusal.UNPROVEN: "the signature is missing or wrong",
    Refusal.UNVERIFIED: "the signature is missing or wrong",
    Refusal.BUSY: "too many events in hand, send it again",
    Refusal.LOG_SLOW: "the event could not be stored in time, send it again",
    Refusal.LOG_FAILED: "the event could not be stored, send it again",
}
_EARLY: Final = frozenset({Refusal.TOO_LARGE, Refusal.TOO_SLOW, Refusal.BUSY, Refusal.UNPROVEN})
"""Given before the body was read to its end: the connection cannot be used again."""


class WebhookGateway:
    """An ASGI app without any framework; it keeps nothing but what is in hand.

    Args:
        log: Has the topic `pagerduty.webhooks`.
        verifier: Knows what an authentic request is.
        paths: Where webhooks are taken.
        source: `pagerport/<identifier>/gateway`.
        ack_timeout_s: Time that the log has to hold an event.
        in_flight_bytes: Most bytes in hand.
        body_timeout_s: Time that a body has to come in.
        now: Wall clock, aware UTC.
        clock: Monotonic seconds.
        tracing: Hears of the webhooks that are published.

    Attributes:
        counters: What became of the requests.
        paths: Where webhooks are taken.
    """

    def __init__(
        self,
        log: Log,
        verifier: Verifier,
        *,
        paths: tuple[str, ...],
        source: str,
        ack_timeout_s: float,
        in_flight_bytes: int,
        body_timeout_s: float = BODY_TIMEOUT_S,
        now: Callable[[], datetime],
        clock: Clock = time.monotonic,
        tracing: Tracing | None = None,
    ) -> None:
        self.counters = GatewayCounters()
        self.paths = paths
        self._log = log
        self._verifier = verifier
        self._source = source
        self._ack_timeout_s = ack_timeout_s
        self._body_timeout_s = body_timeout_s
        self._room = Room(in_flight_bytes, self.counters)
        self._now = now
        self._tracing = tracing or Untraced()
        self._complaints = Complaints(clock)
        self._late: set[asyncio.Task[object]] = set()
        self._unknown_types: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request.

        Raises:
            ValueError: The server asks for something that is no HTTP request.
        """
        if scope["type"] != "http":
            raise ValueError(f"the webhook gateway takes HTTP requests, not {scope['type']}")
        self.counters.received += 1
        self.counters.requests_in_hand += 1
        place = Place(self._room)
        try:
            await self._take(scope, receive, place)
        except RefusedError as refused:
            self.counters.refused[refused.reason] += 1
            await _refuse(send, refused.reason)
        except SenderGoneError:
            self.counters.gone += 1
        else:
            await _answer(send, TAKEN, b'{"status":"ok"}')
        finally:
            self.counters.requests_in_hand -= 1
            place.leave()

    async def drain(self, timeout_s: float) -> None:
        """Wait until the log has answered for events whose senders were told to try again; at the end.

        Args:
            timeout_s: What is then still unanswered is given up; PagerDuty sends it again.
        """
        if not self._late:
            return
        _, unanswered = await asyncio.wait(self._late, timeout=timeout_s)
        for task in unanswered:
            task.cancel()
        await asyncio.gather(*unanswered, return_exceptions=True)

    async def _take(self, scope: Scope, receive: Receive, place: Place) -> None:
        """Return when the request may be answered with 202.

        Raises:
            RefusedError: It is not taken; nothing is published, save where the log was too slow.
            SenderGoneError: The sender has left.
        """
        if scope["path"] not in self.paths:
            raise RefusedError(Refusal.NO_SUCH_PATH)
        if scope["method"] != "POST":
            raise RefusedError(Refusal.WRONG_METHOD)
        headers = scope["headers"]
        if not self._verifier.may_accept(headers):
            # Whoever has no proof need not send its body, which would take room from others.
            raise self._unverified(Refusal.UNPROVEN)
        try:
            body = await receive_body(receive, headers, place, timeout_s=self._body_timeout_s)
        except RefusedError as refused:
            if refused.reason is Refusal.BUSY:
                self._complaints.say("busy", "webhooks are refused with 503: too many bytes in hand")
            raise
        if not self._verifier.accepts(headers, body):
            raise self._unverified(Refusal.UNVERIFIED)
        judgement = judge(body)
        match judgement.treatment:
            case Treatment.PING:
                self.counters.pings += 1
                return
            case Treatment.IGNORE:
                self.counters.ignored += 1
                self._name_unknown(judgement.event_type)
                return
            case Treatment.PUBLISH:
                pass
        with self._tracing.webhook(judgement.event_type) as traceparent:
            record = webhook_record(
                judgement,
                body,
                headers=headers,
                query=scope["query_string"],
                source=self._source,
                received_at=self._now(),
                traceparent=traceparent,
            )
            await self._publish(record, place)
        self.counters.published += 1
        if judgement.is_unreadable:
            self.counters.unreadable += 1
            self._complaints.say(
                "unreadable",
                "an authentic webhook names no object; it is kept and becomes a dead letter, see "
                "`pagerport dlq list`",
            )

    def _unverified(self, reason: Refusal) -> RefusedError:
        self._complaints.say(
            "unverified",
            "a webhook was refused with 401: neither its signature nor a token fits; if it was "
            f"PagerDuty's, put the secret of its subscription into {SECRET_SETTING}",
        )
        return RefusedError(reason)

    async def _publish(self, record: NewRecord, place: Place) -> None:
        """Return when the log holds the record.

        Raises:
            RefusedError: The log failed, or has not answered in time.
        """
        task: asyncio.Task[object] = asyncio.create_task(self._append(record))
        try:
            done, _ = await asyncio.wait({task}, timeout=self._ack_timeout_s)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not done:
            # Not cancelled: a log may be half way through. Until it answers the record takes memory.
            self._leave_behind(task, place)
            self._complaints.say(
                "log slow", f"webhooks are refused with 503: the log took over {self._ack_timeout_s:g} s"
            )
            raise RefusedError(Refusal.LOG_SLOW)
        try:
            task.result()
        except (PagerportError, KeyError, ValueError, RuntimeError) as error:
            # RuntimeError: it was closed, as a process does that is about to end.
            self._complaints.say(
                "log failed", f"webhooks are refused with 503: the log failed ({_said(error)})"
            )
            raise RefusedError(Refusal.LOG_FAILED) from error

    async def _append(self, record: NewRecord) -> None:
        await self._log.append([record])

    def _leave_behind(self, task: asyncio.Task[object], place: Place) -> None:
        left = place.hand_over()

        def answered(ended: asyncio.Task[object]) -> None:
            left.leave()
            self._late.discard(ended)
            if not ended.cancelled() and ended.exception() is None:
                self.counters.late += 1

        self._late.add(task)
        task.add_done_callback(answered)

    def _name_unknown(self, event_type: str) -> None:
        known = self._unknown_types
        if event_type and event_type not in known and len(known) < UNKNOWN_TYPES_NAMED:
            known.add(event_type)
            logger.info("events of type %r are not known to this release and are ignored", event_type[:100])


def gateway_app(
    log: Log,
    settings: Settings,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    clock: Clock = time.monotonic,
    tracing: Tracing | None = None,
) -> WebhookGateway:
    """Return the gateway of an installation.

    Args:
        log: Has the topic `pagerduty.webhooks`.
        settings: Secrets, paths and bounds.
        now: Wall clock, aware UTC.
        clock: Monotonic seconds.
        tracing: Hears of the webhooks that are published.

    Raises:
        ConfigurationError: There is nothing to verify webhooks with.
    """
    return WebhookGateway(
        log,
        build_verifier(settings),
        paths=webhook_paths(settings),
        source=f"pagerport/{settings.integration.identifier}/gateway",
        ack_timeout_s=settings.webhook.ack_timeout_s,
        in_flight_bytes=settings.webhook.in_flight_bytes,
        now=now,
        clock=clock,
        tracing=tracing,
    )


def _said(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


async def _refuse(send: Send, reason: Refusal) -> None:
    headers: list[tuple[bytes, bytes]] = []
    if reason is Refusal.WRONG_METHOD:
        headers.append((b"allow", b"POST"))
    if reason.comes_again:
        headers.append((b"retry-after", str(RETRY_AFTER_S).encode()))
    if reason in _EARLY:
        headers.append((b"connection", b"close"))
    body = orjson.dumps({"status": "error", "message": _MESSAGES[reason]})
    await _answer(send, reason.status, body, headers)


async def _answer(
    send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    head = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        *(headers or ()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})
