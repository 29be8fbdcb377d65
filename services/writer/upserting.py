"""Sends entities to Port in bulks and finds out what became of each."""

import asyncio
from collections.abc import Sequence

import orjson

from schemas.outcome import Count, Reason
from services.writer.attempt import Again, Attempt, Later
from services.writer.batching import Bulk, Packed, fits, plan_bulks, single
from services.writer.chain import Chain, Settled, failure
from services.writer.classification import CallFate, Fate, ItemFate, classify_bulk, says_nothing
from services.writer.shapes import Shapes
from services.writer.workers import Job, run_jobs
from shared.errors import RetryableError
from shared.port.answer import Answer
from shared.port.call import LeavingError
from shared.port.client import BODY_LIMIT_BYTES, BULK_UPSERT_LIMIT, PortClient
from shared.port.persistence import Persistence

WRITTEN = Settled(Count.WRITTEN)
_TOO_LARGE = 413


def pack(chain: Chain) -> Packed[Chain] | Settled:
    """Return a chain's first step as it is sent, or its end where it can never be."""
    change = chain.head
    try:
        body = orjson.dumps({"identifier": change.identifier, **change.body})
    except TypeError as error:
        return failure(Reason.UNREADABLE, f"cannot be written as JSON: {error}")
    if fits(body, BODY_LIMIT_BYTES):
        return Packed(chain, change.flags, chain.name, body)
    return failure(Reason.TOO_LARGE, f"{len(body)} bytes; Port takes {BODY_LIMIT_BYTES} per request")


class Upserter:
    """Writes the first step of chains.

    Args:
        port: Is written to.
        shapes: Tells whether a blueprint is there.
        concurrency: Bulks at once.
    """

    def __init__(self, port: PortClient, shapes: Shapes, *, concurrency: int) -> None:
        self._port = port
        self._shapes = shapes
        self._concurrency = concurrency

    async def upsert(self, chains: Sequence[Chain], leaving: asyncio.Event) -> dict[Chain, Attempt]:
        """Write each chain's first step; a chain that is missing in the result was not reached."""
        attempts: dict[Chain, Attempt] = {}
        packed: list[Packed[Chain]] = []
        for chain in chains:
            ready = pack(chain)
            if isinstance(ready, Settled):
                attempts[chain] = ready
            else:
                packed.append(ready)
        bulks = plan_bulks(packed, limit_entities=BULK_UPSERT_LIMIT, limit_bytes=BODY_LIMIT_BYTES)
        jobs = [self._job(bulk, attempts, leaving) for bulk in bulks]
        await run_jobs(jobs, concurrency=self._concurrency, leaving=leaving)
        return attempts

    def _job(
        self,
        bulk: Bulk[Chain],
        attempts: dict[Chain, Attempt],
        leaving: asyncio.Event,
        before: Persistence | None = None,
    ) -> Job:
        async def send() -> list[Job]:
            flags = bulk.flags
            answer = await self._port.bulk_upsert(
                flags.blueprint,
                [entity.body for entity in bulk.entities],
                merge=flags.merge,
                create_missing=flags.create_missing,
                leaving=leaving,
                before=before,
                is_idle=says_nothing,
            )
            fates = classify_bulk(answer, len(bulk.entities))
            if isinstance(fates, list):
                alone = _to_send_alone(bulk, fates)
                for entity, fate in zip(bulk.entities, fates, strict=True):
                    if entity not in alone:
                        attempts[entity.item] = self._attempt(fate)
                return [self._job(single(bulk.flags, entity), attempts, leaving) for entity in alone]
            whole = await self._whole(bulk, fates, answer, leaving)
            if whole is None:
                return [
                    self._job(half, attempts, leaving, before=answer.persistence) for half in bulk.halves()
                ]
            attempts.update((entity.item, whole) for entity in bulk.entities)
            return []

        return send

    def _attempt(self, fate: ItemFate) -> Attempt:
        detail = self._port.redact(fate.detail)
        match fate.fate:
            case Fate.WRITTEN:
                return WRITTEN
            case Fate.RETRY:
                return Again(detail, limited=fate.limited, unsaid=fate.unsaid)
            case Fate.UNMET:
                return Later(failure(Reason.RELATION_TARGET_MISSING, detail))
            case Fate.REJECTED:
                return failure(Reason.REFUSED, detail)

    async def _whole(
        self, bulk: Bulk[Chain], fate: CallFate, answer: Answer, leaving: asyncio.Event
    ) -> Attempt | None:
        """Return what holds for all entities of a call that failed; None: smaller calls tell more."""
        detail = answer.describe(self._port.redact)
        is_missing = fate is CallFate.NOT_FOUND and not await self._exists(bulk.flags.blueprint, leaving)
        if is_missing:
            return failure(Reason.BLUEPRINT_MISSING, f"Port has no blueprint {bulk.flags.blueprint!r}")
        if len(bulk.entities) > 1:
            return None
        if fate is CallFate.NOT_FOUND:
            return Later(failure(Reason.RELATION_TARGET_MISSING, detail))
        if fate is CallFate.FAILED:
            return failure(Reason.RETRIES_EXHAUSTED, detail)
        return failure(Reason.TOO_LARGE if answer.status == _TOO_LARGE else Reason.REFUSED, detail)

    async def _exists(self, blueprint: str, leaving: asyncio.Event) -> bool:
        self._shapes.forget(blueprint)
        try:
            return await self._shapes.get(blueprint, leaving) is not None
        except LeavingError:
            raise
        except RetryableError:
            return True


def _to_send_alone(bulk: Bulk[Chain], fates: Sequence[ItemFate]) -> list[Packed[Chain]]:
    """Return entities that may have been refused only for their company.

    What a search query finds is known to Port alone: it may be an entity that the same call holds already.
    """
    if len(bulk.entities) == 1 or all(isinstance(one.item.head.identifier, str) for one in bulk.entities):
        return []
    return [entity for entity, fate in zip(bulk.entities, fates, strict=True) if fate.fate is Fate.REJECTED]
