"""Reads a dead letter back into the record that failed: nothing of it may be lost."""

import base64

from schemas.dead_letter import PREFIX
from shared.dead_letters import read_dead_letter
from shared.log.interface import Record


def original_record(record: Record) -> Record:
    """Return the record as it was before it became a dead letter, at its original place.

    Its timestamp is that of the letter. A key that was null is read back as empty.
    """
    letter = read_dead_letter(record)
    # An original may itself have headers named like ours, which follow it.
    names = [name for name, _ in record.headers]
    start = len(names) - 1 - names[::-1].index(PREFIX + "topic")
    is_null = (PREFIX + "value", b"null") in record.headers[start:]
    return Record(
        topic=letter.topic,
        partition=letter.partition,
        offset=letter.offset,
        timestamp_ms=record.timestamp_ms,
        key=base64.b64decode(letter.original_key, validate=True) or None,
        value=None if is_null else record.value,
        headers=record.headers[:start],
    )
