"""Deletes entities from Port, but only what this installation has written."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from schemas.headers import Origin
from schemas.outcome import Count, Reason
from services.writer.attempt import Attempt, Later
from services.writer.chain import Chain, Settled, failure
from services.writer.coercion import is_valid_identifier
from services.writer.looking import chunks
from services.writer.workers import Job, run_jobs
from shared.port.client import BULK_DELETE_LIMIT, PortClient
from shared.port.persistence import Persistence

DELETED = Settled(Count.DELETED)
NOT_DELETED = Settled(Count.NOT_DELETED)
_MISSING = 404
_CANNOT_LOOK = "not deleted: Port does not tell which entities are ours"


@dataclass(frozen=True, slots=True)
class _Doomed:
    """Entities that are ours, to be deleted in one call."""

    blueprint: str
    delete_dependents: bool
    entities: list[tuple[Chain, str]]

    def halves(self) -> "tuple[_Doomed, _Doomed]":
        middle = len(self.entities) // 2
        return (
            _Doomed(self.blueprint, self.delete_dependents, self.entities[:middle]),
            _Doomed(self.blueprint, self.delete_dependents, self.entities[middle:]),
        )


class Deleter:
    """Carries out the deletes of chains' first steps.

    Args:
        port: Is asked and deleted from.
        concurrency: Calls at once.
    """

    def __init__(self, port: PortClient, *, concurrency: int) -> None:
        self._port = port
        self._concurrency = concurrency

    async def delete(self, chains: Sequence[Chain], leaving: asyncio.Event) -> dict[Chain, Attempt]:
        """Delete what is ours; a chain that is missing in the result was not reached.

        What Port does not hold, or somebody else wrote last, counts as not deleted. Sweeps never delete
        dependents.
        """
        attempts: dict[Chain, Attempt] = {}
        groups: dict[tuple[str, bool], list[Chain]] = {}
        jobs: list[Job] = []
        for chain in chains:
            change = chain.head
            with_dependents = change.delete_dependents and change.origin is Origin.LIVE
            if not isinstance(change.identifier, str):
                jobs.append(self._found(chain, change.identifier, with_dependents, attempts, leaving))
            elif is_valid_identifier(change.identifier):
                groups.setdefault((change.blueprint, with_dependents), []).append(chain)
            else:
                attempts[chain] = NOT_DELETED
        jobs += [
            self._ours(blueprint, with_dependents, part, attempts, leaving)
            for (blueprint, with_dependents), group in groups.items()
            for part in chunks(group, BULK_DELETE_LIMIT)
        ]
        await run_jobs(jobs, concurrency=self._concurrency, leaving=leaving)
        return attempts

    def _ours(
        self,
        blueprint: str,
        with_dependents: bool,
        part: list[Chain],
        attempts: dict[Chain, Attempt],
        leaving: asyncio.Event,
    ) -> Job:
        async def look() -> list[Job]:
            found = await self._port.search_entities(
                blueprint,
                [chain.name for chain in part],
                only_ours=True,
                include=["$identifier"],
                leaving=leaving,
            )
            if found is None:
                attempts.update((chain, failure(Reason.REFUSED, _CANNOT_LOOK)) for chain in part)
                return []
            attempts.update((chain, NOT_DELETED) for chain in part if chain.name not in found)
            ours = [(chain, chain.name) for chain in part if chain.name in found]
            return [self._job(_Doomed(blueprint, with_dependents, ours), attempts, leaving)] if ours else []

        return look

    def _found(
        self,
        chain: Chain,
        query: dict[str, object],
        with_dependents: bool,
        attempts: dict[Chain, Attempt],
        leaving: asyncio.Event,
    ) -> Job:
        async def look() -> list[Job]:
            blueprint = chain.head.blueprint
            found = await self._port.search_owned(blueprint, query, leaving=leaving)
            if found is None:
                attempts[chain] = failure(Reason.REFUSED, _CANNOT_LOOK)
            elif len(found) == 0:
                attempts[chain] = NOT_DELETED
            elif len(found) > 1:
                text = f"not deleted: the search identifier finds {len(found)} entities, it must find one"
                attempts[chain] = failure(Reason.REFUSED, text)
            else:
                doomed = _Doomed(blueprint, with_dependents, [(chain, next(iter(found)))])
                return [self._job(doomed, attempts, leaving)]
            return []

        return look

    def _job(
        self,
        doomed: _Doomed,
        attempts: dict[Chain, Attempt],
        leaving: asyncio.Event,
        before: Persistence | None = None,
    ) -> Job:
        async def send() -> list[Job]:
            answer = await self._port.bulk_delete(
                doomed.blueprint,
                [identifier for _, identifier in doomed.entities],
                delete_dependents=doomed.delete_dependents,
                leaving=leaving,
                before=before,
            )
            is_gone = answer.status == _MISSING and not answer.transient
            if answer.ok or (is_gone and len(doomed.entities) == 1):
                attempts.update((chain, DELETED) for chain, _ in doomed.entities)
                return []
            if len(doomed.entities) > 1:
                return [self._job(half, attempts, leaving, answer.persistence) for half in doomed.halves()]
            chain, _ = doomed.entities[0]
            detail = self._port.redact(answer.describe())
            attempts[chain] = (
                failure(Reason.RETRIES_EXHAUSTED, detail)
                if answer.transient
                # What depends on it may be deleted by this very batch.
                else Later(failure(Reason.REFUSED, detail))
            )
            return []

        return send
