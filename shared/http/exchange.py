"""Sends one request and reads its answer to the end, within a deadline and a size."""

import asyncio
import zlib
from collections.abc import Mapping

import httpx

from shared.http.numbers import finite_number

ANSWER_LIMIT_BYTES = 64 * 1024 * 1024
"""Of the body as it is once decompressed: a megabyte of gzip may hold a thousand."""
_COMPRESSED = frozenset({"gzip", "x-gzip", "deflate"})
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
_OF_THE_TRANSFER = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})


class AnswerTooLargeError(httpx.RequestError):
    """The answer is larger than we take; asking again would bring the same."""


async def exchange(
    http: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    timeout_s: float,
    params: list[tuple[str, str | int | float | bool | None]] | None = None,
    content: bytes | None = None,
    headers: Mapping[str, str],
    limit_bytes: int = ANSWER_LIMIT_BYTES,
) -> httpx.Response:
    """Return the answer, read to its end; a redirect is not followed.

    Args:
        http: Sends it.
        method: HTTP method.
        url: Whole address.
        timeout_s: From the request to the last byte of the answer. httpx bounds only the silence between two
            bytes, which an answer that drips never reaches.
        params: Query pairs, instead of a query in the address.
        content: Body of the request.
        headers: Of the request.
        limit_bytes: Largest body taken, decompressed.

    Raises:
        TimeoutError: The deadline has passed.
        AnswerTooLargeError: The body is larger than the limit.
        httpx.RequestError: There is no answer, or none that can be read.
    """
    headers = {**headers, "accept-encoding": "gzip, deflate"}
    async with (
        asyncio.timeout(timeout_s),
        http.stream(
            method, url, params=params, content=content, headers=headers, follow_redirects=False
        ) as response,
    ):
        body = await _read(response, limit_bytes)
    return httpx.Response(
        response.status_code,
        # As bytes, for their text may be anything.
        headers=[
            (name, value) for name, value in response.headers.raw if name.lower() not in _OF_THE_TRANSFER
        ],
        content=body,
        request=response.request,
        extensions={"reason_phrase": response.reason_phrase.encode("ascii", "ignore")},
    )


async def _read(response: httpx.Response, limit_bytes: int) -> bytes:
    if response.is_stream_consumed:
        # By a transport that is no network.
        return response.content
    announced = finite_number(response.headers.get("content-length"))
    if announced is not None and announced > limit_bytes:
        raise _too_large(limit_bytes)
    decompressor = _decompressor(response.headers.get("content-encoding", ""))
    body = bytearray()
    try:
        async for chunk in response.aiter_raw():
            # One byte more than there is room for tells that there is too much.
            body += decompressor.decompress(chunk, limit_bytes - len(body) + 1) if decompressor else chunk
            if len(body) > limit_bytes:
                raise _too_large(limit_bytes)
    except zlib.error as error:
        raise httpx.DecodingError(str(error)) from None
    return bytes(body)


def _decompressor(encoding: str) -> "zlib._Decompress | None":
    names = [name.strip().lower() for name in encoding.split(",")]
    names = [name for name in names if name not in {"", "identity"}]
    if not names:
        return None
    if len(names) > 1 or names[0] not in _COMPRESSED:
        raise httpx.DecodingError("the answer is compressed in a way that was not asked for")
    return zlib.decompressobj(_GZIP_OR_ZLIB)


def _too_large(limit_bytes: int) -> AnswerTooLargeError:
    return AnswerTooLargeError(f"larger than {limit_bytes // (1024 * 1024)} MiB")
