"""Looks up what Port holds of the entities that are about to be written."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from services.writer.chain import Chain
from services.writer.workers import Job, run_jobs
from shared.port.client import PortClient


async def look(
    port: PortClient, chains: Iterable[Chain], *, chunk: int, concurrency: int, leaving: asyncio.Event
) -> None:
    """Note on each chain what Port holds; where Port does not let us look, nothing, so that it is written.

    Args:
        port: Is asked.
        chains: Those that want a look.
        chunk: Entities per search.
        concurrency: Searches at once.
        leaving: Stops the work.
    """
    by_blueprint: dict[str, list[Chain]] = {}
    for chain in chains:
        by_blueprint.setdefault(chain.head.blueprint, []).append(chain)

    def job(blueprint: str, part: Sequence[Chain]) -> Job:
        async def search() -> list[Job]:
            found = await port.search_entities(blueprint, [chain.name for chain in part], leaving=leaving)
            for chain in part:
                chain.looked, chain.blind = True, found is None
                chain.held = None if found is None else found.get(chain.name)
            return []

        return search

    jobs = [
        job(blueprint, part) for blueprint, wanted in by_blueprint.items() for part in chunks(wanted, chunk)
    ]
    await run_jobs(jobs, concurrency=concurrency, leaving=leaving)


def chunks(chains: Iterable[Chain], size: int) -> Iterator[list[Chain]]:
    """Yield the chains in lists of at most `size`."""
    remaining = iter(chains)
    while part := list(islice(remaining, size)):
        yield part
