"""Makes one call to Port until it is answered: token, pace, repetition, patience."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

import httpx
import orjson

from shared.errors import ConfigurationError, FatalError
from shared.http.backoff import Backoff
from shared.http.circuit_breaker import CircuitBreaker
from shared.http.exchange import exchange
from shared.http.waits import RATE_LIMIT, WaitLedger
from shared.log.interface import Clock, Sleep
from shared.port.answer import Answer
from shared.port.call import Call
from shared.port.gate import Gate
from shared.port.pacing import Pacer
from shared.port.persistence import Patience, Persistence, Verdict
from shared.port.reading import TOO_LARGE, is_foreign, no_answer, read_answer, read_date
from shared.port.redaction import PortRedactor
from shared.port.token import Credentials, Token, TokenSource, read_token
from shared.port.waiting import HOST, Waiting

TOKEN_PATH = "/v1/auth/access_token"  # noqa: S105 # a path, not a secret
_TOKEN_FAMILY = "token"  # noqa: S105 # the name of a rate limit
_PROBE_FAMILY = "blueprint"
RENEWALS = 5
"""New tokens that Port may refuse one after another, without any call that succeeds between them."""
RENEWALS_OF_CALL = 10
"""New tokens that Port may refuse for one call, whatever becomes of others."""
HOPELESS_S = 60.0
"""How long a question that was given up is not persisted in again."""


class PortTransport:
    """Sends calls, at most `concurrency` at a time.

    Args:
        http: Client that follows no redirects.
        base_url: Root of the API, with or without trailing slash or `/v1`.
        credentials: Exchanged for a token.
        user_agent: What Port keeps as `$datasource`.
        waits: Where waiting is accounted.
        patience: How long we persist.
        backoff: Waits between repetitions.
        concurrency: Requests at once.
        clock: Monotonic seconds.
        wall: Seconds since the epoch.
        sleep: Waits.
        secrets: What stands in no message beside the client secret and the tokens, should an answer quote it.

    Raises:
        ConfigurationError: The base URL is no address of an HTTP API.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        base_url: str,
        credentials: Credentials,
        user_agent: str,
        waits: WaitLedger,
        patience: Patience | None = None,
        backoff: Backoff | None = None,
        concurrency: int = 8,
        clock: Clock = time.monotonic,
        wall: Clock = time.time,
        sleep: Sleep = asyncio.sleep,
        secrets: Iterable[str] = (),
    ) -> None:
        self.base_url = _checked_base_url(base_url)
        self.redact = PortRedactor([credentials.client_secret, *secrets])
        self.requests: Counter[str] = Counter()
        """Requests sent, by family, repetitions included."""
        self.answered_at: datetime | None = None
        """Port's time at its last answer; None: that did not say."""
        self._http = http
        self._credentials = credentials
        self._user_agent = user_agent
        self._waits = waits
        self._patience = patience or Patience()
        self._backoff = backoff or Backoff(cap_s=15.0, jitter=random.random)
        self._circuit = CircuitBreaker(HOST, self._backoff.jitter)
        self._clock = clock
        self._wall = wall
        self._pacer = Pacer()
        self._waiting = Waiting(waits, sleep)
        self._gate = Gate(concurrency, self._pacer, self._circuit, self._waiting, clock)
        self._tokens = TokenSource(self._fetch_token, clock)
        self._successes: Counter[str] = Counter()
        self._last_success_s: dict[str, float] = {}
        self._met = False
        self._refused: Token | None = None
        self._renewals = 0
        self._hopeless_s: dict[str, float] = {}

    @property
    def successes(self) -> int:
        """Return how many requests Port served so far."""
        return self._successes.total()

    async def authenticate(self) -> None:
        """Get a token now, so that wrong credentials or a wrong address show before any work is done.

        Raises:
            FatalError: Port refuses the credentials or cannot be reached.
        """
        await self._tokens.get(None)

    async def call(self, call: Call, leaving: asyncio.Event | None = None) -> Answer:
        """Make a call and return Port's final answer; a transient one only after every attempt that counts.

        Args:
            call: What to ask.
            leaving: Gives up any wait once set.

        Raises:
            LeavingError: `leaving` was set while there was something to wait for.
            FatalError: Port refuses us (401 with new tokens, 403, a redirect), cannot be reached, or nothing
                has moved for too long.
        """
        if call.before is not None:
            persistence = call.before.of_part(call.weight)
        else:
            persistence = Persistence(self._patience, self._clock(), weight=call.weight)
        refusals = 0
        while True:
            token = await self._tokens.get(leaving)
            answer = await self._send_or_hold(call, {"authorization": token.header}, leaving)
            if not answer.transient or not self._serves:
                if answer.status == httpx.codes.UNAUTHORIZED:
                    refusals += 1
                    await self._renew(call, answer, token, refusals, leaving)
                    continue
                if answer.status == httpx.codes.FORBIDDEN:
                    raise self._refusal(call, answer)
            if not answer.transient:
                self._renewals = 0
                if call.is_idle is None or not call.is_idle(answer):
                    self._note_success(call.family)
                return answer
            if await self._gives_up(call, answer, persistence, leaving):
                return replace(answer, persistence=persistence)

    @property
    def _serves(self) -> bool:
        """Return whether Port has ever done more for us than to give a token."""
        return any(number for family, number in self._successes.items() if family != _TOKEN_FAMILY)

    async def _renew(
        self, call: Call, answer: Answer, token: Token, refusals: int, leaving: asyncio.Event | None
    ) -> None:
        """Have a refused token replaced, not for ever.

        A token may expire under any call, even twice; only tokens that are never any good tell of a mistake.

        Raises:
            FatalError: Port has refused too many.
        """
        self._tokens.drop(token)
        if token is not self._refused:
            # Calls side by side are refused with the same one.
            self._refused = token
            self._renewals += 1
        if self._renewals > RENEWALS or refusals > RENEWALS_OF_CALL:
            if "expire" in answer.describe(self.redact).lower():
                raise FatalError(
                    f"Port at {self.base_url} calls each new token expired: {call.method} {call.route}:"
                    f" {answer.describe(self.redact)}; run it again later, or ask Port's support"
                )
            raise self._refusal(call, answer)
        if refusals > 1:
            await self.pause("HTTP 401", self._backoff.delay_s(refusals - 1), leaving)

    async def _fetch_token(self, leaving: asyncio.Event | None) -> Token:
        body = orjson.dumps(
            {"clientId": self._credentials.client_id, "clientSecret": self._credentials.client_secret}
        )
        call = Call(method="POST", path=TOKEN_PATH, family=_TOKEN_FAMILY, body=body)
        persistence = Persistence(self._patience, self._clock())
        while True:
            answer = await self._send_or_hold(call, {}, leaving)
            if answer.ok and answer.data is not None:
                token = read_token(answer.data, self._clock())
                if token is not None:
                    self.redact.learn(token.secret)
                    self._note_success(_TOKEN_FAMILY)
                    return token
                raise FatalError(
                    f"{self.base_url}{TOKEN_PATH} answers without an access token: it is not Port's API;"
                    " check OCEAN__PORT__BASE_URL"
                )
            if not answer.transient:
                raise self._refusal(call, answer)
            if await self._gives_up(call, answer, persistence, leaving):
                raise FatalError(f"no token from Port at {self.base_url}: {answer.describe(self.redact)}")

    async def _send_or_hold(
        self, call: Call, headers: dict[str, str], leaving: asyncio.Event | None
    ) -> Answer:
        """Send the call as soon as the circuit is closed, or it is the turn of this one to try."""
        while not await self._gate.enter(call.family, leaving, may_try=False):
            # A rate limit was waited for before: who queues can try at once.
            with self._circuit.queue() as has_turn:
                while self._circuit.is_open:
                    if has_turn():
                        await self.pause(self._circuit.cause, self._circuit.next_delay_s(), leaving)
                        return await self._try(call, headers, leaving)
                    await self._waiting.until(self._circuit.cause, self._circuit.change, leaving)
        return await self._send(call, headers)

    async def _try(self, call: Call, headers: dict[str, str], leaving: asyncio.Event | None) -> Answer:
        """Send the call even while the circuit is open."""
        await self._gate.enter(call.family, leaving, may_try=True)
        return await self._send(call, headers)

    async def _send(self, call: Call, headers: dict[str, str]) -> Answer:
        """Send the call in the slot that was taken for it."""
        headers.update(call.headers)
        headers["user-agent"] = self._user_agent
        headers["accept"] = "application/json"
        if call.body is not None:
            headers["content-type"] = "application/json"
        self.requests[call.family] += 1
        try:
            with self._waits.in_flight(HOST):
                response = await exchange(
                    self._http,
                    call.method,
                    self.base_url + call.path,
                    timeout_s=min(self._patience.request_timeout_s, self._patience.stall_s),
                    content=call.body,
                    headers=headers,
                )
            answer = self._read(call, response)
        except (httpx.RequestError, TimeoutError) as error:
            answer = no_answer(error)
        finally:
            self._gate.leave(call.family)
        if answer.transient and answer.cause not in {RATE_LIMIT, TOO_LARGE}:
            self._circuit.failed(answer.cause, answer.asked_s)
        else:
            self._circuit.answered()
        return answer

    def _read(self, call: Call, response: httpx.Response) -> Answer:
        self._pacer.observe(call.family, response.headers, self._clock(), self._wall())
        if 300 <= response.status_code < 400:
            raise FatalError(
                f"{self.base_url} answers {call.method} {call.route} with a redirect (HTTP"
                f" {response.status_code}), which Port's API does not do; check OCEAN__PORT__BASE_URL"
            )
        answer = read_answer(
            response, self._wall(), may_lack_route=call.may_lack_route, may_be_gone=call.may_be_gone
        )
        self.answered_at = read_date(response)
        self._met = self._met or not is_foreign(answer)
        return answer

    async def _gives_up(
        self, call: Call, answer: Answer, persistence: Persistence, leaving: asyncio.Event | None
    ) -> bool:
        """Wait and return False to try again, True to give the call up."""
        family, now_s = call.family, self._clock()
        is_limit = answer.status == httpx.codes.TOO_MANY_REQUESTS
        if answer.cause == TOO_LARGE or (not is_limit and self._is_hopeless(call)):
            return True
        probed_well = False
        if call.probe and not is_limit and persistence.wants_probe(now_s, self._successes[family]):
            probed_well = await self._probe(call, leaving)
        verdict = persistence.failed(
            self._clock(),
            successes=self._successes[family],
            last_success_s=self._last_success_s.get(family, float("-inf")),
            may_count=not is_limit,
            probed_well=probed_well,
            met=self._met,
        )
        if verdict is Verdict.GIVE_UP:
            if call.is_question:
                self._hopeless_s[call.path] = self._clock()
            return True
        if verdict is Verdict.AGAIN:
            delay_s = self._backoff.delay_s(persistence.failures, answer.asked_s)
            if is_limit:
                self._pacer.block(family, self._clock() + delay_s)
            elif not self._circuit.is_open:
                await self.pause(answer.cause, delay_s, leaving)
            return False
        why = answer.describe(self.redact)
        if verdict is Verdict.UNREACHABLE:
            raise FatalError(
                f"cannot reach Port at {self.base_url}: {why}; check OCEAN__PORT__BASE_URL, the network and"
                " the proxy settings"
            )
        raise FatalError(
            f"Port at {self.base_url} has let no {family} call succeed for {self._patience.stall_s:.0f} s;"
            f" last: {call.method} {call.route}: {why}; check that it is up, OCEAN__PORT__BASE_URL, the"
            " network and the proxy settings"
        )

    async def _probe(self, call: Call, leaving: asyncio.Event | None) -> bool:
        """Whether Port answers another question; not to hold what is asked for is an answer, too."""
        if self._pacer.delay_s(_PROBE_FAMILY, self._clock()) > 0:
            return False
        probe = Call(method="GET", path=call.probe, family=_PROBE_FAMILY)
        token = await self._tokens.get(leaving)
        answer = await self._try(probe, {"authorization": token.header}, leaving)
        return not answer.transient and (answer.ok or answer.status == httpx.codes.NOT_FOUND)

    def _is_hopeless(self, call: Call) -> bool:
        """Whether the same question was given up a short while ago."""
        given_up_s = self._hopeless_s.get(call.path) if call.is_question else None
        return given_up_s is not None and self._clock() - given_up_s < HOPELESS_S

    async def pause(self, cause: str, delay_s: float, leaving: asyncio.Event | None) -> None:
        """Wait for Port, and have it accounted.

        Raises:
            LeavingError: `leaving` is set.
        """
        await self._waiting.pause(cause, delay_s, leaving)

    def _note_success(self, family: str) -> None:
        self._successes[family] += 1
        self._last_success_s[family] = self._clock()

    def _refusal(self, call: Call, answer: Answer) -> FatalError:
        return FatalError(
            f"Port refuses {call.method} {call.route} at {self.base_url}:"
            f" {answer.describe(self.redact)}; check OCEAN__PORT__CLIENT_ID and"
            " OCEAN__PORT__CLIENT_SECRET (a client of this organisation with the right to do this), that"
            " OCEAN__PORT__BASE_URL is its region, and Port's list of allowed addresses"
        )


def _checked_base_url(text: str) -> str:
    try:
        url = httpx.URL(text)
        is_usable = url.scheme in {"http", "https"} and url.host != "" and not url.query and not url.userinfo
    except httpx.InvalidURL:
        is_usable = False
    if not is_usable:
        raise ConfigurationError(
            "OCEAN__PORT__BASE_URL is no address of an HTTP API; use https://api.port.io or"
            " https://api.us.port.io"
        )
    return text.rstrip("/").removesuffix("/v1").rstrip("/")
