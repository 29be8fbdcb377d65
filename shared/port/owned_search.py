"""Searches the entities of a blueprint, and finds out of each whether it is ours."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from shared.port.answer import Answer
from shared.port.call import Call
from shared.port.datasource import Ownership
from shared.port.paths import blueprint_path
from shared.port.persistence import Weight
from shared.port.transport import PortTransport

logger = logging.getLogger(__name__)

SEARCH_PAGE_LIMIT: Final = 1000  # Source: Port API, OpenAPI, Search a blueprint's entities
DATASOURCE: Final = "$datasource"
_EXAMPLES: Final = 3

Entity = dict[str, Any]


@dataclass(frozen=True, slots=True)
class OwnedPage:
    """A page of the entities of a blueprint that Port says are ours.

    Attributes:
        entities: Each with `identifier`, `updatedAt` and `createdAt`.
        cursor: Where the next page begins; empty: this is the last one.
        doubtful: Those that Port has listed with them though they are not ours by its own answer, or though
            nothing shows that they are.
    """

    entities: tuple[Entity, ...]
    cursor: str
    doubtful: tuple[Entity, ...] = ()


class OwnedSearch:
    """The searches of a client, and what their answers show of who wrote an entity last.

    Which entities are ours is a rule of the search, and no delete rests on that alone: the answer is asked
    for `$datasource` too. Port's documentation names no such meta-property in answers, so it may be missing
    or refused. Then a search that nothing can pass shows whether Port judges by `$datasource` at all.
    Source: Port API, OpenAPI, Search a blueprint's entities; Port, Meta-properties.

    Args:
        transport: Sends the calls.
        ownership: Says by which `$datasource` entities are ours.
    """

    def __init__(self, transport: PortTransport, ownership: Ownership) -> None:
        self._transport = transport
        self._ownership = ownership
        self._is_hidden = False
        """Port refuses a search that asks for `$datasource`."""

    async def find(
        self,
        blueprint: str,
        query: Mapping[str, Any],
        include: Sequence[str] | None,
        limit: int,
        *,
        leaving: asyncio.Event | None,
        weight: Weight,
    ) -> dict[str, Entity] | None:
        """Return what a search finds, by identifier; None: Port does not let us look."""
        found = await self._all(blueprint, query, include, limit, leaving=leaving, weight=weight)
        return None if isinstance(found, Answer) else found

    async def _all(
        self,
        blueprint: str,
        query: Mapping[str, Any],
        include: Sequence[str] | None,
        limit: int,
        *,
        leaving: asyncio.Event | None,
        weight: Weight,
    ) -> dict[str, Entity] | Answer:
        """Return what a search finds, by identifier, or the answer by which Port does not let us look."""
        body: dict[str, Any] = {"query": query, "limit": min(max(limit, 1), SEARCH_PAGE_LIMIT)}
        if include is not None:
            body["include"] = list(include)
        found: dict[str, Entity] = {}
        cursors: set[str] = set()
        while True:
            answer = await self._ask(blueprint, body, leaving, weight)
            entities = _named(answer)
            if entities is None or answer.data is None:
                return answer
            found |= {one["identifier"]: one for one in entities}
            cursor = answer.data.get("next")
            if not isinstance(cursor, str) or not cursor or cursor in cursors:
                return found
            cursors.add(cursor)
            body["from"] = cursor

    async def find_ours(
        self,
        blueprint: str,
        rule: Mapping[str, Any],
        include: Sequence[str],
        limit: int,
        *,
        leaving: asyncio.Event | None,
    ) -> dict[str, Entity] | None:
        """Return what of the entities that a rule finds is ours; None: Port does not let us look."""
        query = {"combinator": "and", "rules": [dict(rule), *self._ownership.rules]}
        shown = self._shown(include)
        found = await self._all(blueprint, query, shown, limit, leaving=leaving, weight=Weight.WHOLE)
        if isinstance(found, Answer) and len(shown) > len(include):
            refusal = found
            found = await self._all(blueprint, query, include, limit, leaving=leaving, weight=Weight.WHOLE)
            self._note_refusal(refusal, is_taken_without=not isinstance(found, Answer))
        if isinstance(found, Answer):
            return None
        ours, doubtful = await self._part(blueprint, list(found.values()), leaving)
        _say_doubtful(blueprint, doubtful)
        return {one["identifier"]: one for one in ours}

    async def page(
        self, blueprint: str, cursor: str, include: Sequence[str], *, leaving: asyncio.Event | None
    ) -> OwnedPage | None:
        """Return a page of what is ours; None: Port does not let us look."""
        query = {"combinator": "and", "rules": list(self._ownership.rules)}
        body: dict[str, Any] = {"query": query, "include": self._shown(include), "limit": SEARCH_PAGE_LIMIT}
        if cursor:
            body["from"] = cursor
        answer = await self._ask(blueprint, body, leaving, Weight.WHOLE)
        entities = _named(answer)
        if entities is None and len(body["include"]) > len(include):
            body["include"] = list(include)
            refusal, answer = answer, await self._ask(blueprint, body, leaving, Weight.WHOLE)
            entities = _named(answer)
            self._note_refusal(refusal, is_taken_without=entities is not None)
        if entities is None or answer.data is None:
            return None
        following = answer.data.get("next")
        ours, doubtful = await self._part(blueprint, entities, leaving)
        return OwnedPage(tuple(ours), following if isinstance(following, str) else "", tuple(doubtful))

    def _note_refusal(self, answer: Answer, *, is_taken_without: bool) -> None:
        """Remember whether Port refuses searches for asking for `$datasource`; a failure tells nothing."""
        self._is_hidden = is_taken_without and not answer.transient

    def _shown(self, include: Sequence[str]) -> list[str]:
        return [*include, *(() if self._is_hidden else (DATASOURCE,))]

    async def _part(
        self, blueprint: str, entities: Sequence[Entity], leaving: asyncio.Event | None
    ) -> tuple[list[Entity], list[Entity]]:
        """Return those that are ours, and those of which that is not shown."""
        told = [_datasource(one) for one in entities]
        judges = None in told and await self._judges(blueprint, leaving)
        ours: list[Entity] = []
        doubtful: list[Entity] = []
        for entity, datasource in zip(entities, told, strict=True):
            is_ours = judges if datasource is None else self._ownership.wrote(datasource)
            (ours if is_ours else doubtful).append(entity)
        return ours, doubtful

    async def _judges(self, blueprint: str, leaving: asyncio.Event | None) -> bool:
        """Whether Port finds nothing by a `$datasource` that nobody has."""
        query = {"combinator": "and", "rules": list(self._ownership.rules_of_nobody)}
        found = await self.find(
            blueprint, query, ("$identifier",), 1, leaving=leaving, weight=Weight.OPTIONAL
        )
        return found == {}

    async def _ask(
        self, blueprint: str, body: Mapping[str, Any], leaving: asyncio.Event | None, weight: Weight
    ) -> Answer:
        path = blueprint_path(blueprint)
        call = Call(
            method="POST",
            path=f"{path}/entities/search",
            family="search",
            body=orjson.dumps(body),
            probe=path,
            weight=weight,
            is_question=weight is Weight.OPTIONAL,
        )
        return await self._transport.call(call, leaving)


def _named(answer: Answer) -> list[Entity] | None:
    """Return the entities of an answer that have an identifier; None: it has no list of them."""
    entities = answer.data.get("entities") if answer.ok and answer.data is not None else None
    if not isinstance(entities, list):
        return None
    return [one for one in entities if isinstance(one, dict) and isinstance(one.get("identifier"), str)]


def _datasource(entity: Entity) -> str | None:
    """Return who wrote an entity last, by the answer; None: it does not say."""
    for name in (DATASOURCE, DATASOURCE[1:]):
        if name in entity:
            # Neither nobody nor something that is no text is us.
            return entity[name] if isinstance(entity[name], str) else ""
    return None


def _say_doubtful(blueprint: str, doubtful: Sequence[Entity]) -> None:
    if doubtful:
        logger.warning(
            "%d entities of %s stay: Port lists them as ours, and its answer does not show it, e.g. %s",
            len(doubtful),
            blueprint,
            ", ".join(one["identifier"] for one in doubtful[:_EXAMPLES]),
        )
