"""Asks PagerDuty: paces, sends, waits and sends again until there is an answer that means something."""

import asyncio
import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

import httpx
import orjson

from shared.errors import ConfigurationError, FatalError
from shared.http.backoff import Backoff, parse_wait_s
from shared.http.circuit_breaker import CircuitBreaker
from shared.http.exchange import exchange
from shared.http.waits import WaitLedger
from shared.log.interface import Clock, Sleep
from shared.pagerduty.contact import Contact
from shared.pagerduty.replies import Reply, judge_failure, judge_response
from shared.pagerduty.request import Request, Try
from shared.pagerduty.request_headers import request_headers
from shared.pagerduty.verdicts import Verdict
from shared.redaction import Redactor

HOST = "PagerDuty"
EU_URL = "https://api.eu.pagerduty.com"
US_URL = "https://api.pagerduty.com"
URL_SETTING = "OCEAN__INTEGRATION__CONFIG__API_URL"
TOKEN_SETTING = "OCEAN__INTEGRATION__CONFIG__TOKEN"  # noqa: S105 - the name of a setting
STALL_SETTING = "OCEAN__SYNC__STALL_TIMEOUT_S"
CHEAPEST_PATH = "/abilities"
"""Works with every kind of key. Source: PagerDuty REST API, List abilities."""
_ANSWERS = frozenset({Verdict.OK, Verdict.DENIED, Verdict.NOT_FOUND})


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


