"""Proves that two who read one record each have a dead letter of their own for it."""

from datetime import UTC, datetime

import pytest

from schemas.dead_letter import DeadLetter, LetterFailure
from schemas.outcome import Reason
from schemas.topics import WEBHOOKS, dlq_topic
from services.cli.letters import find_letter
from shared.dead_letters import Resolution, closing_record, dead_letter_record, read_dead_letter
from shared.errors import ConfigurationError
from shared.kept_letters import Folding, KeptLetter
from shared.log.interface import NewRecord, Record

AT = datetime(2026, 11, 23, tzinfo=UTC)
EVENT = Record(WEBHOOKS.name, 0, 88, 0, b"incidents/Q1", b"{}", ())
READERS = ("", "event-mapper")


def letter_record(reader: str) -> NewRecord:
    letter = DeadLetter(
        topic=EVENT.topic,
        partition=EVENT.partition,
        offset=EVENT.offset,
        stage="mapper" if reader else "fetcher",
        failures=(LetterFailure(reason=Reason.REFUSED),),
        reader=reader,
        failed_at=AT,
    )
    return dead_letter_record(EVENT, letter)


def kept(*records: NewRecord) -> list[KeptLetter]:
    folding = Folding()
    folding.take(
        Record(one.topic, 0, offset, offset, one.key, one.value, one.headers)
        for offset, one in enumerate(records)
    )
    return folding.letters()


def test_each_is_read_back_under_the_key_it_has() -> None:
    written = [letter_record(reader) for reader in READERS]
    assert [one.key for one in written] == [b"0/88", b"0/88/event-mapper"]
    assert [one.letter and (one.letter.key(), one.letter.reader) for one in kept(*written)] == [
        (b"0/88", ""),
        (b"0/88/event-mapper", "event-mapper"),
    ]


@pytest.mark.parametrize("closed", [0, 1])
def test_closing_one_leaves_the_other_open(closed: int) -> None:
    written = [letter_record(reader) for reader in READERS]
    held = kept(*written)[closed].record
    closing = closing_record(held, Resolution.DISCARDED, resolved_at=AT)
    assert [one.is_open for one in kept(*written, closing)] == [closed == 1, closed == 0]


def test_letter_of_a_mapping_from_before_they_had_keys_of_their_own_is_read_and_closed() -> None:
    new = letter_record("event-mapper")
    headers = tuple(pair for pair in new.headers if pair[0] != "dlq_reader")
    old = Record(dlq_topic(WEBHOOKS.name), 0, 0, 0, b"0/88", new.value, headers)
    assert read_dead_letter(old).key() == old.key
    closing = closing_record(old, Resolution.REDRIVEN, resolved_at=AT)
    (one,) = kept(NewRecord(old.topic, old.key, old.value, old.headers), closing)
    assert one.resolution is Resolution.REDRIVEN


def test_record_with_several_letters_names_none_of_them() -> None:
    letters = kept(*map(letter_record, READERS))
    original, own = "pagerduty.webhooks/0/88", "dlq.pagerduty.webhooks/0/1"
    assert find_letter(letters, own) is letters[1]
    with pytest.raises(ConfigurationError, match=f"several dead letters: name one of .*, {own}$"):
        find_letter(letters, original)
    closing = closing_record(letters[1].record, Resolution.DISCARDED, resolved_at=AT)
    left = kept(*map(letter_record, READERS), closing)
    assert find_letter(left, original) is left[0]
