"""Judges one reply of PagerDuty, or the lack of one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson

from shared.http.exchange import AnswerTooLargeError
from shared.lenient_json import read_leniently
from shared.pagerduty.error_body import read_error
from shared.pagerduty.verdicts import Verdict, classify, is_daily_quota_spent, is_foreign

_MAY_BE_EMPTY = frozenset({202, 204})
"""To what changes something: accepted, and done. Source: PagerDuty REST API, Webhook subscriptions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What one request brought.

    Attributes:
        verdict: What it means.
        cause: Why not OK, in a few words that repeat (`HTTP 502`, `no connection`).
        detail: The same with PagerDuty's own words and its request id; never a whole body.
        served: Whether something that speaks like PagerDuty has replied.
        body: The JSON object, when OK.
        size_bytes: Of the body as it was before it was parsed, when OK.
        headers: Headers of the reply.
        code: PagerDuty's own code of an error; None: it gave none.
        is_foreign: Something has replied that does not speak like PagerDuty.
    """

    verdict: Verdict
    cause: str = ""
    detail: str = ""
    served: bool = True
    is_foreign: bool = False
    body: Mapping[str, Any] = field(default_factory=dict)
    size_bytes: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    code: int | None = None


def judge_response(response: httpx.Response, clean: Callable[[str], str] = str) -> Reply:
    """Judge a reply that has come. A 2xx without a JSON object is a failure that may pass: a proxy's page.

    So is a 404 without PagerDuty's form of an error.

    Args:
        response: Read to its end.
        clean: Takes secrets out of what it says.
    """
    status = response.status_code
    if status in _MAY_BE_EMPTY and not response.content.strip():
        return Reply(verdict=Verdict.OK, headers=response.headers)
    if 200 <= status < 300:
        body = read_object(response.content)
        if body is not None:
            return Reply(
                verdict=Verdict.OK, body=body, size_bytes=len(response.content), headers=response.headers
            )
        return _foreign(response, f"HTTP {status} without JSON", clean)
    error = read_error(response.content, clean)
    if is_foreign(status, error):
        return _foreign(response, f"HTTP {status} that is not PagerDuty's", clean)
    text = error.text or ("redirect" if 300 <= status < 400 else response.reason_phrase)
    code = "" if error.code is None else f" (code {error.code})"
    verdict = classify(status, error)
    if verdict is Verdict.RATE_LIMITED and is_daily_quota_spent(response.headers):
        verdict = Verdict.QUOTA_SPENT
    return Reply(
        verdict=verdict,
        cause=f"HTTP {status}",
        detail=f"HTTP {status}: {text}{code}{_request_id(response, clean)}",
        headers=response.headers,
        code=error.code,
    )


def _foreign(response: httpx.Response, cause: str, clean: Callable[[str], str]) -> Reply:
    """Return the reply of something that answers in PagerDuty's place, as a proxy does: it may pass."""
    kind = clean(response.headers.get("content-type", "no content type"))[:64]
    return Reply(
        verdict=Verdict.RETRY,
        cause=cause,
        detail=f"{cause} ({kind}){_request_id(response, clean)}",
        served=False,
        is_foreign=True,
        headers=response.headers,
    )


def judge_failure(error: Exception) -> Reply:
    """Judge a request that brought no reply, or half of one. One that is too large would come again."""
    if isinstance(error, AnswerTooLargeError):
        cause = f"the answer is {error}"
        return Reply(verdict=Verdict.REFUSED, cause=cause, detail=cause, served=False)
    match error:
        case httpx.ConnectError() | httpx.ConnectTimeout() | httpx.ProxyError():
            cause = "no connection"
        case httpx.TimeoutException() | TimeoutError():
            cause = "no answer in time"
        case httpx.DecodingError():
            cause = "unreadable answer"
        case _:
            cause = "connection lost"
    said = " ".join(str(error).split())
    return Reply(
        verdict=Verdict.RETRY, cause=cause, detail=f"{cause} ({said})" if said else cause, served=False
    )


def read_object(content: bytes) -> dict[str, Any] | None:
    """Return the JSON object of a body; None: it is none.

    One value that the strict parser refuses is no reason to lose the page: see `read_leniently`.
    """
    try:
        document = orjson.loads(content)
    except ValueError:
        try:
            document = read_leniently(content.decode("utf-8", "surrogateescape"))
        except ValueError:
            return None
    return document if isinstance(document, dict) else None


def _request_id(response: httpx.Response, clean: Callable[[str], str]) -> str:
    """Return the id by which PagerDuty's support finds the request."""
    found = clean(response.headers.get("x-request-id", ""))
    return f" [x-request-id {found[:64]}]" if found else ""
