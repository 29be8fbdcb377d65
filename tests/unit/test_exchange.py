"""One request and its answer: whole, within a deadline and a size."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator

import httpx
import pytest

from shared.http.exchange import AnswerTooLargeError, exchange

LIMIT_BYTES = 1000
FITTING, TOO_MUCH = b"x" * LIMIT_BYTES, b"x" * (LIMIT_BYTES + 1)


async def streamed(body: bytes, chunk_bytes: int = 7) -> AsyncIterator[bytes]:
    for start in range(0, len(body), chunk_bytes):
        yield body[start : start + chunk_bytes]


PACKED = {
    "": FITTING,
    "identity": FITTING,
    "gzip": gzip.compress(FITTING),
    "x-gzip": gzip.compress(FITTING),
    "GZIP": gzip.compress(FITTING),
    "deflate": zlib.compress(FITTING),
}


async def ask(body: bytes, status: int = 200, chunk_bytes: int = 7, **headers: str) -> httpx.Response:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers["accept-encoding"])
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.Response(status, headers=named, content=streamed(body, chunk_bytes))

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        found = await exchange(
            http, "GET", "http://host.test/a?b=c", timeout_s=5, headers={"x": "y"}, limit_bytes=LIMIT_BYTES
        )
    assert asked == ["gzip, deflate"]
    return found


@pytest.mark.parametrize("encoding", PACKED)
async def test_answer_is_read_whole_in_every_encoding_asked_for(encoding: str) -> None:
    found = await ask(PACKED[encoding], 418, x_trace_id="t", content_encoding=encoding)
    assert (found.status_code, found.content, found.headers["x-trace-id"]) == (418, FITTING, "t")
    assert "content-encoding" not in found.headers


async def test_headers_may_be_of_any_text_and_come_more_than_once() -> None:
    raw = [(b"X-Odd", "²".encode("latin-1")), (b"x-odd", b"\xff"), (b"Content-Encoding", b"")]
    transport = httpx.MockTransport(lambda _: httpx.Response(200, headers=raw, content=streamed(b"x")))
    async with httpx.AsyncClient(transport=transport) as http:
        found = await exchange(http, "GET", "http://host.test/", timeout_s=5, headers={})
    assert found.headers.get_list("x-odd") == ["²", "ÿ"]
    assert found.content == b"x"


@pytest.mark.parametrize("chunk_bytes", [7, 10**6])
async def test_answer_larger_than_the_limit_is_refused(chunk_bytes: int) -> None:
    with pytest.raises(AnswerTooLargeError):
        await ask(TOO_MUCH, chunk_bytes=chunk_bytes)
    with pytest.raises(AnswerTooLargeError):
        await ask(gzip.compress(TOO_MUCH), chunk_bytes=chunk_bytes, content_encoding="gzip")


async def test_announced_size_is_believed() -> None:
    with pytest.raises(AnswerTooLargeError):
        await ask(b"", content_length=str(LIMIT_BYTES + 1))


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "zstd"])
async def test_encoding_nobody_asked_for_is_not_unpacked(encoding: str) -> None:
    with pytest.raises(httpx.DecodingError):
        await ask(b"x", content_encoding=encoding)


async def test_broken_compression_is_unreadable() -> None:
    with pytest.raises(httpx.DecodingError):
        await ask(b"no gzip at all", content_encoding="gzip")


async def test_answer_that_drips_meets_the_deadline() -> None:
    async def drip() -> AsyncIterator[bytes]:
        while True:
            # The network's own pace, not ours: it lets the deadline come.
            await anext(streamed(b" "))
            await asyncio.sleep(0)
            yield b""

    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=drip()))
    async with httpx.AsyncClient(transport=transport) as http:
        with pytest.raises(TimeoutError):
            await exchange(http, "GET", "http://host.test/", timeout_s=0.02, headers={})
