"""Tests where a member stands, and where it goes after a mapping has changed or records are lost."""

from schemas.outcome import Count
from shared.batch_commits import Done
from shared.log.interface import Committed, TopicPartition
from shared.positions import Positions
from shared.progress import Progress

OLD, CURRENT, NEW = (TopicPartition("t", partition) for partition in range(3))
COUNTS = {"users": {Count.MAPPED: 2}}


def standing() -> Positions:
    """Return positions: committed with mapping 1, committed with mapping 2, never committed."""
    positions = Positions()
    positions.take_over(
        [OLD, CURRENT, NEW],
        {OLD: Committed(8, Progress(1, "r", COUNTS).encode()), CURRENT: Committed(5, Progress(2).encode())},
        mapping_version=2,
    )
    return positions


def test_member_stands_where_its_group_has_committed() -> None:
    positions = standing()
    assert positions.offsets() == {OLD: 8, CURRENT: 5, NEW: 0}
    assert positions.progress() == {OLD: Progress(1, "r", COUNTS), CURRENT: Progress(2), NEW: Progress(2)}
    assert positions.missing([OLD, TopicPartition("t", 9)]) == {TopicPartition("t", 9)}


def test_unreadable_metadata_is_named_and_read_as_mapping_0() -> None:
    positions = Positions()
    assert positions.take_over([OLD], {OLD: Committed(8, "replay=r7")}, 2) == [OLD]
    assert positions.behind(2, lambda _: 3) == {OLD: 3}


def test_partition_behind_the_mapping_goes_to_the_smaller_offset() -> None:
    assert standing().behind(2, lambda _: 3) == {OLD: 3}
    assert standing().behind(2, lambda _: 99) == {OLD: 8}
    assert standing().behind(3, lambda place: 3 if place == OLD else None) == {OLD: 3, CURRENT: 5}


def test_partition_never_committed_takes_the_mapping_in_force() -> None:
    positions = standing()
    positions.behind(3, lambda _: None)
    assert positions[NEW].progress == Progress(3)


def test_rewind_keeps_the_counts_and_takes_the_mapping_in_force() -> None:
    assert standing().rewound({OLD: 3}, 2) == {OLD: Done(3, Progress(2, "r", COUNTS))}


def test_only_committed_partitions_can_lose_records() -> None:
    positions = standing()
    assert positions.begin_at({OLD: 10, NEW: 4}) == {OLD: 10}
    assert positions.offsets() == {OLD: 8, CURRENT: 5, NEW: 4}


def test_forgotten_partitions_are_gone() -> None:
    positions = standing()
    positions.forget([OLD, CURRENT, NEW, TopicPartition("t", 9)])
    assert not positions
