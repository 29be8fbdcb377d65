"""What strangers may do to the HTTP server of a service: it stays small, and there for others."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import uvicorn
from uvicorn.server import ServerState

from services.standalone.http import Router, serve_http
from shared.service import http_protocol
from shared.service.address import bound_socket
from shared.service.http_protocol import HEAD_LIMIT_BYTES, PIPELINE_LIMIT, BoundedProtocol
from shared.service.probes import LIVE_PATH, live_route
from shared.settings import Settings
from tests.kafka.stack import free_port
from tests.service.gateway_setting import PATH, Bench, bench, event_body, signature

BODY = event_body()
PATIENCE_S = 20.0
SENT_AT_MOST = 64 * 1024 * 1024
"""What a sender that is never stopped would send; the server's memory would grow by as much."""


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[Bench, int]]:
    """Serve a gateway and a probe on a port of this machine."""
    port = free_port()
    settings = Settings.model_validate({"http": {"host": "127.0.0.1", "port": port}})
    async with bench() as gateway:
        routes = Router({PATH: gateway.app, LIVE_PATH: live_route("test")})
        with bound_socket("127.0.0.1", port) as address:
            async with serve_http(routes, settings, address):
                async with asyncio.timeout(PATIENCE_S):
                    while await status(port, get(LIVE_PATH)) != 200:  # noqa: ASYNC110 - only asking tells
                        await asyncio.sleep(0.01)
                yield gateway, port


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode()


def post(
    *headers: bytes,
    body: bytes = BODY,
    path: str = PATH,
    length: bool = True,
    close: bool = True,
    method: str = "POST",
) -> bytes:
    """Return a signed delivery with headers of one's own."""
    head = [f"{method} {path} HTTP/1.1".encode(), b"host: x"]
    head += [b"connection: close"] if close else []
    head += [b"x-pagerduty-signature: " + signature(body).encode()]
    head += [b"content-length: %d" % len(body)] if length else []
    return b"\r\n".join([*head, *headers, b"", b""]) + body


async def answers(port: int, data: bytes) -> bytes:
    """Return everything the server says until it closes the connection; nothing where it refuses one."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionError:
        return b""
    try:
        async with asyncio.timeout(PATIENCE_S):
            writer.write(data)
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def status(port: int, data: bytes) -> int:
    """Return the status of the first answer; 0: the connection ends without one."""
    line = (await answers(port, data)).split(b"\r\n", 1)[0].split(b" ")
    return int(line[1]) if len(line) > 1 else 0


async def flood(port: int, beginning: bytes, more: Callable[[int], bytes]) -> int:
    """Send without end until the server hangs up, and return how many bytes that took."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    sent = len(beginning)
    try:
        async with asyncio.timeout(PATIENCE_S):
            writer.write(beginning)
            for number in range(1_000_000_000):
                writer.write(part := more(number))
                sent += len(part)
                await writer.drain()
                if reader.at_eof() or sent > SENT_AT_MOST:
                    break
    except ConnectionError:
        pass
    finally:
        writer.close()
    return sent


FLOODS: dict[str, tuple[bytes, Callable[[int], bytes]]] = {
    "many headers": (
        f"POST {PATH} HTTP/1.1\r\nhost: x\r\n".encode(),
        lambda number: b"".join(b"x-%d-%d: y\r\n" % (number, one) for one in range(500)),
    ),
    "one header": (f"POST {PATH} HTTP/1.1\r\nhost: x\r\nx-a: ".encode(), lambda _: b"y" * 20_000),
    "one name": (f"POST {PATH} HTTP/1.1\r\nhost: x\r\nx-".encode(), lambda _: b"y" * 20_000),
    "an address": (f"GET {LIVE_PATH}?".encode(), lambda _: b"y" * 20_000),
    "an extension of a chunk": (
        post(b"transfer-encoding: chunked", body=b"", length=False, close=False) + b"5;",
        lambda _: b"y" * 20_000,
    ),
    "trailers": (
        post(b"transfer-encoding: chunked", body=b"", length=False, close=False) + b"1\r\na\r\n0\r\n",
        lambda number: b"".join(b"x-%d-%d: y\r\n" % (number, one) for one in range(500)),
    ),
    "requests before the answer to the first": (b"", lambda _: post(close=False) * 20),
}


@pytest.mark.parametrize("name", FLOODS)
async def test_flood_is_cut_off_and_others_are_served(name: str) -> None:
    async with serving() as (gateway, port):
        sent = await flood(port, *FLOODS[name])
        assert sent < SENT_AT_MOST
        assert await status(port, post()) == 202
        assert gateway.app.counters.requests_in_hand == 0


