"""The gateway says 202 only once the log holds the event, and never lets one sender take all there is."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import orjson
import pytest

from schemas.headers import Origin, RecordHeaders
from schemas.webhook_event import EVENT_KINDS, WebhookRequest
from services.webhook_gateway.counters import GatewayCounters, Refusal
from services.webhook_gateway.gateway import WebhookGateway
from services.webhook_gateway.verifier import Verifier
from shared.errors import ConfigurationError, RetryableError
from shared.log.interface import Log, NewRecord, Position
from shared.log.sqlite import SqliteLog
from simulators.pagerduty.event_payloads import build_ping
from tests.service.gateway_setting import (
    NOW,
    PATH,
    SECRET,
    bench,
    event_body,
    settings,
    signature,
)

BODY = event_body()
SIGNED = (b"x-pagerduty-signature", b"v1=" + b"0" * 64)


class AppendOnly:
    """A log that is only appended to; the test decides how that ends."""

    def __init__(self, append: Callable[[Sequence[NewRecord]], Awaitable[list[Position]]]) -> None:
        self.append = append

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"the gateway only appends, it asked for {name}")


async def never(_: Sequence[NewRecord]) -> list[Position]:
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


def refused(**counts: int) -> dict[Refusal, int]:
    return {reason: counts.get(reason.value, 0) for reason in Refusal}


async def test_event_is_in_the_log_as_it_came_with_the_request_around_it() -> None:
    async with bench() as gateway:
        status = await gateway.post(
            BODY,
            {
                "X-PagerDuty-Signature": signature(BODY),
                "X-Webhook-Id": "5d6a1b1c-0000-4000-8000-2b7b6c0e5a11",
                "X-Webhook-Subscription": "PSUBSCR",
                "X-Team": "réd",
                "User-Agent": "PagerDuty-Webhook/V3.0",
            },
            path=f"{PATH}?team=a&team=b&empty=&x=%C3%A9",
        )
        (record,) = await gateway.published()

    assert status == 202
    assert (record.key, record.value) == (b"incidents/Q1ABCDEF23GHIJ", BODY)
    assert RecordHeaders.decode(record.headers) == RecordHeaders(
        id="5d6a1b1c-0000-4000-8000-2b7b6c0e5a11",
        source="pagerport/eu/gateway",
        type="pagerport.webhook",
        subject="Q1ABCDEF23GHIJ",
        time=NOW,
        origin=Origin.LIVE,
        kind="incidents",
    )
    request = WebhookRequest.decode(record.headers)
    assert request.query == {"team": ["a", "b"], "empty": "", "x": "é"}
    assert {name: text for name, text in request.headers.items() if name.startswith(("x-", "user-"))} == {
        "x-webhook-id": "5d6a1b1c-0000-4000-8000-2b7b6c0e5a11",
        "x-webhook-subscription": "PSUBSCR",
        "x-team": "réd",
        "user-agent": "PagerDuty-Webhook/V3.0",
    }


@pytest.mark.parametrize("event_type", EVENT_KINDS)
async def test_every_documented_event_is_keyed_by_the_object_it_is_about(event_type: str) -> None:
    async with bench() as gateway:
        status = await gateway.signed(event_body(event_type))
        (record,) = await gateway.published()

    assert (status, record.key) == (202, f"{EVENT_KINDS[event_type]}/Q1ABCDEF23GHIJ".encode())


async def test_ping_and_unknown_event_types_are_thanked_for_and_go_nowhere() -> None:
    unknown = orjson.dumps(
        {"event": {"event_type": "incident.danced", "data": {"id": "Q1", "type": "incident"}}}
    )
    async with bench() as gateway:
        statuses = [
            await gateway.signed(orjson.dumps(build_ping("01PING", NOW))),
            await gateway.signed(unknown),
            await gateway.signed(b" \n"),
        ]
        published = await gateway.published()

    assert (statuses, published) == ([202, 202, 202], [])
    assert gateway.app.counters == GatewayCounters(
        received=3, pings=1, ignored=2, bytes_in_hand_peak=gateway.app.counters.bytes_in_hand_peak
    )


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff\xfe",
        b"null",
        b"[]",
        b'{"event": null}',
        b'{"event": {"data": {}}}',
        b'{"event": {"event_type": 7}}',
        b"[" * 5000 + b"]" * 5000,
        orjson.dumps({"event": {"event_type": "incident.triggered", "data": None}}),
        orjson.dumps({"event": {"event_type": "incident.annotated", "data": {"id": "PNOTE01"}}}),
        orjson.dumps({"event": {"event_type": "incident.triggered", "data": {"type": "incident", "id": 7}}}),
    ],
)
async def test_authentic_body_that_names_no_object_is_kept_for_the_dead_letters(body: bytes) -> None:
    async with bench() as gateway:
        status = await gateway.signed(body)
        (record,) = await gateway.published()

    digest = hashlib.sha256(body).hexdigest()[:32]
    assert (status, record.key, record.value) == (202, f"unreadable/{digest}".encode(), body)
    assert RecordHeaders.decode(record.headers).kind in {"", "incidents"}
    assert (gateway.app.counters.published, gateway.app.counters.unreadable) == (1, 1)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
async def test_other_methods_are_refused(method: str) -> None:
    async with bench() as gateway:
        answer = await gateway.http.request(
            method, PATH, content=BODY, headers={"X-PagerDuty-Signature": signature(BODY)}
        )
        published = await gateway.published()

    assert (answer.status_code, answer.headers["allow"], published) == (405, "POST", [])


@pytest.mark.parametrize(
    ("more", "statuses"),
    [
        ({}, [202, 404, 404, 404]),
        ({"path_prefix": "/pagerduty/"}, [404, 202, 404, 404]),
        ({"webhook": {"second_path": "/hooks/pagerduty"}}, [202, 404, 202, 404]),
        (
            {"path_prefix": "/pagerduty", "webhook": {"second_path": "/integration/webhook"}},
            [202, 202, 404, 404],
        ),
    ],
    ids=["plain", "prefix", "second path", "prefix with the plain path as the second"],
)
async def test_webhooks_are_taken_at_the_paths_of_the_settings(
    more: dict[str, Any], statuses: list[int]
) -> None:
    paths = (PATH, f"/pagerduty{PATH}", "/hooks/pagerduty", f"{PATH}/")
    async with bench(settings(**more)) as gateway:
        found = [
            await gateway.post(BODY, {"X-PagerDuty-Signature": signature(BODY)}, path=path) for path in paths
        ]
        published = await gateway.published()

    assert (found, len(published)) == (statuses, statuses.count(202))


async def test_log_that_never_answers_costs_a_503_within_the_bound_and_the_room_until_it_answers() -> None:
    chosen = settings(webhook={"ack_timeout_s": 0.05})
    async with bench(chosen, log=AppendOnly(never)) as gateway:  # type: ignore[arg-type]
        answer = await gateway.http.post(
            PATH, content=BODY, headers={"X-PagerDuty-Signature": signature(BODY)}
        )
        held = gateway.app.counters.bytes_in_hand
        await gateway.app.drain(0)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json() == {
        "status": "error",
        "message": "the event could not be stored in time, send it again",
    }
    assert held >= len(BODY)
    assert gateway.app.counters.bytes_in_hand == 0
    assert gateway.app.counters.refused == refused(log_slow=1)


async def test_event_that_reaches_the_log_late_is_counted_and_its_room_is_given_back() -> None:
    go = asyncio.Event()
    embedded = await SqliteLog.temporary()
    await embedded.create_topics(["pagerduty.webhooks"])

    async def slow(records: Sequence[NewRecord]) -> list[Position]:
        await go.wait()
        return await embedded.append(records)

    chosen = settings(webhook={"ack_timeout_s": 0.01})
    async with bench(chosen, log=AppendOnly(slow)) as gateway:  # type: ignore[arg-type]
        first = await gateway.signed(BODY)
        go.set()
        await gateway.app.drain(60)
        again = await gateway.signed(BODY)
        counters = gateway.app.counters
    await embedded.close()

    assert (first, again, counters.late, counters.published, counters.bytes_in_hand) == (503, 202, 1, 1, 0)


@pytest.mark.parametrize(
    "error",
    [
        RetryableError("disk full"),
        KeyError("pagerduty.webhooks"),
        ValueError("x"),
        RuntimeError("the log is closed"),
    ],
)
async def test_log_that_fails_costs_a_503(error: Exception) -> None:
    async def failing(_: Sequence[NewRecord]) -> list[Position]:
        raise error

    async with bench(log=AppendOnly(failing)) as gateway:  # type: ignore[arg-type]
        status = await gateway.signed(BODY)

    assert (status, gateway.app.counters.refused) == (503, refused(log_failed=1))
    assert gateway.app.counters.bytes_in_hand == 0


async def test_bytes_in_hand_are_bounded_and_those_over_it_are_sent_again() -> None:
    """Each of these takes 256 KiB and a little, so three fit into a mebibyte, and the others do not."""
    big = BODY + b" " * (256 * 1024 - len(BODY))
    go = asyncio.Event()
    taken = 0

    async def waiting(records: Sequence[NewRecord]) -> list[Position]:
        nonlocal taken
        taken += 1
        await go.wait()
        return [Position(records[0].topic, 0, 0)]

    chosen = settings(webhook={"in_flight_bytes": 1024 * 1024})
    async with bench(chosen, log=AppendOnly(waiting)) as gateway:  # type: ignore[arg-type]
        sent = [asyncio.create_task(gateway.signed(big)) for _ in range(5)]
        done, pending = await asyncio.wait(sent, return_when=asyncio.FIRST_COMPLETED)
        while len(done) < 2:
            more, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            done |= more
        at_once = sorted(task.result() for task in done)
        go.set()
        later = sorted(await asyncio.gather(*pending))
        after = await gateway.signed(big)

    assert (at_once, later, after) == ([503, 503], [202, 202, 202], 202)
    assert gateway.app.counters.refused == refused(busy=2)
    assert gateway.app.counters.bytes_in_hand == 0
    assert 3 * len(big) < gateway.app.counters.bytes_in_hand_peak <= 1024 * 1024


async def raw(
    app: WebhookGateway, messages: Sequence[dict[str, Any]], headers: Sequence[tuple[bytes, bytes]] = ()
) -> list[dict[str, Any]]:
    """Call the app as a server does; after the messages nothing comes any more."""
    incoming = list(messages)
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if incoming:
            return incoming.pop(0)
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": PATH, "query_string": b"", "headers": list(headers)}
    await app(scope, receive, send)
    return sent


def quick(log: Log) -> WebhookGateway:
    return WebhookGateway(
        log,
        Verifier([SECRET], []),
        paths=(PATH,),
        source="pagerport/eu/gateway",
        ack_timeout_s=3,
        in_flight_bytes=1024 * 1024,
        body_timeout_s=0.02,
        now=lambda: NOW,
    )


async def test_sender_that_drips_is_cut_off() -> None:
    async with bench() as gateway:
        app = quick(gateway.log)
        start, _ = await raw(app, [{"type": "http.request", "body": BODY[:10], "more_body": True}], [SIGNED])
        published = await gateway.published()

    assert (start["status"], (b"connection", b"close") in start["headers"], published) == (408, True, [])
    assert (app.counters.refused, app.counters.bytes_in_hand) == (refused(too_slow=1), 0)


async def test_sender_that_owes_its_body_goes_for_one_that_comes_later() -> None:
    async with bench(settings(webhook={"in_flight_bytes": 1024 * 1024})) as gateway:
        half = {"type": "http.request", "body": b"x" * 500_000, "more_body": True}
        slow = [asyncio.create_task(raw(gateway.app, [dict(half)], [SIGNED])) for _ in range(2)]
        while gateway.app.counters.bytes_in_hand < 1_000_000:  # noqa: ASYNC110 - only looking tells
            await asyncio.sleep(0)
        status = await gateway.signed(BODY + b" " * 100_000)
        start, _ = await slow[0]
        still_there = not slow[1].done()
        slow[1].cancel()
        await asyncio.gather(*slow, return_exceptions=True)

    assert (status, start["status"], still_there) == (202, 503, True)
    assert gateway.app.counters.bytes_in_hand == 0


async def test_sender_that_leaves_in_the_middle_is_not_answered() -> None:
    async with bench() as gateway:
        app = quick(gateway.log)
        part = {"type": "http.request", "body": BODY[:10], "more_body": True}
        sent = await raw(app, [part, {"type": "http.disconnect"}], [SIGNED])
        published = await gateway.published()

    assert (sent, published, app.counters.gone, app.counters.bytes_in_hand) == ([], [], 1, 0)


async def test_body_in_pieces_is_verified_as_a_whole() -> None:
    pieces = [BODY[at : at + 7] for at in range(0, len(BODY), 7)]
    messages = [
        {"type": "http.request", "body": piece, "more_body": number + 1 < len(pieces)}
        for number, piece in enumerate(pieces)
    ]
    async with bench() as gateway:
        app = quick(gateway.log)
        start, _ = await raw(app, messages, [(b"x-pagerduty-signature", signature(BODY).encode())])
        (record,) = await gateway.published()

    assert (start["status"], record.value) == (202, BODY)


@pytest.mark.parametrize("length", [b"524289", b"9" * 30])
async def test_announced_length_over_the_limit_is_refused_before_the_body_is_awaited(length: bytes) -> None:
    async with bench() as gateway:
        start, _ = await raw(gateway.app, [], [SIGNED, (b"content-length", length)])

    assert start["status"] == 413


async def test_refusals_are_said_once_a_minute_however_many_there_are(
    caplog: pytest.LogCaptureFixture,
) -> None:
    times_s = [0.0, 1.0, 59.0, 60.0, 61.0]
    async with bench() as gateway:
        app = WebhookGateway(
            gateway.log,
            Verifier([SECRET], []),
            paths=(PATH,),
            source="pagerport/eu/gateway",
            ack_timeout_s=3,
            in_flight_bytes=1024 * 1024,
            now=lambda: NOW,
            clock=lambda: times_s.pop(0),
        )
        whole = {"type": "http.request", "body": BODY, "more_body": False}
        while times_s:
            await raw(app, [whole])

    lines = [record.getMessage() for record in caplog.records if "401" in record.getMessage()]
    assert len(lines) == 2
    assert lines[1] == lines[0] + " (and 2 more since the last such line)"


def test_gateway_that_is_to_take_webhooks_and_could_verify_none_does_not_start() -> None:
    async def start() -> None:
        public = "https://pagerport.example.com"
        async with bench(settings(secrets="", client_secret="", base_url=public)):
            pass

    with pytest.raises(ConfigurationError, match="OCEAN__INTEGRATION__CONFIG__WEBHOOK_SECRET: is missing"):
        asyncio.run(start())


async def test_gateway_without_a_public_address_and_anything_to_verify_with_refuses_everything(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with bench(settings(secrets="", client_secret="")) as gateway:
        forged = {"X-PagerDuty-Signature": signature(BODY, "")}
        assert [await gateway.signed(BODY), await gateway.post(BODY, forged)] == [401, 401]
        assert await gateway.published() == []
    assert "every webhook is refused with 401" in caplog.text


async def test_every_request_is_counted_once(caplog: pytest.LogCaptureFixture) -> None:
    async with bench() as gateway:
        for send in (
            gateway.signed(BODY),
            gateway.signed(b"{"),
            gateway.signed(orjson.dumps(build_ping("01PING", NOW))),
            gateway.signed(b'{"event": {"event_type": "new.type"}}'),
            gateway.post(BODY),
            gateway.post(BODY, path="/elsewhere"),
        ):
            await send
    counters = gateway.app.counters

    ends = (
        counters.published
        + counters.pings
        + counters.ignored
        + counters.gone
        + sum(counters.refused.values())
    )
    assert (counters.received, ends, counters.requests_in_hand) == (6, 6, 0)
    assert (counters.published, counters.unreadable) == (2, 1)
