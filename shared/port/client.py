"""Makes the calls of Port's API that pagerport needs, each once until it is answered."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from schemas.outcome import Reason
from shared.errors import RejectedError, RetryableError
from shared.port.answer import Answer
from shared.port.call import Call
from shared.port.datasource import PRODUCT, ownership_rules
from shared.port.integration import IntegrationCalls, integration_path
from shared.port.persistence import Persistence, Weight
from shared.port.transport import PortTransport

BULK_UPSERT_LIMIT = 20  # Source: Port API, OpenAPI, Create multiple entities
BULK_DELETE_LIMIT = 100  # Source: Port API, OpenAPI, Delete multiple entities
SEARCH_PAGE_LIMIT = 1000  # Source: Port API, OpenAPI, Search a blueprint's entities
IDENTITY = ("$identifier", "$updatedAt")
"""What a search returns of entities that are only to be told apart."""
NAME_LIMIT_CHARS = 1000
"""Longest identifier of an entity; that of a blueprint is shorter. Source: Port API, OpenAPI. A longer one
would make an address that no HTTP client sends."""
BODY_LIMIT_BYTES = 1024 * 1024  # Source: Port API, 413 `Request body is too large (limit is 1MiB)`

OWNERSHIP = (*IDENTITY, "$createdAt")
"""What a page of our own entities has of each."""

_NOT_THERE = frozenset({400, 404, 422})
_CONFLICT = 409


@dataclass(frozen=True, slots=True)
class OwnedPage:
    """A page of our own entities of a blueprint.

    Attributes:
        entities: Each with `identifier`, `updatedAt` and `createdAt`.
        cursor: Where the next page begins; empty: this is the last one.
    """

    entities: tuple[dict[str, Any], ...]
    cursor: str


class PortClient:
    """The calls. Every one raises what `PortTransport.call` raises.

    Args:
        transport: Sends them.
        identifier: Integration identifier, by which entities are ours.
        adopt_peer: What Port's own integration wrote under that identifier is ours too.

    Attributes:
        integration: The calls about our integration object.
    """

    def __init__(self, transport: PortTransport, *, identifier: str, adopt_peer: bool = False) -> None:
        self._transport = transport
        self._identifier = identifier
        self._ownership = ownership_rules(identifier, adopt_peer=adopt_peer)
        self.redact = transport.redact
        self.integration = IntegrationCalls(transport, identifier)

    @property
    def requests(self) -> int:
        """Requests sent so far, repetitions and tokens included."""
        return self._transport.requests.total()

    @property
    def successes(self) -> int:
        """Requests that Port served so far."""
        return self._transport.successes

    async def authenticate(self) -> None:
        """Check credentials and address now. See `PortTransport.authenticate`."""
        await self._transport.authenticate()

    async def time(self) -> datetime | None:
        """Return what time it is at Port, cut to the second; None: Port does not say."""
        # Any answer will do, also that there is no such blueprint.
        await self._transport.call(Call(method="GET", path=_blueprint_path(PRODUCT), family="blueprint"))
        return self._transport.answered_at

    async def pause(self, cause: str, delay_s: float, leaving: asyncio.Event | None) -> None:
        """Wait for Port, and have it accounted. See `PortTransport.pause`."""
        await self._transport.pause(cause, delay_s, leaving)

    async def get_blueprint(
        self, blueprint: str, *, leaving: asyncio.Event | None = None
    ) -> dict[str, Any] | None:
        """Return a blueprint's definition; None: there is none of that name.

        Raises:
            RetryableError: Port fails for this call only.
        """
        if blueprint in {"", ".", ".."} or len(blueprint) > NAME_LIMIT_CHARS:
            return None
        probe = integration_path(self._identifier)
        return await self._get(_blueprint_path(blueprint), "blueprint", "blueprint", leaving, probe=probe)

    async def create_blueprint(self, definition: Mapping[str, Any]) -> bool:
        """Create a blueprint and its page of the catalog; False: one of that name exists, and stays as it is.

        Raises:
            RejectedError: Port refuses the definition.
            RetryableError: Port fails for this call only.
        """
        path = "/v1/blueprints?create_catalog_page=true"
        call = Call(method="POST", path=path, family="blueprint", body=orjson.dumps(definition))
        answer = await self._transport.call(call)
        if answer.status == _CONFLICT:
            return False
        self._require_ok(call, answer)
        return True

    async def update_blueprint(self, blueprint: str, parts: Mapping[str, Any]) -> None:
        """Replace some top-level parts of a blueprint.

        Raises:
            RejectedError: Port refuses the definition.
            RetryableError: Port fails for this call only.
        """
        path = _blueprint_path(blueprint)
        call = Call(method="PATCH", path=path, family="blueprint", body=orjson.dumps(parts))
        self._require_ok(call, await self._transport.call(call))

    async def get_integration(self, identifier: str) -> dict[str, Any] | None:
        """Return the integration object, whose `config` is the mapping kept in Port; None: there is none.

        Raises:
            RetryableError: Port fails for this call only.
        """
        return await self._get(integration_path(identifier), "integration", "other", None)

    async def get_entity(self, blueprint: str, identifier: str) -> dict[str, Any] | None:
        """Return an entity; None: there is none.

        Raises:
            RetryableError: Port fails for this call only.
        """
        if not identifier or max(len(blueprint), len(identifier)) > NAME_LIMIT_CHARS:
            return None
        path = f"{_blueprint_path(blueprint)}/entities/{quote(identifier, safe='')}"
        return await self._get(path, "entity", "entities", None)

    async def search_entities(
        self,
        blueprint: str,
        identifiers: Sequence[str],
        *,
        only_ours: bool = False,
        include: Sequence[str] | None = None,
        leaving: asyncio.Event | None = None,
    ) -> dict[str, dict[str, Any]] | None:
        """Return what Port holds of these entities, by identifier; None: Port does not let us look.

        Args:
            blueprint: Their blueprint.
            identifiers: At most 1 000.
            only_ours: Leave out what this installation did not write last.
            include: Names of properties, relations and `$` meta properties to return; None: all.
            leaving: Gives up waiting once set.
        """
        rules: list[Any] = [{"property": "$identifier", "operator": "in", "value": list(identifiers)}]
        if only_ours:
            rules += self._ownership
        query = {"combinator": "and", "rules": rules}
        weight = Weight.WHOLE if only_ours else Weight.OPTIONAL
        return await self._search(blueprint, query, include, len(identifiers), leaving, weight)

    async def search_owned(
        self, blueprint: str, query: Mapping[str, Any], *, leaving: asyncio.Event | None = None
    ) -> dict[str, dict[str, Any]] | None:
        """Return those of our entities that a search query finds; None: Port does not let us look.

        Only identifier and time of the last update are returned.
        """
        both = {"combinator": "and", "rules": [dict(query), *self._ownership]}
        return await self._search(blueprint, both, IDENTITY, SEARCH_PAGE_LIMIT, leaving, Weight.WHOLE)

    async def owned_page(
        self, blueprint: str, cursor: str = "", *, leaving: asyncio.Event | None = None
    ) -> OwnedPage | None:
        """Return a page of our entities of a blueprint; None: Port does not let us look.

        Args:
            blueprint: Their blueprint.
            cursor: That of the page before; empty: the first one.
            leaving: Gives up waiting once set.
        """
        query = {"combinator": "and", "rules": self._ownership}
        body = {"query": query, "include": list(OWNERSHIP), "limit": SEARCH_PAGE_LIMIT}
        if cursor:
            body["from"] = cursor
        path = _blueprint_path(blueprint)
        call = Call(
            method="POST",
            path=f"{path}/entities/search",
            family="search",
            body=orjson.dumps(body),
            probe=path,
        )
        answer = await self._transport.call(call, leaving)
        entities = answer.data.get("entities") if answer.ok and answer.data is not None else None
        if answer.data is None or not isinstance(entities, list):
            return None
        named = (one for one in entities if isinstance(one, dict) and isinstance(one.get("identifier"), str))
        following = answer.data.get("next")
        return OwnedPage(tuple(named), following if isinstance(following, str) else "")

    async def count_entities(self, blueprint: str, *, leaving: asyncio.Event | None = None) -> int | None:
        """Return how many entities a blueprint has, whoever wrote them; None: Port does not tell.

        Source: Port API, OpenAPI, entities-count.
        """
        path = f"{_blueprint_path(blueprint)}/entities-count"
        call = Call(method="GET", path=path, family="entities", weight=Weight.OPTIONAL, is_question=True)
        answer = await self._transport.call(call, leaving)
        count = answer.data.get("count") if answer.ok and answer.data is not None else None
        return count if isinstance(count, int) and not isinstance(count, bool) and count >= 0 else None

    async def bulk_upsert(
        self,
        blueprint: str,
        entities: Sequence[bytes],
        *,
        merge: bool,
        create_missing: bool,
        leaving: asyncio.Event | None = None,
        before: Persistence | None = None,
    ) -> Answer:
        """Write entities and return Port's answer as it is.

        A call of several is soon given up where Port fails for it alone: smaller ones tell what is at fault.

        Args:
            blueprint: Their blueprint.
            entities: From 1 to 20 entities as JSON; with the envelope at most 1 MiB.
            merge: Update only what is sent (true) or make each entity just that.
            create_missing: Let Port make bare entities of relation targets that are not there.
            leaving: Gives up waiting once set.
            before: `Answer.persistence` of a larger call that was given up.
        """
        query = urlencode(
            {
                "upsert": "true",
                "merge": _flag(merge),
                "validation_only": "false",
                "create_missing_related_entities": _flag(create_missing),
            }
        )
        path = _blueprint_path(blueprint)
        body = b'{"entities":[' + b",".join(entities) + b"]}"
        call = Call(
            method="POST",
            path=f"{path}/entities/bulk?{query}",
            family="bulk upsert",
            body=body,
            probe=path,
            weight=_weight(entities),
            before=before,
        )
        return await self._transport.call(call, leaving)

    async def bulk_delete(
        self,
        blueprint: str,
        identifiers: Sequence[str],
        *,
        delete_dependents: bool,
        leaving: asyncio.Event | None = None,
        before: Persistence | None = None,
    ) -> Answer:
        """Delete entities and return Port's answer as it is: all of them or none.

        Args:
            blueprint: Their blueprint.
            identifiers: From 1 to 100.
            delete_dependents: Also delete what is related to them; else Port refuses where there is such.
            leaving: Gives up waiting once set.
            before: `Answer.persistence` of a larger call that was given up.
        """
        path = _blueprint_path(blueprint)
        call = Call(
            method="POST",
            path=f"{path}/bulk/entities/delete?delete_dependents={_flag(delete_dependents)}",
            family="bulk delete",
            body=orjson.dumps({"entities": list(identifiers)}),
            probe=path,
            weight=_weight(identifiers),
            before=before,
        )
        return await self._transport.call(call, leaving)

    async def _search(
        self,
        blueprint: str,
        query: Mapping[str, Any],
        include: Sequence[str] | None,
        limit: int,
        leaving: asyncio.Event | None,
        weight: Weight,
    ) -> dict[str, dict[str, Any]] | None:
        body: dict[str, Any] = {"query": query, "limit": min(max(limit, 1), SEARCH_PAGE_LIMIT)}
        if include is not None:
            body["include"] = list(include)
        path = f"{_blueprint_path(blueprint)}/entities/search"
        found: dict[str, dict[str, Any]] = {}
        cursors: set[str] = set()
        while True:
            call = Call(
                method="POST",
                path=path,
                family="search",
                body=orjson.dumps(body),
                probe=_blueprint_path(blueprint),
                weight=weight,
                is_question=weight is Weight.OPTIONAL,
            )
            answer = await self._transport.call(call, leaving)
            entities = answer.data.get("entities") if answer.ok and answer.data is not None else None
            if answer.data is None or not isinstance(entities, list):
                return None
            for entity in entities:
                if isinstance(entity, dict) and isinstance(entity.get("identifier"), str):
                    found[entity["identifier"]] = entity
            cursor = answer.data.get("next")
            if not isinstance(cursor, str) or not cursor or cursor in cursors:
                return found
            cursors.add(cursor)
            body["from"] = cursor

    async def _get(
        self, path: str, name: str, family: str, leaving: asyncio.Event | None, probe: str = ""
    ) -> dict[str, Any] | None:
        call = Call(method="GET", path=path, family=family, probe=probe, is_question=bool(probe))
        answer = await self._transport.call(call, leaving)
        if answer.status in _NOT_THERE and not answer.transient:
            return None
        value = answer.data.get(name) if answer.ok and answer.data is not None else None
        if not isinstance(value, dict):
            raise RetryableError(self._failure(call, answer))
        return value

    def _require_ok(self, call: Call, answer: Answer) -> None:
        if answer.transient:
            raise RetryableError(self._failure(call, answer))
        if not answer.ok:
            raise RejectedError(Reason.REFUSED, self._failure(call, answer))

    def _failure(self, call: Call, answer: Answer) -> str:
        return f"Port, {call.method} {call.path}: {answer.describe(self.redact)}"


def _blueprint_path(blueprint: str) -> str:
    return f"/v1/blueprints/{quote(blueprint, safe='')}"


def _weight(parts: Sequence[object]) -> Weight:
    return Weight.PART if len(parts) > 1 else Weight.WHOLE


def _flag(value: bool) -> str:
    return "true" if value else "false"
