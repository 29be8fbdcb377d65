"""Reads an HTTP response, or the lack of one, as Port's answer."""

import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import orjson

from shared.http.backoff import parse_wait_s
from shared.http.exchange import AnswerTooLargeError
from shared.http.waits import RATE_LIMIT
from shared.lenient_json import read_leniently
from shared.port.answer import Answer

UNREADABLE = "unreadable answer"
TOO_LARGE = "answer too large"
_TRANSIENT = frozenset({httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS})
_NO_ROUTE = frozenset({httpx.codes.NOT_FOUND, httpx.codes.METHOD_NOT_ALLOWED})
_HINT_LIMIT_CHARS = 200
_TRACE_LIMIT_CHARS = 100


def read_answer(
    response: httpx.Response, wall_s: float, *, may_lack_route: bool = False, may_be_gone: bool = False
) -> Answer:
    """Return what a response says.

    An HTML page is never Port's: whatever its status, something between us and Port wrote it, and it passes.
    The same goes for a 404 that is no JSON object where, as Port's, it would say that an entity is gone.
    Only a 413 is taken from anybody, for the next hop will not take the body either.
    Source: Port API, OpenAPI, errors.

    Args:
        response: Read to its end.
        wall_s: Seconds since the epoch.
        may_lack_route: See `Call`.
        may_be_gone: See `Call`.
    """
    status, headers, content = response.status_code, response.headers, response.content
    data = _read_object(content)
    is_page = data is None and ("html" in headers.get("content-type", "") or content.lstrip()[:1] == b"<")
    cause, asked_s = "", None
    if status in _TRANSIENT or status >= 500:
        is_limit = status == httpx.codes.TOO_MANY_REQUESTS
        cause = RATE_LIMIT if is_limit else f"HTTP {status}"
        asked_s = parse_wait_s(headers, wall_s, resets=is_limit)
    elif may_lack_route and status in _NO_ROUTE:
        pass
    elif (is_page and status != httpx.codes.REQUEST_ENTITY_TOO_LARGE) or (
        data is None and (status < 300 or (may_be_gone and status == httpx.codes.NOT_FOUND))
    ):
        cause = UNREADABLE if status < 300 else f"{UNREADABLE}, HTTP {status}"
    trace_id = headers.get("x-trace-id", "")[:_TRACE_LIMIT_CHARS]
    return Answer(status, data, cause=cause, trace_id=trace_id, asked_s=asked_s)


def _read_object(content: bytes) -> dict[str, Any] | None:
    """Return the JSON object of a body; None: it is none.

    A title that somebody cut inside an emoji is half a character, which Port gives back as it took it.
    """
    try:
        document = orjson.loads(content)
    except ValueError:
        if content.lstrip()[:1] != b"{":
            return None
        try:
            document = read_leniently(content.decode("utf-8", "surrogateescape"))
        except ValueError:
            return None
    return document if isinstance(document, dict) else None


def read_date(response: httpx.Response) -> datetime | None:
    """Return the time of day at which Port answered, in whole seconds; None: it does not say."""
    try:
        at = parsedate_to_datetime(response.headers.get("date", ""))
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def is_foreign(answer: Answer) -> bool:
    """Whether the answer gives no sign that there is Port's API at the address."""
    return answer.cause.startswith(UNREADABLE)


def no_answer(error: httpx.RequestError | TimeoutError) -> Answer:
    """Return the answer that stands for none.

    Only errors of connecting are quoted; others may quote a header of ours, and one of those is secret.
    """
    match error:
        case httpx.ConnectError():
            hint = _hint(error)
        case AnswerTooLargeError():
            hint = str(error)
        case _:
            hint = ""
    return Answer(0, cause=_cause(error), hint=hint)


def _cause(error: httpx.RequestError | TimeoutError) -> str:
    match error:
        case AnswerTooLargeError():
            return TOO_LARGE
        case httpx.ConnectError() | httpx.ConnectTimeout() | httpx.ProxyError():
            return "no connection"
        case httpx.TimeoutException() | TimeoutError():
            return "timeout"
        case httpx.DecodingError():
            return UNREADABLE
        case _:
            return "connection lost"


def _hint(error: httpx.ConnectError) -> str:
    """Return what is wrong with a connection, which for TLS stands some causes down."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return f"TLS: {cause.reason or cause}"[:_HINT_LIMIT_CHARS]
        cause = cause.__cause__ or cause.__context__
    return str(error)[:_HINT_LIMIT_CHARS]
