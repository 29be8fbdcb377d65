"""Turns a record that failed into its dead letter, and a dead letter back into what it says."""

import base64
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

import orjson
from pydantic import ValidationError

from schemas.dead_letter import DETAIL_LIMIT_CHARS, PREFIX, DeadLetter, LetterFailure
from schemas.topics import DEAD_LETTERS, DLQ_PREFIX, dlq_topic
from shared.log.interface import NewRecord, Record

FAILURES_LISTED: Final = 20
"""Failures named in the headers; the header `dlq_failure_count` holds how many there were."""
NAME_LIMIT_CHARS: Final = 200
"""A blueprint or identifier may be what is wrong, so its length is not trusted."""
RESOLUTION: Final = "resolution"
_FIRST: Final = PREFIX + "topic"
_FAILURES: Final = PREFIX + "failures"
_COUNT: Final = PREFIX + "failure_count"
_VALUE: Final = PREFIX + "value"
_NULL: Final = b"null"
_CUT: Final = b"cut"

Header = tuple[str, bytes | None]


class Resolution(StrEnum):
    """How a dead letter was closed."""

    REDRIVEN = "redriven"
    HEALED = "healed"
    DISCARDED = "discarded"


def letter_about(
    record: Record,
    *,
    stage: str,
    failures: Sequence[LetterFailure],
    failed_at: datetime,
    kind: str = "",
    object_id: str = "",
    run_id: str = "",
    reader: str = "",
) -> DeadLetter:
    """Return the letter of a record as it was read, with its place. See `DeadLetter`."""
    return DeadLetter(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        stage=stage,
        reader=reader,
        failures=tuple(failures),
        kind=kind,
        object_id=object_id,
        run_id=run_id,
        failed_at=failed_at,
    )


def dead_letter_record(record: Record, letter: DeadLetter) -> NewRecord:
    """Return the record that holds a failed record in its dead-letter topic.

    The original value and headers stay as they are; ours follow them, the first of them `dlq_topic`. A null
    value would read as the closing of a letter: it becomes an empty one marked by `dlq_value: null`. What is
    too large for a letter, and can only be a foreign record, loses its value (`dlq_value: cut`), and where
    that is not enough its headers and key too.

    Args:
        record: The record as it was read, possibly broken in any part.
        letter: What went wrong. Details and names longer than their limits are cut, failures past
            `FAILURES_LISTED` are only counted; an empty `original_key` is taken from the record.
    """
    found = _record(record, letter)
    if _size_bytes(found) > DEAD_LETTERS.max_message_bytes:
        found = _record(replace(record, value=b""), letter, is_cut=True)
    if _size_bytes(found) > DEAD_LETTERS.max_message_bytes:
        bare = replace(record, key=None, value=b"", headers=())
        found = _record(bare, letter.model_copy(update={"original_key": ""}), is_cut=True)
    return found


def _record(record: Record, letter: DeadLetter, *, is_cut: bool = False) -> NewRecord:
    listed = [_bounded(failure).model_dump(mode="json") for failure in letter.failures[:FAILURES_LISTED]]
    original_key = letter.original_key or base64.b64encode(record.key or b"").decode()
    texts = {
        "topic": letter.topic,
        "partition": str(letter.partition),
        "offset": str(letter.offset),
        "stage": letter.stage,
        "failures": orjson.dumps(listed).decode(),
        "kind": letter.kind[:NAME_LIMIT_CHARS],
        "object_id": letter.object_id[:NAME_LIMIT_CHARS],
        "run_id": letter.run_id[:NAME_LIMIT_CHARS],
        "failed_at": letter.failed_at.astimezone(UTC).isoformat(),
        "original_key": original_key,
        "failure_count": str(len(letter.failures)),
    }
    ours: list[Header] = [(PREFIX + name, text.encode("utf-8", "replace")) for name, text in texts.items()]
    if letter.reader:
        ours.append((PREFIX + "reader", letter.reader.encode()))
    if record.value is None or is_cut:
        ours.append((_VALUE, _CUT if is_cut else _NULL))
    return NewRecord(
        topic=dlq_topic(record.topic),
        key=letter.key(),
        value=b"" if record.value is None else record.value,
        headers=(*record.headers, *ours),
    )


