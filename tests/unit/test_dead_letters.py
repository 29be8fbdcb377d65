"""Proves that a dead letter keeps its record untouched and gives it back."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.dead_letter import DETAIL_LIMIT_CHARS, DeadLetter, LetterFailure
from schemas.outcome import Reason
from schemas.topics import DEAD_LETTERS
from shared.dead_letters import (
    FAILURES_LISTED,
    Resolution,
    dead_letter_record,
    failure_count,
    read_dead_letter,
    resolution_of,
    resolution_record,
)
from shared.log.interface import NewRecord, Record
from tests.dead_letter_originals import original_record

FAILED_AT = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def a_record(
    *,
    key: bytes | None = b"PT4KHLK",
    value: bytes | None = b'{"id":"PT4KHLK"}',
    headers: tuple[tuple[str, bytes | None], ...] = (("ce_kind", b"incidents"), ("odd", None)),
) -> Record:
    return Record("pagerduty.raw.incidents", 3, 41, 1_700_000_000_000, key, value, headers)


def a_letter(
    *failures: LetterFailure, original_key: str = "UFQ0S0hMSw==", object_id: str = "PT4KHLK"
) -> DeadLetter:
    return DeadLetter(
        topic="pagerduty.raw.incidents",
        partition=3,
        offset=41,
        stage="mapper",
        failures=failures or (LetterFailure(reason=Reason.IDENTIFIER_NULL, detail=".id gave null", entry=2),),
        kind="incidents",
        object_id=object_id,
        run_id="run-1",
        failed_at=FAILED_AT,
        original_key=original_key,
    )


def as_read(new: NewRecord) -> Record:
    return Record(new.topic, 0, 7, 1_700_000_000_000, new.key, new.value, new.headers)


def test_a_letter_is_read_back_as_it_was_written() -> None:
    written = dead_letter_record(a_record(), a_letter())

    assert (written.topic, written.key, written.value) == (
        "dlq.pagerduty.raw.incidents",
        b"3/41",
        b'{"id":"PT4KHLK"}',
    )
    assert written.headers[:2] == (("ce_kind", b"incidents"), ("odd", None))
    assert read_dead_letter(as_read(written)) == a_letter()


@given(
    key=st.none() | st.binary(min_size=1),
    value=st.none() | st.binary(),
    headers=st.lists(
        st.tuples(st.sampled_from(["ce_kind", "dlq_topic", "dlq_value", "x"]), st.none() | st.binary())
    ),
)
def test_the_original_record_survives_whatever_it_holds(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]]
) -> None:
    record = a_record(key=key, value=value, headers=tuple(headers))

    written = dead_letter_record(record, a_letter(original_key=""))

    assert written.value is not None
    assert original_record(as_read(written)) == record


def test_many_long_failures_are_bounded_and_counted() -> None:
    failure = LetterFailure(
        reason=Reason.REFUSED, detail="x" * 5000, blueprint="b" * 5000, identifier="i" * 5000
    )

    written = as_read(dead_letter_record(a_record(), a_letter(*[failure] * 50)))

    letter = read_dead_letter(written)
    assert len(letter.failures) == FAILURES_LISTED
    assert {len(listed.detail) for listed in letter.failures} == {DETAIL_LIMIT_CHARS}
    assert failure_count(written) == 50
    assert sum(len(value or b"") for _, value in written.headers) < 32_000


def test_text_that_is_no_unicode_is_still_a_letter() -> None:
    failure = LetterFailure(reason=Reason.UNREADABLE, detail="\udfff")
    letter = a_letter(failure).model_copy(update={"object_id": "\ud800"})

    read = read_dead_letter(as_read(dead_letter_record(a_record(), letter)))

    assert (read.object_id, read.failures[0].detail) == ("?", "?")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("dlq_offset", b"many", "dlq_offset"),
        ("dlq_failures", b"[]", "dlq_failures"),
        ("dlq_failures", b"{", "JSON|Expecting"),
        ("dlq_stage", b"\xff", "not UTF-8"),
    ],
)
def test_a_broken_letter_says_which_header(name: str, value: bytes, message: str) -> None:
    written = as_read(dead_letter_record(a_record(), a_letter()))
    broken = Record(
        written.topic,
        written.partition,
        written.offset,
        written.timestamp_ms,
        written.key,
        written.value,
        tuple((n, value if n == name else v) for n, v in written.headers),
    )

    with pytest.raises(ValueError, match=message):
        read_dead_letter(broken)


def test_a_record_without_our_headers_is_no_letter() -> None:
    with pytest.raises(ValueError, match="no dead letter"):
        read_dead_letter(a_record())
    with pytest.raises(ValueError, match="no dead letter"):
        failure_count(a_record())


def test_a_closing_record_has_the_key_of_its_letter_and_no_value() -> None:
    closing = resolution_record(a_letter(), Resolution.HEALED, resolved_at=FAILED_AT)

    assert closing == NewRecord(
        topic="dlq.pagerduty.raw.incidents",
        key=b"3/41",
        value=None,
        headers=(("resolution", b"healed"), ("resolved_at", b"2026-05-01T12:00:00+00:00")),
    )
    assert resolution_of(as_read(closing)) is Resolution.HEALED
    with pytest.raises(ValueError, match="closes"):
        read_dead_letter(as_read(closing))


def test_a_letter_is_no_closing_record() -> None:
    assert resolution_of(as_read(dead_letter_record(a_record(value=None), a_letter()))) is None
    assert resolution_of(a_record(value=None)) is Resolution.DISCARDED
    assert resolution_of(a_record(value=None, headers=(("resolution", b"eaten"),))) is Resolution.DISCARDED


@pytest.mark.parametrize(
    ("record", "kept"),
    [
        (a_record(value=b"x" * DEAD_LETTERS.max_message_bytes), a_record(value=b"")),
        (
            a_record(key=b"k" * DEAD_LETTERS.max_message_bytes),
            a_record(key=None, value=b"", headers=()),
        ),
        (
            a_record(headers=(("odd", b"x" * DEAD_LETTERS.max_message_bytes),)),
            a_record(key=None, value=b"", headers=()),
        ),
    ],
    ids=["value", "key", "headers"],
)
def test_what_is_too_large_for_a_letter_is_cut_and_says_so(record: Record, kept: Record) -> None:
    written = dead_letter_record(record, a_letter(original_key=""))

    sizes = [len(name) + len(value or b"") for name, value in written.headers]
    assert len(written.value or b"") + sum(sizes) < DEAD_LETTERS.max_message_bytes
    assert ("dlq_value", b"cut") in written.headers
    assert original_record(as_read(written)) == kept


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dlq_failures", b"[" * 5000),
        ("dlq_failures", b"[" * 5000 + b"]" * 5000),
        ("dlq_failures", b'[{"reason":' * 3000),
        ("dlq_failures", b"null"),
        ("dlq_failures", b"\xff"),
        ("dlq_partition", b"9" * 5000),
        ("dlq_offset", b"1e400"),
        ("dlq_failed_at", b"9999-12-31T23:59:59-23:59:59"),
        ("dlq_failed_at", b"1" * 5000),
    ],
)
def test_letter_that_nobody_can_read_is_a_value_error(name: str, value: bytes) -> None:
    record = as_read(dead_letter_record(a_record(), a_letter()))
    headers = tuple((its, value if its == name else held) for its, held in record.headers)
    try:
        read_dead_letter(Record(record.topic, 0, 7, 0, record.key, record.value, headers))
    except ValueError:
        return
    assert name in {"dlq_partition", "dlq_failed_at"}, "numbers and times may be absurd and yet be read"
