"""Tests what replies of PagerDuty are taken to mean, in all the shapes they have."""

from typing import Any

import httpx
import pytest

from shared.http.exchange import AnswerTooLargeError
from shared.pagerduty.error_body import ErrorBody, read_error
from shared.pagerduty.replies import Reply, judge_failure, judge_response
from shared.pagerduty.verdicts import Verdict, classify

CAP = "Offset+limit exceeds maximum allowed value of 10000. Please try to refine your search"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"error":{"message":"M","code":2001,"errors":["a","b"]}}', ErrorBody(2001, "M: a, b")),
        (b'{"error":{"message":"M","errors":"text"}}', ErrorBody(None, "M: text")),
        (
            b'{"error":{"message":"M","errors":{"limit":["is too large"]}}}',
            ErrorBody(None, "M: limit: is too large"),
        ),
        (b'{"error":["one","two"]}', ErrorBody(None, "one, two")),
        (b'{"error":"plain"}', ErrorBody(None, "plain")),
        (b'{"error":null}', ErrorBody()),
        (b'{"error":{"message":null,"code":"2001","errors":[null,1,{"a":[]}]}}', ErrorBody(None, "a: ")),
        (b'{"message":"top","code":7}', ErrorBody(7, "top")),
        (b'["x"]', ErrorBody(None, "x")),
        (b'"x"', ErrorBody(None, "x")),
        (b"null", ErrorBody()),
        (b"", ErrorBody()),
        (b"<html>secret</html>", ErrorBody()),
        (b"\xff\xfe", ErrorBody()),
        (b'{"error":"two\\nlines"}', ErrorBody(None, "two lines")),
    ],
)
def test_error_is_read_in_whatever_shape_it_comes(body: bytes, expected: ErrorBody) -> None:
    found = read_error(body)
    assert (found.code, found.text.strip()) == (expected.code, expected.text.strip())


def test_error_that_is_nested_without_end_is_read_as_far_as_it_makes_sense() -> None:
    body = b'{"error":{"message":"M","errors":' + b"[" * 1000 + b'"x"' + b"]" * 1000 + b"}}"
    assert read_error(body) == ErrorBody(None, "M", is_pagerdutys=True)


def test_long_error_is_cut() -> None:
    text = read_error(b'{"error":"' + b"x" * 5000 + b'"}').text
    assert (len(text), text[-1]) == (300, "…")


@pytest.mark.parametrize(
    ("status", "error", "verdict"),
    [
        (200, ErrorBody(), Verdict.OK),
        (201, ErrorBody(), Verdict.OK),
        (301, ErrorBody(), Verdict.REFUSED),
        (400, ErrorBody(2001, "Invalid Input Provided"), Verdict.REFUSED),
        (400, ErrorBody(2002, f"Arguments Caused Error: {CAP}"), Verdict.PAST_CAP),
        (400, ErrorBody(2002, "Arguments Caused Error: Offset must be less than 10001."), Verdict.PAST_CAP),
        (400, ErrorBody(2002, "Arguments Caused Error: something else"), Verdict.REFUSED),
        (400, ErrorBody(2016, "took too long"), Verdict.RETRY),
        (400, ErrorBody(2100, "Not Found", is_pagerdutys=True), Verdict.NOT_FOUND),
        (400, ErrorBody(2100, "Not Found"), Verdict.REFUSED),
        (400, ErrorBody(2006, "Authentication failed"), Verdict.UNAUTHORIZED),
        (401, ErrorBody(2006, "Authentication failed"), Verdict.UNAUTHORIZED),
        (401, ErrorBody(), Verdict.UNAUTHORIZED),
        (402, ErrorBody(2014, "ability"), Verdict.DENIED),
        (403, ErrorBody(2010, "Access Denied"), Verdict.DENIED),
        (403, ErrorBody(2012, "Account Expired"), Verdict.UNAUTHORIZED),
        (404, ErrorBody(5001, "Not Found", is_pagerdutys=True), Verdict.NOT_FOUND),
        (404, ErrorBody(5001, "Not Found"), Verdict.RETRY),
        (405, ErrorBody(), Verdict.REFUSED),
        (408, ErrorBody(), Verdict.RETRY),
        (429, ErrorBody(2020, "Rate Limit Exceeded"), Verdict.RATE_LIMITED),
        (500, ErrorBody(2000, "Internal"), Verdict.RETRY),
        (502, ErrorBody(), Verdict.RETRY),
        (503, ErrorBody(2012, "odd"), Verdict.RETRY),
    ],
)
def test_status_and_code_say_what_happens_next(status: int, error: ErrorBody, verdict: Verdict) -> None:
    assert classify(status, error) is verdict


