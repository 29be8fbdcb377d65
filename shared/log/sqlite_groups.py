"""Shares the partitions of the embedded log among the members of its consumer groups, all in this process."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from itertools import count
from typing import Protocol

from shared.errors import NotOwnerError
from shared.log.interface import AssignmentListener, Committed, Record, Subscription, TopicPartition

logger = logging.getLogger(__name__)

CommitOffsets = Callable[[str, Mapping[TopicPartition, Committed]], Awaitable[None]]
Topics = Callable[[], Mapping[str, Sequence[TopicPartition]]]


class ReadRecords(Protocol):
    """`Log.read`."""

    async def __call__(
        self, positions: Mapping[TopicPartition, int], *, max_records: int, wait_s: float
    ) -> list[Record]:
        """Return records from the positions on."""


class Member:
    """One member's place in its group; the log hands it out as the assignment."""

    def __init__(
        self, group: "Group", serial: int, topics: Subscription, listener: AssignmentListener
    ) -> None:
        self.serial = serial
        self.topics = topics
        self.listener = listener
        self.owned: frozenset[TopicPartition] = frozenset()
        self.is_assigned = False
        self.is_leaving = False
        self.joined = asyncio.Event()
        self.left = asyncio.Event()
        self._group = group

    @property
    def partitions(self) -> frozenset[TopicPartition]:
        """Return what this member owns now."""
        return self.owned

    async def commit(self, offsets: Mapping[TopicPartition, Committed]) -> None:
        """Commit as this member.

        Raises:
            NotOwnerError: A partition is not ours; nothing of the call is committed.
        """
        self._refuse_foreign(offsets)
        await self._group.commit(offsets)

    async def read(
        self, positions: Mapping[TopicPartition, int], *, max_records: int, wait_s: float
    ) -> list[Record]:
        """Return records of partitions that are ours. See `Assignment.read`."""
        self._refuse_foreign(positions)
        return await self._group.read(positions, max_records=max_records, wait_s=wait_s)

    def _refuse_foreign(self, places: Iterable[TopicPartition]) -> None:
        foreign = set(places) - self.owned
        if foreign:
            raise NotOwnerError(f"group {self._group.name} gave {sorted(foreign)} to another member")

    async def leave(self) -> None:
        """Leave the group after `on_revoked` for all that is held."""
        if not self.left.is_set():
            self.is_leaving = True
            self._group.rebalance()
            await self.left.wait()


class Group:
    """A consumer group: one rebalance at a time, in which everybody gives back before anybody receives."""

    def __init__(self, name: str, commit_offsets: CommitOffsets, topics: Topics, read: ReadRecords) -> None:
        self.name = name
        self.read = read
        self.members: list[Member] = []
        self._commit_offsets = commit_offsets
        self._topics = topics
        self._serials = count()
        self._is_wanted = False
        self._task: asyncio.Task[None] | None = None
        self._commits: set[asyncio.Future[None]] = set()

    async def join(self, topics: Subscription, listener: AssignmentListener) -> Member:
        """Add a member and return it after its first `on_assigned`."""
        member = Member(self, next(self._serials), topics, listener)
        self.members.append(member)
        self.rebalance()
        try:
            await member.joined.wait()
        except asyncio.CancelledError:
            member.is_leaving = True
            self.rebalance()
            raise
        return member

    async def commit(self, offsets: Mapping[TopicPartition, Committed]) -> None:
        """Write offsets; a rebalance that takes the partitions away waits for it."""
        commit = asyncio.ensure_future(self._commit_offsets(self.name, offsets))
        self._commits.add(commit)
        commit.add_done_callback(self._commits.discard)
        await asyncio.shield(commit)

    def topics_appeared(self, names: Iterable[str]) -> None:
        """Rebalance if a member reads one of the new topics."""
        if any(member.topics(name) for name in names for member in self.members):
            self.rebalance()

    def rebalance(self) -> None:
        """Ask for a rebalance; those asked for while one waits for the members to give back are one."""
        self._is_wanted = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._rebalance())

    async def close(self) -> None:
        """Stop rebalancing; whoever waits to join or leave is let go."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for member in self.members:
            member.owned = frozenset()
            member.joined.set()
            member.left.set()
        self.members.clear()

    async def _rebalance(self) -> None:
        while self._is_wanted:
            holders = [member for member in self.members if member.is_assigned]
            await asyncio.gather(*(_tell(member.listener.on_revoked, member.owned) for member in holders))
            if self._commits:
                await asyncio.wait(self._commits)
            self._is_wanted = False
            for member in holders:
                member.owned, member.is_assigned = frozenset(), False
            for member in [member for member in self.members if member.is_leaving]:
                self.members.remove(member)
                member.joined.set()
                member.left.set()
            shares = assign_ranges(self._topics(), [member.topics for member in self.members])
            for member, share in zip(self.members, shares, strict=True):
                member.owned, member.is_assigned = share, True
            members = list(self.members)
            await asyncio.gather(*(_tell(member.listener.on_assigned, member.owned) for member in members))
            for member in members:
                member.joined.set()


async def _tell(
    call: Callable[[frozenset[TopicPartition]], Awaitable[None]], partitions: frozenset[TopicPartition]
) -> None:
    try:
        await call(partitions)
    except Exception:
        # One member's fault must not keep the others from their partitions.
        logger.exception("a listener failed while partitions changed hands: %s", sorted(partitions))


def assign_ranges(
    topics: Mapping[str, Sequence[TopicPartition]], members: Sequence[Subscription]
) -> list[frozenset[TopicPartition]]:
    """Give each member a range of each topic it reads.

    The first member gets partition 0 of every topic, so that topics of one partition come to one member.
    Source: Apache Kafka, RangeAssignor.
    """
    shares: list[set[TopicPartition]] = [set() for _ in members]
    for name, places in topics.items():
        readers = [share for share, accepts in zip(shares, members, strict=True) if accepts(name)]
        if not readers:
            continue
        size, larger = divmod(len(places), len(readers))
        at = 0
        for rank, share in enumerate(readers):
            end = at + size + (rank < larger)
            share.update(places[at:end])
            at = end
    return [frozenset(share) for share in shares]