class PagerDutyClient:
    """Reads from the PagerDuty REST API with one token. Used by the tasks of one event loop.

    Args:
        http: Connections; the caller closes them.
        base_url: E.g. `https://api.pagerduty.com`.
        token: API key or OAuth token; stands in no message.
        user_agent: `pagerport/<version>/<identifier>/exporter`.
        budget: The budget of this token.
        waits: Hears of every wait.
        patience: How long a request is tried for.
        concurrency: Requests in flight at once.
        now: Wall clock, aware UTC.
        clock: Monotonic seconds.
        sleep: Waits for seconds.
        jitter: Gives a number from 0 to 1.
        contact: What is known of PagerDuty already; None: nothing.
        secrets: What else stands in no message, should a reply quote it: the token of our webhooks is sent
            in a body.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        base_url: str,
        token: str,
        user_agent: str,
        budget: Budget,
        waits: WaitLedger,
        now: Callable[[], datetime],
        patience: Patience | None = None,
        concurrency: int = 10,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
        contact: Contact | None = None,
        secrets: Sequence[str] = (),
    ) -> None:
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._token = token
        self._secrets = secrets
        self._redactor = Redactor([token, *secrets])
        self._user_agent = user_agent
        self._headers = request_headers(token, user_agent)
        self._budget = budget
        self._waits = waits
        self._patience = patience or Patience()
        self._concurrency = concurrency
        self._slots = asyncio.Semaphore(concurrency)
        self._now = now
        self._clock = clock
        self._sleep = sleep
        self._backoff = Backoff(jitter=jitter)
        self._contact = contact or Contact(progress_at_s=clock(), circuit=CircuitBreaker(HOST, jitter))

    def live(self) -> "PagerDutyClient":
        """Return the client whose requests go before those of this one, and wait for the end of any outage.

        They use other slots; what the two have sent and had served is counted together.
        """
        return PagerDutyClient(
            self._http,
            base_url=self._base_url,
            token=self._token,
            user_agent=self._user_agent,
            budget=self._budget.live(),
            waits=self._waits,
            now=self._now,
            patience=replace(self._patience, first_contact_s=math.inf, stall_timeout_s=math.inf),
            concurrency=self._concurrency,
            clock=self._clock,
            sleep=self._sleep,
            jitter=self._backoff.jitter,
            contact=self._contact,
            secrets=self._secrets,
        )

    @property
    def requests(self) -> int:
        """Return how many requests were sent so far, repetitions included."""
        return self._contact.requests

    @property
    def successes(self) -> int:
        """Return how many requests PagerDuty served so far."""
        return self._contact.successes

    @property
    def address(self) -> str:
        """Return where PagerDuty is asked, for messages: without credentials or path."""
        try:
            url = httpx.URL(self._base_url)
        except httpx.InvalidURL:
            return "the configured address"
        return f"{url.scheme}://{url.netloc.decode('ascii')}"

    async def get(
        self,
        path: str,
        query: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        *,
        scope: str = "",
    ) -> Answer:
        """Return the answer to a GET, however many requests that takes.

        Waits for rate limits and for failures that pass. A request that goes on failing is given up once
        PagerDuty is seen to answer another. A redirect is refused: following it could carry the token to
        another host.

        Args:
            path: From the leading slash on.
            query: Query pairs.
            headers: Beside the usual ones.
            scope: The operation, where the path has an id in it; empty: the path.

        Raises:
            FatalError: The token is refused, PagerDuty cannot be reached, or it answered nothing at all for
                `stall_timeout_s`.
            ConfigurationError: The address cannot be asked at all.
        """
        request = Request(method="GET", path=path, scope=scope or path, query=query, headers=headers or {})
        return await self._ask(request)

    async def post(self, path: str, body: Mapping[str, Any]) -> Answer:
        """Return the answer to a POST that only asks, so that it may be repeated: analytics.

        Args:
            path: From the leading slash on.
            body: JSON object.

        Raises:
            FatalError: As in `get`.
            ConfigurationError: As in `get`.
        """
        request = Request(method="POST", path=path, scope=path, content=orjson.dumps(body))
        return await self._ask(request)

    async def change(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, scope: str = ""
    ) -> Answer:
        """Return the answer to a request that changes something; it may reach PagerDuty more than once.

        Args:
            method: `POST`, `PUT` or `DELETE`. What a POST makes may be there twice afterwards, and what a
                DELETE is about may be gone when the answer comes: the caller looks.
            path: From the leading slash on.
            body: JSON object; None: an empty body.
            scope: The operation, where the path has an id in it; empty: the path.

        Raises:
            FatalError: As in `get`.
            ConfigurationError: As in `get`.
        """
        content = None if body is None else orjson.dumps(body)
        return await self._ask(Request(method=method, path=path, scope=scope or path, content=content))

    async def _ask(self, request: Request) -> Answer:
        state = Try(request=request, started_s=self._clock())
        while True:
            sent_at, reply = await self._ask_or_hold(state)
            state.attempts += 1
            if reply.verdict is Verdict.UNAUTHORIZED:
                raise FatalError(self._clean(self._refusal(request, reply)))
            if reply.verdict not in {Verdict.RETRY, Verdict.RATE_LIMITED}:
                return self._answer(reply, sent_at, state)
            if self._clock() >= self._deadline_s(state):
                if await self._answers_otherwise(state):
                    return self._given_up(reply, sent_at, state)
                raise FatalError(self._clean(self._outage(state, reply)))
            if reply.verdict is Verdict.RATE_LIMITED:
                state.limited += 1
                asked_s = parse_wait_s(reply.headers, self._now().timestamp())
                wait_s = self._backoff.delay_s(state.limited, asked_s)
                self._budget.refuse(request.scope, reply.headers, wait_s)
                continue
            state.failures += 1
            state.counted += await self._counts(state)
            if state.counted >= self._patience.attempts and await self._answers_otherwise(state):
                return self._given_up(reply, sent_at, state)
            if not self._contact.circuit.is_open:
                await self._back_off(state, reply)

    async def _counts(self, state: Try) -> bool:
        """Whether a failure is the request's own: PagerDuty answers others."""
        if not self._contact.circuit.is_open:
            return True
        return state.was_trial and await self._answers_otherwise(state)

    async def _answers_otherwise(self, state: Try) -> bool:
        """Whether PagerDuty is there, and only this request fails; a refusal is an answer, too."""
        if not self._contact.is_made or state.request.path == CHEAPEST_PATH:
            return False
        cheapest = Request(method="GET", path=CHEAPEST_PATH, scope=CHEAPEST_PATH, is_probe=True)
        asked = await self._ask_once(cheapest, may_try=True)
        return asked is not None and asked[1].verdict in _ANSWERS

    async def _ask_or_hold(self, state: Try) -> tuple[datetime, Reply]:
        """Send the request as soon as the circuit is closed, or it is the turn of this one to try."""
        circuit = self._contact.circuit
        state.was_trial = False
        while (asked := await self._ask_once(state.request, may_try=False)) is None:
            # Leave of the budget was waited for before: who queues can try at once.
            with circuit.queue() as has_turn:
                while circuit.is_open:
                    with self._waits.waiting(HOST, circuit.cause):
                        if not has_turn():
                            await circuit.change()
                            continue
                        await self._sleep(min(circuit.next_delay_s(), self._left_s(state)))
                    state.was_trial = True
                    if tried := await self._ask_once(state.request, may_try=True):
                        return tried
        return asked

    async def _ask_once(self, request: Request, *, may_try: bool) -> tuple[datetime, Reply] | None:
        """Send the request as soon as budget and slots allow.

        Args:
            request: What is asked.
            may_try: It is sent even while the circuit is open; else None is returned as soon as that is so.
        """
        while True:
            # Waiting for the budget takes no slot: an operation with a limit of its own holds up no other.
            await self._budget.wait(request.scope)
            async with self._slots:
                if self._contact.circuit.is_open and not may_try:
                    return None
                if self._budget.take(request.scope):
                    self._contact.requests += 1
                    return self._now(), await self._send(request)

    async def _send(self, request: Request) -> Reply:
        try:
            with self._waits.in_flight(HOST):
                response = await exchange(
                    self._http,
                    request.method,
                    self._base_url + request.path,
                    timeout_s=self._patience.request_timeout_s,
                    params=list(request.query),
                    content=request.content,
                    headers={**self._headers, **request.headers},
                )
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise ConfigurationError(f"{URL_SETTING} cannot be asked ({error}); use e.g. {US_URL}") from None
        except (httpx.RequestError, TimeoutError) as error:
            self._budget.observe(request.scope, {})
            reply = judge_failure(error)
        else:
            self._budget.observe(request.scope, response.headers)
            reply = judge_response(response, self._clean)
        self._contact.note(request, reply, asked_s=self._asked_s(reply), now_s=self._clock())
        return reply

    def _asked_s(self, reply: Reply) -> float | None:
        """Return how long a failed reply asks us to wait; the end of the rate window is no such wish."""
        return parse_wait_s(reply.headers, self._now().timestamp(), resets=False)

    async def _back_off(self, state: Try, reply: Reply) -> None:
        delay_s = self._backoff.delay_s(state.failures, self._asked_s(reply))
        with self._waits.waiting(HOST, reply.cause):
            await self._sleep(min(delay_s, self._left_s(state)))

    def _left_s(self, state: Try) -> float:
        """Return the seconds until our patience with the request ends."""
        return max(self._deadline_s(state) - self._clock(), 0.0)

    def _deadline_s(self, state: Try) -> float:
        if not self._contact.is_made:
            return state.started_s + self._patience.first_contact_s
        return max(self._contact.progress_at_s, state.started_s) + self._patience.stall_timeout_s

    def _outage(self, state: Try, reply: Reply) -> str:
        """Return what to do when nothing has gone through for too long: host, what was asked, next step."""
        if not self._contact.is_made:
            return (
                f"PagerDuty cannot be reached at {self.address}: {reply.detail}; check {URL_SETTING}, "
                "the network and its proxy"
            )
        return (
            f"PagerDuty at {self.address} let nothing through for {self._patience.stall_timeout_s:.0f} "
            f"s, at last {state.request}: {reply.detail}{self._whose(reply)}; run it again later, or raise "
            f"{STALL_SETTING}"
        )

    def _answer(self, reply: Reply, sent_at: datetime, state: Try) -> Answer:
        return Answer(
            verdict=reply.verdict,
            sent_at=sent_at,
            attempts=state.attempts,
            body=reply.body,
            size_bytes=reply.size_bytes,
            detail=self._clean(f"{state.request}: {reply.detail}" if reply.detail else ""),
            code=reply.code,
        )

    def _given_up(self, reply: Reply, sent_at: datetime, state: Try) -> Answer:
        number = state.failures + state.limited
        detail = f"{state.request}: failed {number} times, at last {reply.detail}{self._whose(reply)}"
        return Answer(
            verdict=Verdict.GIVEN_UP,
            sent_at=sent_at,
            attempts=state.attempts,
            detail=self._clean(detail),
        )

    def _whose(self, reply: Reply) -> str:
        """Return what to look at where something else answers; empty: PagerDuty has, or nobody."""
        if not reply.is_foreign:
            return ""
        return (
            f"; what answers at {self.address} is not PagerDuty: look at the proxy on the way and at "
            f"{URL_SETTING}"
        )

    def _refusal(self, request: Request, reply: Reply) -> str:
        """Return what to do about a refused token. Source: PagerDuty REST API, Authentication; regions."""
        other = US_URL if self._base_url.startswith(EU_URL) else EU_URL
        return (
            f"PagerDuty at {self.address} refuses the token ({request}: {reply.detail}); put a valid REST "
            f"API key into {TOKEN_SETTING}, or, if the account is in the other region, set "
            f"{URL_SETTING}={other}"
        )

    def _clean(self, text: str) -> str:
        """Return a message without the token, should a reply have quoted it, in whichever form."""
        return self._redactor.text(text)
