"""Gathers what waits to be written while a transaction runs, and writes it in the next one."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from shared.log.interface import Committed, TopicPartition
from shared.log.sqlite_chunk import Chunk

Chunks = Sequence[tuple[TopicPartition, Chunk]]
GroupCommit = tuple[str, Mapping[TopicPartition, Committed]]
WriteAll = Callable[[Chunks, Sequence[GroupCommit]], Awaitable[list[int]]]


@dataclass(frozen=True, slots=True)
class _Waiting:
    chunks: Chunks
    commits: Sequence[GroupCommit]
    firsts: asyncio.Future[list[int]]


class WriteQueue:
    """Writes in the order of asking, many at a time: one wait for the disk serves all of them.

    Args:
        write_all: Writes chunks and commits in one transaction and returns the first offset of each chunk.
    """

    def __init__(self, write_all: WriteAll) -> None:
        self._write_all = write_all
        self._waiting: list[_Waiting] = []
        self._task: asyncio.Task[None] | None = None

    async def write(self, chunks: Chunks = (), commits: Sequence[GroupCommit] = ()) -> list[int]:
        """Return the first offset of each chunk once all is written, also if the caller goes away."""
        waiting = _Waiting(chunks, commits, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain())
        return await waiting.firsts

    async def finish(self) -> None:
        """Return when nothing waits any more."""
        if self._task is not None:
            await self._task

    async def _drain(self) -> None:
        while self._waiting:
            taken, self._waiting = self._waiting, []
            chunks = [chunk for waiting in taken for chunk in waiting.chunks]
            commits = [commit for waiting in taken for commit in waiting.commits]
            try:
                firsts = await self._write_all(chunks, commits)
            except Exception as error:  # noqa: BLE001 (everyone who waits gets it)
                for waiting in taken:
                    if not waiting.firsts.done():
                        waiting.firsts.set_exception(error)
                continue
            at = 0
            for waiting in taken:
                end = at + len(waiting.chunks)
                if not waiting.firsts.done():
                    waiting.firsts.set_result(firsts[at:end])
                at = end