def _size_bytes(record: NewRecord) -> int:
    """Return what counts against the limit of a topic."""
    headers = sum(len(name.encode("utf-8", "replace")) + len(value or b"") for name, value in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers


def read_dead_letter(record: Record) -> DeadLetter:
    """Return what the headers of a record in a dead-letter topic say.

    Raises:
        ValueError: The record closes a letter, or is none: a header is missing, not UTF-8 or not of its type.
    """
    if record.value is None:
        raise ValueError(f"{_place(record)} closes a dead letter, it is none")
    texts = _our_texts(record)
    if not texts:
        raise ValueError(f"{_place(record)} has no header {_FIRST!r}: it is no dead letter")
    found: dict[str, object] = {name.removeprefix(PREFIX): text for name, text in texts.items()}
    try:
        found["failures"] = orjson.loads(texts[_FAILURES])
        return DeadLetter.model_validate(found)
    except KeyError as error:
        raise ValueError(f"{_place(record)} has no header {error.args[0]!r}") from error
    except orjson.JSONDecodeError as error:
        raise ValueError(f"{_place(record)}: header {_FAILURES}: not JSON ({error})") from error
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise ValueError(f"{_place(record)}: header {PREFIX}{first['loc'][0]}: {first['msg']}") from error


def failure_count(record: Record) -> int:
    """Return how many failures a dead letter has, also those that its headers do not list.

    Raises:
        ValueError: The record is no dead letter.
    """
    text = _our_texts(record).get(_COUNT)
    if text is None:
        raise ValueError(f"{_place(record)} has no header {_COUNT!r}: it is no dead letter")
    return int(text)


def resolution_record(letter: DeadLetter, resolution: Resolution, *, resolved_at: datetime) -> NewRecord:
    """Return the record that closes a letter: same key, null value, and why."""
    return _closing(dlq_topic(letter.topic), letter.key(), resolution, resolved_at)


def closing_record(record: Record, resolution: Resolution, *, resolved_at: datetime) -> NewRecord:
    """Return the record that closes what a record in a dead-letter topic holds, be it readable or not."""
    return _closing(record.topic, record.key, resolution, resolved_at)


def _closing(topic: str, key: bytes | None, resolution: Resolution, resolved_at: datetime) -> NewRecord:
    return NewRecord(
        topic=topic,
        key=key,
        value=None,
        headers=(
            (RESOLUTION, resolution.value.encode()),
            ("resolved_at", resolved_at.astimezone(UTC).isoformat().encode()),
        ),
    )


def resolution_of(record: Record) -> Resolution | None:
    """Return how the record closes a letter, None when it is not a closing record.

    A null value without a readable resolution closes too: the letter counts as discarded.
    """
    if record.value is not None:
        return None
    for name, value in reversed(record.headers):
        if name == RESOLUTION and value is not None:
            try:
                return Resolution(value.decode("utf-8", "replace"))
            except ValueError:
                break
    return Resolution.DISCARDED


def _bounded(failure: LetterFailure) -> LetterFailure:
    return failure.model_copy(
        update={
            "detail": _text(failure.detail, DETAIL_LIMIT_CHARS),
            "blueprint": _text(failure.blueprint, NAME_LIMIT_CHARS),
            "identifier": _text(failure.identifier, NAME_LIMIT_CHARS),
        }
    )


def _text(text: str, limit_chars: int) -> str:
    """Cut a text, and replace what cannot be encoded (lone surrogates of broken JSON)."""
    return text[:limit_chars].encode("utf-8", "replace").decode()


def _our_start(record: Record) -> int:
    """Return the index of our first header; an original may itself have headers named like ours."""
    for index in range(len(record.headers) - 1, -1, -1):
        if record.headers[index][0] == _FIRST:
            return index
    return len(record.headers)


def _our_texts(record: Record) -> dict[str, str]:
    try:
        return {
            name: value.decode()
            for name, value in record.headers[_our_start(record) :]
            if name.startswith(PREFIX) and value is not None
        }
    except UnicodeDecodeError as error:
        raise ValueError(f"{_place(record)}: a {PREFIX}* header is not UTF-8") from error


def _place(record: Record) -> str:
    topic = record.topic if record.topic.startswith(DLQ_PREFIX) else repr(record.topic)
    return f"record {topic}/{record.partition}/{record.offset}"
