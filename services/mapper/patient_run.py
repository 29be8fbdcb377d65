"""Maps a batch for as long as it may take, and gives back what is done when that is over."""

import asyncio
from collections.abc import Sequence

from services.mapper.mapped import Mapped, RawObject
from services.mapper.plan_shape import Plan
from services.mapper.pool import WorkerPool


async def map_patiently(
    pool: WorkerPool,
    plan: Plan,
    objects: Sequence[RawObject],
    leaving: asyncio.Event,
    *,
    patience_s: float,
    leaving_grace_s: float,
) -> list[Mapped | None]:
    """Return what became of the objects; None: not done when the batch had to go, or took long.

    Args:
        pool: Runs the expressions.
        plan: The mapping.
        objects: Those of a partition in their order.
        leaving: Set when the batch must go.
        patience_s: After that what is done of each partition is given back.
        leaving_grace_s: What is in the workers may take so long to end.

    Raises:
        FatalError: No JQ worker can be started.
    """
    found: list[Mapped | None] = [None] * len(objects)
    enough = asyncio.Event()
    work = asyncio.ensure_future(pool.map_into(plan, objects, found, enough))
    left = asyncio.ensure_future(leaving.wait())
    try:
        await asyncio.wait({work, left}, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
        enough.set()
        await asyncio.wait({work, left}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            await asyncio.wait({work}, timeout=leaving_grace_s)
        if work.done():
            work.result()
        return found
    finally:
        for task in (work, left):
            task.cancel()
        await asyncio.gather(work, left, return_exceptions=True)