async def test_headers_up_to_the_limit_are_taken_and_above_it_are_not() -> None:
    async with serving() as (gateway, port):
        assert await status(port, post(b"x-a: " + b"y" * (HEAD_LIMIT_BYTES - 1000))) == 202
        assert await status(port, post(b"x-a: " + b"y" * HEAD_LIMIT_BYTES)) == 431
        assert len(await gateway.published()) == 1


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"PO",
        f"POST {PATH} HTTP/1.1\r\nhost: x\r\nx-a".encode(),
        post(b"content-length: 10", body=b"", length=False),
        post(b"transfer-encoding: chunked", body=b"", length=False) + b"1\r\na\r\n",
        f"GET {LIVE_PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n".encode(),
    ],
    ids=["nothing", "a method", "half a header", "no body", "an endless body", "no body to a probe"],
)
async def test_request_that_does_not_end_is_ended(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_TIMEOUT_S", 0.3)
    monkeypatch.setattr(http_protocol, "REQUEST_TIMEOUT_S", 0.3)
    async with serving() as (gateway, port):
        # `answers` returns once the server has closed the connection.
        said = await answers(port, sent)
        assert said[:12] in {b"HTTP/1.1 408", b"HTTP/1.1 200", b""}
        assert await status(port, post()) == 202
        assert gateway.app.counters.requests_in_hand == 0


async def test_requests_one_after_the_other_on_a_connection_are_no_slow_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_TIMEOUT_S", 0.5)
    monkeypatch.setattr(http_protocol, "REQUEST_TIMEOUT_S", 0.5)
    async with serving() as (gateway, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        began_s = asyncio.get_running_loop().time()
        count = 0
        async with asyncio.timeout(PATIENCE_S):
            while asyncio.get_running_loop().time() < began_s + 1:
                writer.write(post(close=False))
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 202")
                await reader.readexactly(len(b'{"status":"ok"}'))
                count += 1
        writer.close()
        assert len(await gateway.published()) == count


HELD: dict[str, bytes] = {
    "nothing sent": b"",
    "half a header": f"POST {PATH} HTTP/1.1\r\nhost: x\r\nx-a".encode(),
    "half a body": post(b"content-length: 1000", body=b"x", length=False),
    "idle after an answer": get(LIVE_PATH).replace(b"connection: close\r\n", b""),
}


@pytest.mark.parametrize("held", HELD.values(), ids=HELD)
async def test_connections_that_are_held_open_go_for_those_that_come(
    held: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "CONNECTIONS_LIMIT", 5)
    async with serving() as (gateway, port), AsyncExitStack() as stack:
        for _ in range(20):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            stack.callback(writer.close)
            writer.write(held)
            await writer.drain()
            assert await status(port, post()) == 202
            assert await status(port, get(LIVE_PATH)) == 200
        assert len(await gateway.published()) == 20


class Transport(asyncio.Transport):
    """A connection that only says from where it came, and whether it was cut."""

    def __init__(self, peer: str) -> None:
        super().__init__({"peername": (peer, 1)})
        self.is_cut = False

    def abort(self) -> None:
        self.is_cut = True

    def is_closing(self) -> bool:
        return self.is_cut

    def close(self) -> None:
        self.is_cut = True

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


async def test_the_oldest_of_the_peer_that_owes_most_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "CONNECTIONS_LIMIT", 4)
    config = uvicorn.Config(live_route("test"), lifespan="off", log_config=None)
    state = ServerState()
    made = [Transport(peer) for peer in ("1.1.1.1", "2.2.2.2", "2.2.2.2", "3.3.3.3", "4.4.4.4", "5.5.5.5")]
    protocols = [BoundedProtocol(config, state, {}) for _ in made]
    cut = []
    for protocol, transport in zip(protocols, made, strict=True):
        protocol.connection_made(transport)
        cut.append([number for number, one in enumerate(made) if one.is_cut])
    for protocol in protocols:
        protocol.connection_lost(ConnectionAbortedError())

    assert cut == [[], [], [], [], [1], [0, 1]]


async def test_pipelined_requests_within_the_limit_are_all_answered() -> None:
    async with serving() as (gateway, port):
        said = await answers(port, post(close=False) * (PIPELINE_LIMIT - 1) + post())
        assert said.count(b"HTTP/1.1 202") == PIPELINE_LIMIT
        assert len(await gateway.published()) == PIPELINE_LIMIT


REFUSED: dict[str, tuple[bytes, set[int]]] = {
    "two lengths": (post(b"content-length: 1"), {400}),
    "length and chunks": (post(b"transfer-encoding: chunked"), {400}),
    "a coding that ends in chunked": (post(b"transfer-encoding: xchunked", length=False), {400}),
    "chunks that are not the last coding": (
        post(b"transfer-encoding: chunked", b"transfer-encoding: identity", length=False),
        {400},
    ),
    "a length with a sign": (post(b"content-length: +5", length=False), {400}),
    "a length below nothing": (post(b"content-length: -1", length=False), {400}),
    "a folded header": (post(b"x-a: b\r\n c: d"), {400}),
    "a blank before the colon": (post(b"x-a : b"), {400}),
    "lines without a return": (post().replace(b"\r\n", b"\n"), {400}),
    "a control sign in a name": (post(b"x\x01: b"), {400}),
    "a path with two slashes": (post(path=f"/{PATH}"), {404}),
    "a path with a slash behind": (post(path=f"{PATH}/"), {404}),
    "a path with dots": (post(path=f"/x/..{PATH}"), {404}),
    "a path that is not ASCII": (post(path=f"{PATH}ü"), {400}),
    "HEAD": (post(method="HEAD", body=b""), {405}),
    "OPTIONS": (post(method="OPTIONS", body=b""), {405}),
    "TRACE": (post(method="TRACE", body=b""), {405}),
    "CONNECT": (b"CONNECT evil:443 HTTP/1.1\r\nhost: x\r\n\r\n", {400}),
    "another protocol": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400}),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x07" * 200, {400}),
    "a web socket": (
        b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
        {404, 400},
    ),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_two_servers_could_read_differently_is_refused(name: str) -> None:
    data, statuses = REFUSED[name]
    async with serving() as (gateway, port):
        assert await status(port, data) in statuses
        assert await gateway.published() == []
        assert await status(port, post()) == 202


async def test_compressed_body_is_kept_as_it_came() -> None:
    body = gzip.compress(BODY)
    async with serving() as (gateway, port):
        assert await status(port, post(b"content-encoding: gzip", body=body)) == 202
        (record,) = await gateway.published()
        assert record.value == body
