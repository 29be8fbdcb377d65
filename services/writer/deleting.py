"""Deletes entities from Port, but only what this installation has written."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.headers import Origin
from schemas.outcome import Count, Reason
from services.writer.attempt import Attempt, Later
from services.writer.breaker import Breaker, Sizes
from services.writer.chain import Chain, Settled, failure
from services.writer.change import Change
from services.writer.coercion import is_valid_identifier
from services.writer.looking import chunks
from services.writer.workers import Job, run_jobs
from shared.delete_window import WINDOW_MIN
from shared.port.answer import Answer
from shared.port.client import BULK_DELETE_LIMIT, IDENTITY, PortClient
from shared.port.persistence import Persistence
from shared.settings.choices import Deletes

logger = logging.getLogger(__name__)

DELETED = Settled(Count.DELETED)
NOT_DELETED = Settled(Count.NOT_DELETED)
PLANNED = Settled(Count.PLANNED)
LEFT = Settled(Count.NOT_DELETED, detail="others depend on it")
"""No failure: trying again would not help, and the next resync's sweep does."""
_EXAMPLES = 5
_MISSING = 404
_CANNOT_LOOK = "not deleted: Port does not tell which entities are ours"


@dataclass(frozen=True, slots=True)
class _Doomed:
    """Entities that are ours, to be deleted in one call."""

    blueprint: str
    delete_dependents: bool
    entities: list[tuple[Chain, str]]

    def parted(self, words: str) -> "tuple[_Doomed, _Doomed]":
        """Return those that are quoted in Port's words, and the others."""
        named = [one for one in self.entities if any(f"{mark}{one[1]}{mark}" in words for mark in "\"'`")]
        others = [one for one in self.entities if one not in named]
        return (
            _Doomed(self.blueprint, self.delete_dependents, named),
            _Doomed(self.blueprint, self.delete_dependents, others),
        )

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
        sizes: Knows how many entities blueprints have.
        mode: With `dry_run` what would be deleted is only counted and logged.
        concurrency: Calls at once.
    """

    def __init__(self, port: PortClient, sizes: Sizes, *, mode: Deletes, concurrency: int) -> None:
        self._port = port
        self._sizes = sizes
        self._mode = mode
        self._concurrency = concurrency
        self._deleted = 0
        """Entities, so far."""

    async def delete(
        self, chains: Sequence[Chain], breaker: Breaker, leaving: asyncio.Event
    ) -> dict[Chain, Attempt]:
        """Delete what is ours; a chain that is missing in the result was not reached.

        What Port does not hold, somebody else wrote last, or was updated since the sweep's run began counts
        as not deleted. Sweeps never delete dependents.
        """
        # What nothing was deleted for since it was refused would be refused again.
        attempts: dict[Chain, Attempt] = {
            chain: LEFT
            for chain in chains
            if chain.on_last_try and chain.left is not None and chain.left[1] == self._deleted
        }
        groups: dict[tuple[str, bool], list[Chain]] = {}
        jobs: list[Job] = []
        for chain in chains:
            if chain in attempts:
                continue
            change = chain.head
            with_dependents = change.delete_dependents and change.origin is Origin.LIVE
            if not isinstance(change.identifier, str):
                jobs.append(
                    self._found(chain, change.identifier, with_dependents, attempts, breaker, leaving)
                )
            elif is_valid_identifier(change.identifier):
                groups.setdefault((change.blueprint, with_dependents), []).append(chain)
            else:
                attempts[chain] = NOT_DELETED
        jobs += [
            self._ours(blueprint, with_dependents, part, attempts, breaker, leaving)
            for (blueprint, with_dependents), group in groups.items()
            for part in chunks(group, BULK_DELETE_LIMIT)
        ]
        await run_jobs(jobs, concurrency=self._concurrency, leaving=leaving)
        _say_left(attempts)
        return attempts

    def _ours(
        self,
        blueprint: str,
        with_dependents: bool,
        part: list[Chain],
        attempts: dict[Chain, Attempt],
        breaker: Breaker,
        leaving: asyncio.Event,
    ) -> Job:
        async def look() -> list[Job]:
            found = await self._port.search_entities(
                blueprint,
                [chain.name for chain in part],
                only_ours=True,
                include=IDENTITY,
                leaving=leaving,
            )
            if found is None:
                attempts.update((chain, failure(Reason.REFUSED, _CANNOT_LOOK)) for chain in part)
                return []
            attempts.update((chain, NOT_DELETED) for chain in part if chain.name not in found)
            ours = [(chain, chain.name) for chain in part if chain.name in found]
            doomed = _Doomed(blueprint, with_dependents, ours)
            return await self._due(doomed, found, attempts, breaker, leaving)

        return look

    def _found(
        self,
        chain: Chain,
        query: dict[str, object],
        with_dependents: bool,
        attempts: dict[Chain, Attempt],
        breaker: Breaker,
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
                return await self._due(doomed, found, attempts, breaker, leaving)
            return []

        return look

    async def _due(
        self,
        doomed: _Doomed,
        held: Mapping[str, Mapping[str, Any]],
        attempts: dict[Chain, Attempt],
        breaker: Breaker,
        leaving: asyncio.Event,
    ) -> list[Job]:
        """Return the job that deletes what is to be deleted of entities that are ours, as Port holds them."""
        kept = [chain for chain, name in doomed.entities if not is_due(chain.head, held[name])]
        attempts.update((chain, NOT_DELETED) for chain in kept)
        due = [one for one in doomed.entities if one[0] not in attempts]
        if due and self._mode is Deletes.DRY_RUN:
            names = ", ".join(name for _, name in due[:_EXAMPLES])
            logger.info("dry run: %d deletes of %s are not sent, e.g. %s", len(due), doomed.blueprint, names)
            attempts.update((chain, PLANNED) for chain, _ in due)
            return []
        await self._hold([chain for chain, _ in due], doomed.blueprint, attempts, breaker, leaving)
        due = [one for one in due if one[0] not in attempts]
        passing = _Doomed(doomed.blueprint, doomed.delete_dependents, due)
        return [self._job(passing, attempts, leaving)] if due else []

    async def _hold(
        self,
        chains: Sequence[Chain],
        blueprint: str,
        attempts: dict[Chain, Attempt],
        breaker: Breaker,
        leaving: asyncio.Event,
    ) -> None:
        """Settle those that the breaker does not let pass."""
        guarded = [one for one in chains if one.head.is_guarded and one.head.index not in breaker.passed]
        if not guarded:
            return
        is_few = breaker.is_surely_within(blueprint, len(guarded))
        entities = 0 if is_few else await self._sizes.get(blueprint, leaving)
        passing = breaker.judge(blueprint, [chain.head.index for chain in guarded], entities)
        end = failure(
            Reason.DELETE_HELD,
            f"more than {breaker.limit(entities)} live deletes of {blueprint!r} in {WINDOW_MIN} minutes;"
            f" if the objects are gone: pagerport release --blueprint {blueprint}",
        )
        attempts.update((chain, end) for chain in guarded[passing:])

    def _refused(self, chain: Chain, detail: str, *, takes_along: bool) -> Attempt:
        """Return what comes of a delete that Port refuses.

        By this we find out what other entities depend on: old incidents still name a service that is gone.
        What depends on it may be deleted by this very batch, so it waits for the rest.

        Args:
            chain: Whose first step it is.
            detail: What Port says, redacted.
            takes_along: Port was told to delete the dependents, too.
        """
        if takes_along or not _is_of_dependents(detail):
            return Later(failure(Reason.REFUSED, detail))
        chain.left = detail, self._deleted
        return Later(LEFT)

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
                self._deleted += len(doomed.entities)
                attempts.update((chain, DELETED) for chain, _ in doomed.entities)
                return []
            detail = answer.describe(self._port.redact)
            if len(doomed.entities) > 1:
                named, others = doomed.parted(_named(answer, detail))
                if not named.entities:
                    halves = doomed.halves()
                    return [self._job(half, attempts, leaving, answer.persistence) for half in halves]
                for chain, _ in named.entities:
                    attempts[chain] = self._refused(chain, detail, takes_along=doomed.delete_dependents)
                return [self._job(others, attempts, leaving)] if others.entities else []
            chain, _ = doomed.entities[0]
            attempts[chain] = (
                failure(Reason.RETRIES_EXHAUSTED, detail)
                if answer.transient
                else self._refused(chain, detail, takes_along=doomed.delete_dependents)
            )
            return []

        return send


def _named(answer: Answer, detail: str) -> str:
    """Return the words in which Port may name what others depend on; empty: it speaks of something else.

    The whole call is refused for one such entity, and the answer has no list of them.
    Source: Port API, OpenAPI, Delete multiple entities.
    """
    words = (answer.data or {}).get("message")
    return words if not answer.transient and _is_of_dependents(detail) and isinstance(words, str) else ""


def _is_of_dependents(detail: str) -> bool:
    """Whether a refusal is for what depends on an entity.

    Source: port-labs/terraform-provider-port-labs: "has dependant entities".
    """
    return "depend" in detail.lower()


def _say_left(attempts: Mapping[Chain, Attempt]) -> None:
    """Say in a line per blueprint what stays for what depends on it; of a sweep's deletes its run says it."""
    left: dict[str, list[Chain]] = {}
    for chain, attempt in attempts.items():
        has_stayed = attempt is LEFT or attempt == Later(LEFT)
        if has_stayed and chain.on_last_try and chain.head.origin is Origin.LIVE:
            left.setdefault(chain.head.blueprint, []).append(chain)
    for blueprint, chains in left.items():
        says = chains[0].left
        logger.warning(
            "%d of %s stay in Port, though their objects are gone, e.g. %s: %s; delete what depends on them "
            "in Port, or set deleteDependentEntities: true in the mapping",
            len(chains),
            blueprint,
            ", ".join(chain.name for chain in chains[:_EXAMPLES]),
            says[0] if says else "others depend on them",
        )


def is_due(change: Change, held: Mapping[str, Any]) -> bool:
    """Whether an entity is still to be deleted, as Port holds it: not one updated since the run began.

    Where Port does not say when that was, the entity stays.
    """
    since = change.unless_updated_since
    if since is None:
        return True
    try:
        updated_at = datetime.fromisoformat(str(held.get("updatedAt")))
    except ValueError:
        logger.warning("%s/%s stays: Port tells no time of its update", change.blueprint, change.identifier)
        return False
    return updated_at.tzinfo is not None and updated_at < since
