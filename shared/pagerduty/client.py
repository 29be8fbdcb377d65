"""Asks PagerDuty: paces, sends, waits and sends again until there is an answer that means something."""

import asyncio
import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import httpx
import orjson

from shared.errors import ConfigurationError, FatalError
from shared.http.backoff import Backoff, parse_wait_s
from shared.http.circuit_breaker import CircuitBreaker
from shared.http.exchange import exchange
from shared.http.waits import WaitLedger
from shared.log.interface import Clock, Sleep
from shared.pagerduty.contact import Contact
from shared.pagerduty.interface import Answer, Budget, Patience
from shared.pagerduty.replies import Reply, judge_failure, judge_response
from shared.pagerduty.request import Request, Try
from shared.pagerduty.request_headers import request_headers
from shared.pagerduty.verdicts import Verdict
from shared.pagerduty.wording import URL_SETTING, US_URL, Wording
from shared.redaction import Redactor

HOST = "PagerDuty"
CHEAPEST_PATH = "/abilities"
"""Works with every kind of key. Source: PagerDuty REST API, List abilities."""
_ANSWERS = frozenset({Verdict.OK, Verdict.DENIED, Verdict.NOT_FOUND})


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
        self._wording = Wording(self._base_url)
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
        return self._wording.address

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
                raise FatalError(self._clean(self._wording.refusal(request, reply)))
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
        left: Mapping[str, str] = {}
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
            left = response.headers
            reply = judge_response(response, self._clean)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise ConfigurationError(f"{URL_SETTING} cannot be asked ({error}); use e.g. {US_URL}") from None
        except (httpx.RequestError, TimeoutError) as error:
            reply = judge_failure(error)
        finally:
            # Also when cancelled: what counts as under way for ever would take from the budget for ever.
            self._budget.observe(request.scope, left)
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
        if not self._contact.is_made:
            return self._wording.no_contact(reply)
        return self._wording.outage(state.request, reply, self._patience.stall_timeout_s)

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
        detail = self._wording.given_up(state.request, reply, number)
        return Answer(
            verdict=Verdict.GIVEN_UP,
            sent_at=sent_at,
            attempts=state.attempts,
            detail=self._clean(detail),
        )

    def _clean(self, text: str) -> str:
        """Return a message without the token, should a reply have quoted it, in whichever form."""
        return self._redactor.text(text)
