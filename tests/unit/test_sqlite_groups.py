"""Tests how partitions are shared and who may commit, without a file."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from shared.errors import NotOwnerError
from shared.log.interface import Committed, Record, Subscription, TopicPartition
from shared.log.sqlite_groups import Group, assign_ranges


def places(topic: str, count: int) -> list[TopicPartition]:
    return [TopicPartition(topic, partition) for partition in range(count)]


anything = Subscription.to_all("")
only = Subscription.to


async def nothing(
    positions: Mapping[TopicPartition, int], *, max_records: int, wait_s: float
) -> list[Record]:
    return []


TOPICS: dict[str, Sequence[TopicPartition]] = {"raw": places("raw", 6), "commands": places("commands", 1)}


class Quiet:
    def __init__(self) -> None:
        self.heard: list[str] = []

    async def on_assigned(self, partitions: frozenset[TopicPartition]) -> None:
        self.heard.append("assigned")

    async def on_revoked(self, partitions: frozenset[TopicPartition]) -> None:
        self.heard.append("revoked")


class Failing(Quiet):
    async def on_revoked(self, partitions: frozenset[TopicPartition]) -> None:
        raise RuntimeError("cannot let go")


class Commits:
    """Takes commits when `gate` is open."""

    def __init__(self) -> None:
        self.taken: list[Mapping[TopicPartition, Committed]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, group: str, offsets: Mapping[TopicPartition, Committed]) -> None:
        await self.gate.wait()
        self.taken.append(offsets)


def test_ranges_are_contiguous_and_the_first_gets_the_larger_one() -> None:
    raw, commands = TOPICS["raw"], TOPICS["commands"]
    assert assign_ranges(TOPICS, [anything] * 4) == [
        frozenset([*raw[:2], *commands]),
        frozenset(raw[2:4]),
        frozenset(raw[4:5]),
        frozenset(raw[5:6]),
    ]


def test_only_readers_of_a_topic_share_it() -> None:
    assert assign_ranges(TOPICS, [only("raw"), only("commands"), only("nothing")]) == [
        frozenset(TOPICS["raw"]),
        frozenset(TOPICS["commands"]),
        frozenset(),
    ]


async def test_joins_that_come_together_are_one_rebalance() -> None:
    group = Group("g", Commits(), lambda: TOPICS, nothing)
    listeners = [Quiet(), Quiet(), Quiet()]
    members = await asyncio.gather(*(group.join(anything, listener) for listener in listeners))
    assert [listener.heard for listener in listeners] == [["assigned"]] * 3
    assert [len(member.partitions) for member in members] == [3, 2, 2]


async def test_rebalance_waits_for_a_commit_under_way() -> None:
    commits = Commits()
    group = Group("g", commits, lambda: TOPICS, nothing)
    first = await group.join(anything, Quiet())
    commits.gate.clear()
    offsets = {TOPICS["raw"][0]: Committed(1)}
    committing = asyncio.create_task(first.commit(offsets))
    second = Quiet()
    joining = asyncio.create_task(group.join(anything, second))
    for _ in range(20):
        await asyncio.sleep(0)
    assert second.heard == []
    commits.gate.set()
    await asyncio.gather(committing, joining)
    assert commits.taken == [offsets]


async def test_member_whose_listener_fails_does_not_stop_the_others() -> None:
    group = Group("g", Commits(), lambda: TOPICS, nothing)
    first = await group.join(anything, Failing())
    second = await group.join(anything, Quiet())
    await first.leave()
    assert first.partitions == frozenset()
    await second.leave()


async def test_join_that_is_cancelled_leaves_no_member_behind() -> None:
    group = Group("g", Commits(), lambda: TOPICS, nothing)
    joining = asyncio.create_task(group.join(anything, Quiet()))
    await asyncio.sleep(0)
    joining.cancel()
    await asyncio.gather(joining, return_exceptions=True)
    listener = Quiet()
    member = await group.join(anything, listener)
    assert len(member.partitions) == 7


async def test_closed_group_lets_everybody_go() -> None:
    group = Group("g", Commits(), lambda: TOPICS, nothing)
    member = await group.join(anything, Quiet())
    await group.close()
    await member.leave()
    with pytest.raises(NotOwnerError):
        await member.commit({TOPICS["raw"][0]: Committed(1)})
