"""Tests in which order fetched records are handed on."""

from hypothesis import given
from hypothesis import strategies as st

from shared.log.interface import Record, TopicPartition
from shared.log.partition_buffer import PartitionBuffer

PLACES = [TopicPartition("t", partition) for partition in range(4)]


def record(place: TopicPartition, offset: int) -> Record:
    return Record(place.topic, place.partition, offset, 0, None, None, ())


def test_full_partition_does_not_starve_the_others() -> None:
    buffer = PartitionBuffer()
    buffer.put(PLACES[0], [record(PLACES[0], offset) for offset in range(100)])
    buffer.put(PLACES[1], [record(PLACES[1], 0)])
    buffer.put(PLACES[2], [record(PLACES[2], 0)])
    assert {one.place for _ in range(3) for one in buffer.take(1)} == set(PLACES[:3])


def test_dropped_partition_is_empty_and_the_others_stay() -> None:
    buffer = PartitionBuffer()
    for place in PLACES[:2]:
        buffer.put(place, [record(place, 7), record(place, 9)])
    buffer.drop([PLACES[0], PLACES[3]])
    assert (buffer.places, buffer.first_offset(PLACES[0]), buffer.first_offset(PLACES[1])) == (
        frozenset([PLACES[1]]),
        None,
        7,
    )
    assert [one.offset for one in buffer.take(10)] == [7, 9]
    assert not buffer


def test_nothing_put_is_nothing_held() -> None:
    buffer = PartitionBuffer()
    buffer.put(PLACES[0], [])
    assert not buffer
    assert buffer.take(5) == []


@given(
    puts=st.lists(st.tuples(st.sampled_from(PLACES), st.integers(1, 20)), max_size=20),
    limits=st.lists(st.integers(1, 30), min_size=1, max_size=20),
)
def test_everything_comes_out_once_and_in_order(
    puts: list[tuple[TopicPartition, int]], limits: list[int]
) -> None:
    buffer = PartitionBuffer()
    ends = dict.fromkeys(PLACES, 0)
    for place, count in puts:
        buffer.put(place, [record(place, ends[place] + number) for number in range(count)])
        ends[place] += count
    seen: dict[TopicPartition, list[int]] = {place: [] for place in PLACES}
    while buffer:
        for limit in limits:
            held = len(buffer.places)
            taken = buffer.take(limit)
            assert len(taken) <= limit
            # With room for all, all that have something give something.
            assert len({one.place for one in taken}) == min(limit, held)
            for one in taken:
                seen[one.place].append(one.offset)
    assert seen == {place: list(range(ends[place])) for place in PLACES}
