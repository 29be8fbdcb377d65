"""A secret is masked in every form in which it is quoted, and so is what a cut has left of one."""

import base64
import html
import json
import re
from urllib.parse import quote, quote_plus

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import ConfigurationError
from shared.http.client import build_client
from shared.http.proxies import proxy_secrets
from shared.pagerduty.error_body import TEXT_LIMIT_CHARS, read_error
from shared.pagerduty.replies import judge_response
from shared.port.answer import DETAIL_LIMIT_CHARS, Answer
from shared.port.redaction import PortRedactor
from shared.redaction import LONG_CHARS, MASK, PART_CHARS, Redactor

SECRET = 'cS8&r<4vN"q\\Jd0%Yb+2/Hg=Ex'
FORMS = {
    "plain": SECRET,
    "JSON": json.dumps(SECRET)[1:-1],
    "JSON in JSON": json.dumps(json.dumps(SECRET))[3:-3],
    "JSON of a host that escapes slashes": json.dumps(SECRET)[1:-1].replace("/", "\\/"),
    "Python": repr(SECRET)[1:-1],
    "HTML": html.escape(SECRET),
    "a path": quote(SECRET, safe=""),
    "a path in lower case": re.sub("%..", lambda found: found[0].lower(), quote(SECRET, safe="")),
    "a form": quote_plus(SECRET),
}


@pytest.mark.parametrize("form", FORMS)
def test_secret_is_masked_in_every_form(form: str) -> None:
    assert Redactor([SECRET]).text(f"refused {FORMS[form]}, sorry") == f"refused {MASK}, sorry"


@given(
    st.text("abcdefXYZ0189+/=:&", min_size=10, max_size=40),
    st.binary(max_size=7),
    st.binary(max_size=7),
    st.booleans(),
)
def test_no_more_than_the_ends_of_a_secret_are_left_in_base64(
    secret: str, before: bytes, behind: bytes, for_urls: bool
) -> None:
    encode = base64.urlsafe_b64encode if for_urls else base64.b64encode
    text = Redactor([secret]).text(encode(before + secret.encode() + behind).decode())
    assert MASK in text
    # What is left decodes to what stood around it and at most two bytes of each end.
    left = [part for part in text.split(MASK) if part]
    assert all(len(part) <= 4 * ((7 + 2) // 3 + 1) + 4 for part in left)


@given(st.text("abcdefXYZ0189", min_size=LONG_CHARS, max_size=60), st.data())
def test_what_a_cut_leaves_of_a_long_secret_is_masked(secret: str, data: st.DataObject) -> None:
    kept = data.draw(st.integers(PART_CHARS, len(secret) - 1))
    assert Redactor([secret]).text(f"-- {secret[:kept]}") == f"-- {MASK}"


def test_beginning_of_a_short_secret_is_a_word_like_others() -> None:
    assert Redactor(["password-123"]).text("the password is wrong") == "the password is wrong"


@pytest.mark.parametrize("width", range(1, 60, 7))
def test_secret_across_the_limit_of_a_text_of_pagerduty_is_masked_before_the_cut(width: int) -> None:
    clean = Redactor([SECRET]).text
    text = "x" * (TEXT_LIMIT_CHARS - width) + SECRET
    found = read_error(json.dumps({"error": {"message": text}}).encode(), clean).text
    assert SECRET[:4] not in found
    assert len(found) <= TEXT_LIMIT_CHARS


@pytest.mark.parametrize("width", range(1, 60, 7))
def test_secret_across_the_limit_of_a_text_of_port_is_masked_before_the_cut(width: int) -> None:
    redact = PortRedactor([SECRET])
    text = "x" * (DETAIL_LIMIT_CHARS - width) + SECRET
    said = Answer(422, {"error": text, "message": text}, trace_id=SECRET).describe(redact)
    assert SECRET[:4] not in said


def test_request_id_that_quotes_the_token_is_masked_before_the_cut() -> None:
    headers = {"x-request-id": "x" * 60 + SECRET}
    reply = judge_response(httpx.Response(400, json={}, headers=headers), Redactor([SECRET]).text)
    assert SECRET[:4] not in reply.detail


def test_token_of_port_is_masked_once_it_is_known() -> None:
    redact = PortRedactor([SECRET, "another-secret-of-ours"])
    redact.learn("token-without-any-form")
    said = redact(f"a token-without-any-form b {SECRET} c another-secret-of-ours d Bearer whatever")
    assert said == f"a {MASK} b {MASK} c {MASK} d Bearer {MASK}"


@pytest.mark.parametrize(
    ("address", "secrets"),
    [
        ("http://user:pass%2Fword@proxy:8080", ("pass%2Fword", "pass/word")),
        ("http://user:pass/word@proxy:8080", ("pass/word",)),
        ("user:pass:word@proxy", ("pass:word",)),
        ("http://just-a-token@proxy:8080", ("just-a-token",)),
        ("http://user:p@ss@proxy", ("p@ss",)),
        ("http://proxy:8080", ()),
        ("http://user:@proxy", ()),
        ("", ()),
    ],
)
def test_what_is_secret_in_the_address_of_a_proxy(address: str, secrets: tuple[str, ...]) -> None:
    assert proxy_secrets({"https": address}) == secrets


@pytest.mark.parametrize(
    "address",
    [
        "http://user:sec/ret@127.0.0.1:1",
        "socks5://user:secret@127.0.0.1:1",
        "ftp://user:secret@127.0.0.1:1",
        "http://user:secret@[::1",
    ],
)
def test_proxy_that_cannot_be_used_is_a_mistake_of_the_settings_and_not_quoted(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", address)
    with pytest.raises(ConfigurationError, match="HTTPS_PROXY") as raised:
        build_client(user_agent="test")
    assert "sec" not in str(raised.value)
