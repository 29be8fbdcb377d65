"""Cleans the embedded log up piece by piece, so that reads and appends come in between."""

from collections.abc import Awaitable, Callable
from typing import Final, ParamSpec, Protocol, TypeVar

from schemas.topics import Cleanup
from shared.log.interface import TopicPartition
from shared.log.sqlite_cleanup import expire, finish_compaction, plan_compaction, rewrite_chunks
from shared.log.sqlite_store import Store

P = ParamSpec("P")
T = TypeVar("T")

_REWRITE_CHUNKS: Final = 64


class RunCall(Protocol):
    """Runs one blocking call, where such calls of the log run."""

    def __call__(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
        """Return what the call returns."""


async def maintain(store: Store, run: RunCall, now_ms: int) -> None:
    """Compact and expire what the registry allows to forget.

    Args:
        store: The file.
        run: Runs each piece.
        now_ms: Milliseconds since the epoch.
    """
    for topic in store.topics.values():
        for place in topic.places:
            if topic.spec.cleanup is not Cleanup.DELETE:
                await _compact(store, run, place, now_ms)
            if topic.spec.retention_ms is not None:
                await run(expire, store, place, now_ms - topic.spec.retention_ms)


async def _compact(store: Store, run: RunCall, place: TopicPartition, now_ms: int) -> None:
    plan = await run(plan_compaction, store, place, now_ms)
    if plan is None:
        return
    for at in range(0, len(plan.rows), _REWRITE_CHUNKS):
        await run(rewrite_chunks, store, plan, plan.rows[at : at + _REWRITE_CHUNKS])
    await run(finish_compaction, store, plan)
