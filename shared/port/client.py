"""Makes the calls of Port's API that pagerport needs, each once until it is answered."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from shared.errors import RetryableError
from shared.port.answer import Answer
from shared.port.call import Call
from shared.port.datasource import PRODUCT, Ownership
from shared.port.final_answer import failure_text, require_ok
from shared.port.integration import IntegrationCalls, integration_path
from shared.port.owned_search import SEARCH_PAGE_LIMIT, OwnedPage, OwnedSearch
from shared.port.paths import blueprint_path
from shared.port.persistence import Persistence, Weight
from shared.port.transport import PortTransport

BULK_UPSERT_LIMIT = 20  # Source: Port API, OpenAPI, Create multiple entities
BULK_DELETE_LIMIT = 100  # Source: Port API, OpenAPI, Delete multiple entities
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


class PortClient:
    """The calls. Every one raises what `PortTransport.call` raises.

    Args:
        transport: Sends them.
        identifier: Integration identifier, by which entities are ours.
        adopt_peer: What Port's own integration wrote under that identifier is ours too.

    Attributes:
        identifier: Integration identifier.
        integration: The calls about our integration object.
    """

    def __init__(self, transport: PortTransport, *, identifier: str, adopt_peer: bool = False) -> None:
        self._transport = transport
        self.identifier = identifier
        self._search = OwnedSearch(transport, Ownership(identifier, adopt_peer=adopt_peer))
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
        await self._transport.call(Call(method="GET", path=blueprint_path(PRODUCT), family="blueprint"))
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
        probe = integration_path(self.identifier)
        return await self._get(blueprint_path(blueprint), "blueprint", "blueprint", leaving, probe=probe)

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
        require_ok(call, answer, self.redact)
        return True

    async def update_blueprint(self, blueprint: str, parts: Mapping[str, Any]) -> None:
        """Replace some top-level parts of a blueprint.

        Raises:
            RejectedError: Port refuses the definition.
            RetryableError: Port fails for this call only.
        """
        path = blueprint_path(blueprint)
        call = Call(method="PATCH", path=path, family="blueprint", body=orjson.dumps(parts))
        require_ok(call, await self._transport.call(call), self.redact)

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
        path = f"{blueprint_path(blueprint)}/entities/{quote(identifier, safe='')}"
        return await self._get(path, "entity", "entities", None, may_be_gone=True)

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
            only_ours: Leave out what this installation did not write last, by Port's rules and by its answer.
            include: Names of properties, relations and `$` meta properties to return; None: all.
            leaving: Gives up waiting once set.
        """
        rule = {"property": "$identifier", "operator": "in", "value": list(identifiers)}
        limit = len(identifiers)
        if only_ours:
            shown = IDENTITY if include is None else include
            return await self._search.find_ours(blueprint, rule, shown, limit, leaving=leaving)
        query = {"combinator": "and", "rules": [rule]}
        return await self._search.find(
            blueprint, query, include, limit, leaving=leaving, weight=Weight.OPTIONAL
        )

    async def search_owned(
        self, blueprint: str, query: Mapping[str, Any], *, leaving: asyncio.Event | None = None
    ) -> dict[str, dict[str, Any]] | None:
        """Return those of our entities that a search query finds; None: Port does not let us look.

        Only identifier and time of the last update are returned.
        """
        return await self._search.find_ours(blueprint, query, IDENTITY, SEARCH_PAGE_LIMIT, leaving=leaving)

    async def owned_page(
        self, blueprint: str, cursor: str = "", *, leaving: asyncio.Event | None = None
    ) -> OwnedPage | None:
        """Return a page of our entities of a blueprint; None: Port does not let us look.

        Args:
            blueprint: Their blueprint.
            cursor: That of the page before; empty: the first one.
            leaving: Gives up waiting once set.
        """
        return await self._search.page(blueprint, cursor, OWNERSHIP, leaving=leaving)

    async def count_entities(self, blueprint: str, *, leaving: asyncio.Event | None = None) -> int | None:
        """Return how many entities a blueprint has, whoever wrote them; None: Port does not tell.

        Source: Port API, OpenAPI, entities-count.
        """
        path = f"{blueprint_path(blueprint)}/entities-count"
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
        is_idle: Callable[[Answer], bool] | None = None,
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
            is_idle: See `Call`.
        """
        query = urlencode(
            {
                "upsert": "true",
                "merge": _flag(merge),
                "validation_only": "false",
                "create_missing_related_entities": _flag(create_missing),
            }
        )
        path = blueprint_path(blueprint)
        body = b'{"entities":[' + b",".join(entities) + b"]}"
        call = Call(
            method="POST",
            path=f"{path}/entities/bulk?{query}",
            family="bulk upsert",
            body=body,
            probe=path,
            weight=_weight(entities),
            before=before,
            is_idle=is_idle,
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
        path = blueprint_path(blueprint)
        call = Call(
            method="POST",
            path=f"{path}/bulk/entities/delete?delete_dependents={_flag(delete_dependents)}",
            family="bulk delete",
            body=orjson.dumps({"entities": list(identifiers)}),
            probe=path,
            weight=_weight(identifiers),
            before=before,
            may_be_gone=True,
        )
        return await self._transport.call(call, leaving)

    async def _get(
        self,
        path: str,
        name: str,
        family: str,
        leaving: asyncio.Event | None,
        probe: str = "",
        *,
        may_be_gone: bool = False,
    ) -> dict[str, Any] | None:
        call = Call(
            method="GET",
            path=path,
            family=family,
            probe=probe,
            is_question=bool(probe),
            may_be_gone=may_be_gone,
        )
        answer = await self._transport.call(call, leaving)
        if answer.status in _NOT_THERE and not answer.transient:
            return None
        value = answer.data.get(name) if answer.ok and answer.data is not None else None
        if not isinstance(value, dict):
            raise RetryableError(failure_text(call, answer, self.redact))
        return value


def _weight(parts: Sequence[object]) -> Weight:
    return Weight.PART if len(parts) > 1 else Weight.WHOLE


def _flag(value: bool) -> str:
    return "true" if value else "false"