def test_reply_without_a_json_object_may_be_a_proxys_page() -> None:
    reply = judge_response(httpx.Response(200, html="<html>hello</html>", headers={"x-request-id": "r1"}))
    assert (reply.verdict, reply.served, reply.cause) == (Verdict.RETRY, False, "HTTP 200 without JSON")
    assert "[x-request-id r1]" in reply.detail
    assert "hello" not in reply.detail


@pytest.mark.parametrize(
    "body",
    [
        '{"error": {"message": "Not Found", "code": 2100}}',
        '{"error": {"message": "Service Not Found", "code": 5002, "errors": {"id": ["is unknown"]}}}',
        '{"error": {}}',
        '{"error": "Not Found"}',
        '{"error": null, "status": 404}',
    ],
)
def test_404_in_the_form_of_pagerdutys_errors_says_that_something_is_gone(body: str) -> None:
    reply = judge_response(httpx.Response(404, text=body))
    assert (reply.verdict, reply.served, reply.is_foreign) == (Verdict.NOT_FOUND, True, False)


@pytest.mark.parametrize(
    "body",
    [
        "<html><h1>404 Not Found</h1><hr>nginx</html>",
        "",
        "Not Found",
        "{}",
        '{"message": "no Route matched with those values"}',
        '{"code": 2100, "message": "Not Found"}',
        '["error"]',
        '"error"',
        '{"error": ',
    ],
)
def test_404_of_somebody_else_says_nothing_and_may_pass(body: str) -> None:
    reply = judge_response(httpx.Response(404, text=body))
    assert (reply.verdict, reply.served, reply.is_foreign) == (Verdict.RETRY, False, True)
    assert (reply.cause, reply.detail) == (
        "HTTP 404 that is not PagerDuty's",
        "HTTP 404 that is not PagerDuty's (text/plain; charset=utf-8)",
    )


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (httpx.ConnectError("refused"), "no connection"),
        (httpx.ConnectTimeout("slow"), "no connection"),
        (httpx.ProxyError("403"), "no connection"),
        (httpx.ReadTimeout("slow"), "no answer in time"),
        (TimeoutError(), "no answer in time"),
        (httpx.ReadError("reset"), "connection lost"),
        (httpx.RemoteProtocolError("half"), "connection lost"),
        (httpx.DecodingError("gzip"), "unreadable answer"),
    ],
)
def test_missing_reply_is_worth_another_try(error: Exception, cause: str) -> None:
    reply = judge_failure(error)
    assert (reply.verdict, reply.cause, reply.served) == (Verdict.RETRY, cause, False)


def test_reply_that_is_too_large_would_come_again() -> None:
    reply = judge_failure(AnswerTooLargeError("larger than 64 MiB"))
    assert (reply.verdict, reply.detail) == (Verdict.REFUSED, "the answer is larger than 64 MiB")


def test_good_reply_holds_its_object() -> None:
    body: dict[str, Any] = {"users": [], "more": False}
    reply = judge_response(httpx.Response(200, content=b'{"users": [], "more": false}'))
    assert (reply.verdict, reply.body, reply.served) == (Verdict.OK, body, True)
    assert reply.size_bytes == 28
    assert isinstance(reply, Reply)
