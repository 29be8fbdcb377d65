"""Tests what is said of partitions that are held, and for how long."""

import pytest

from schemas.topics import ENTITIES
from shared.held_partitions import HeldPartitions, Newer
from shared.installations import Foreign
from shared.log.interface import Record, TopicPartition

PLACES = [TopicPartition(ENTITIES.name, partition) for partition in range(2)]
NEWER_AT_7 = (
    "port.entities/0 is held at offset 7: schema version 9 is newer than this release; upgrade the writer"
)


def record(partition: int, offset: int) -> Record:
    return Record(ENTITIES.name, partition, offset, 0, b"k", b"v", ())


def test_partition_is_held_with_one_line_until_it_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    held = HeldPartitions("writer", "acme")
    for _ in range(3):
        held.hold(record(0, 7), Newer(9))
    assert (caplog.messages, held.why(PLACES)) == ([NEWER_AT_7], NEWER_AT_7)
    held.release(PLACES[1:])
    assert held.why(PLACES) == NEWER_AT_7
    held.release(PLACES)
    assert held.why(PLACES) == ""


def test_next_record_that_holds_a_partition_is_said_too(caplog: pytest.LogCaptureFixture) -> None:
    held = HeldPartitions("writer", "acme")
    held.hold(record(0, 7), Newer(9))
    held.hold(record(0, 8), Foreign("team-b"))
    assert caplog.messages[0] == NEWER_AT_7
    assert caplog.messages[1].startswith(
        "port.entities/0 is held at offset 8: the record is of the installation 'team-b', this one is 'acme'"
    )
    assert held.why(PLACES) == caplog.messages[1]


def test_partition_that_another_process_has_by_now_holds_nothing_here() -> None:
    held = HeldPartitions("writer", "acme")
    held.hold(record(0, 7), Newer(9))
    assert (held.why(PLACES[:1]), held.why(PLACES[1:]), held.why([])) == (NEWER_AT_7, "", "")
