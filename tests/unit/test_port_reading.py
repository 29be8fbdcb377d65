"""Whatever Port, or something before it, answers is read without an error of our own."""

from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.port.reading import UNREADABLE, read_answer, read_date


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("Sun, 01 Mar 2026 12:00:07 GMT", datetime(2026, 3, 1, 12, 0, 7, tzinfo=UTC)),
        ("Sun, 01 Mar 2026 12:00:07 -0000", datetime(2026, 3, 1, 12, 0, 7, tzinfo=UTC)),
        ("Fri, 31 Dec 9999 23:59:59 -1200", None),
        ("Sun, 01 Mar 99999 12:00:00 GMT", None),
        ("Sun, 01 Mar 2026 12:00:07 +99999999999", None),
        ("now", None),
        ("", None),
    ],
)
def test_date_is_read_or_left(text: str, at: datetime | None) -> None:
    assert read_date(httpx.Response(200, headers={"date": text})) == at


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_no_date_is_an_error(text: str) -> None:
    found = read_date(httpx.Response(200, headers={"date": text}))
    assert found is None or found.tzinfo is UTC


def test_half_a_character_in_a_title_does_not_spoil_the_answer() -> None:
    body = b'{"ok": true, "entities": [{"identifier": "a", "title": "cut \\ud83d"}, {"identifier": "b"}]}'
    answer = read_answer(httpx.Response(200, content=body), 0.0)
    assert answer.ok
    assert answer.data == {
        "ok": True,
        "entities": [{"identifier": "a", "title": "cut \ufffd"}, {"identifier": "b"}],
    }


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>{</html>",
        b"[]",
        b"null",
        b"{",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"\xff\xfe{}",
        b"\x00",
        b'{"a": 1} {"b": 2}',
    ],
)
def test_what_is_no_object_passes(body: bytes) -> None:
    answer = read_answer(httpx.Response(200, content=body), 0.0)
    assert (answer.data, answer.cause) == (None, UNREADABLE)


@pytest.mark.parametrize(
    "value", [b"NaN", b"1e999", b"1" + b"0" * 400, b'"\\u0000"', b"[" * 5000 + b"]" * 5000]
)
def test_value_that_is_out_of_all_bounds_costs_itself(value: bytes) -> None:
    answer = read_answer(httpx.Response(200, content=b'{"odd": ' + value + b', "entities": []}'), 0.0)
    assert answer.data is not None
    assert answer.data["entities"] == []
