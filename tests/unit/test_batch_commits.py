"""Tests what may be committed after a batch."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.outcome import Count
from shared.batch_commits import Done, plan_commits
from shared.log.interface import Record, TopicPartition
from shared.outcome import Outcome
from shared.progress import Progress

RUN = "20260102T000000Z-bb"
ONE = Outcome(RUN, "users", {Count.MAPPED: 1})


def place(partition: int) -> TopicPartition:
    return TopicPartition("t", partition)


def record(partition: int, offset: int) -> Record:
    return Record("t", partition, offset, 0, b"k", b"v", ())


def mapped(count: int) -> Progress:
    return Progress(3, RUN, {"users": {Count.MAPPED: count}})


def test_each_partition_goes_up_to_its_first_record_without_an_outcome() -> None:
    records = [record(0, 4), record(1, 0), record(0, 7), record(2, 9), record(0, 8), record(1, 1)]
    outcomes = [ONE, None, ONE, ONE, None, ONE]
    before = {place(0): mapped(10), place(1): Progress(3), place(2): Progress(3)}
    assert plan_commits(records, outcomes, before) == {
        place(0): Done(8, mapped(12)),
        place(2): Done(10, mapped(1)),
    }
    assert before == {place(0): mapped(10), place(1): Progress(3), place(2): Progress(3)}


def test_outcome_too_few_is_an_error() -> None:
    with pytest.raises(ValueError, match="1 outcomes for 2 records"):
        plan_commits([record(0, 0), record(0, 1)], [ONE], {place(0): Progress()})


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=40))
def test_as_many_are_counted_as_are_committed(batch: list[tuple[int, bool]]) -> None:
    records = [record(partition, number) for number, (partition, _) in enumerate(batch)]
    outcomes = [ONE if is_done else None for _, is_done in batch]
    planned = plan_commits(records, outcomes, {place(partition): Progress(3) for partition in range(3)})
    for partition in range(3):
        flags = [
            (each.offset, outcome)
            for each, outcome in zip(records, outcomes, strict=True)
            if each.partition == partition
        ]
        done = 0
        while done < len(flags) and flags[done][1] is not None:
            done += 1
        if done:
            assert planned[place(partition)] == Done(flags[done - 1][0] + 1, mapped(done))
        else:
            assert place(partition) not in planned
