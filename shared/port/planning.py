"""Is a Port client that writes nothing, and reads as if the blueprints it is told to create were there."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Never

from shared.port.answer import Answer
from shared.port.client import PortClient
from shared.port.owned_search import OwnedPage
from shared.port.transport import PortTransport


class PlanningPortClient(PortClient):
    """The client of a dry run: what would change Port is kept here, or is a fault of ours.

    Args:
        transport: Sends what reads.
        identifier: Integration identifier, by which entities are ours.
        adopt_peer: What Port's own integration wrote under that identifier is ours too.
    """

    def __init__(self, transport: PortTransport, *, identifier: str, adopt_peer: bool = False) -> None:
        super().__init__(transport, identifier=identifier, adopt_peer=adopt_peer)
        self._planned: dict[str, dict[str, Any]] = {}

    async def get_blueprint(
        self, blueprint: str, *, leaving: asyncio.Event | None = None
    ) -> dict[str, Any] | None:
        """Return a blueprint's definition, also where it would be created only now."""
        return self._planned.get(blueprint) or await super().get_blueprint(blueprint, leaving=leaving)

    async def create_blueprint(self, definition: Mapping[str, Any]) -> bool:
        """Keep the definition; False: Port has one of that name."""
        name = definition["identifier"]
        if await self.get_blueprint(name) is not None:
            return False
        self._planned[name] = dict(definition)
        return True

    async def update_blueprint(self, blueprint: str, parts: Mapping[str, Any]) -> None:
        """Complete a definition that is kept; nobody completes another in a dry run."""
        self._planned[blueprint] |= parts

    async def search_entities(
        self,
        blueprint: str,
        identifiers: Sequence[str],
        *,
        only_ours: bool = False,
        include: Sequence[str] | None = None,
        leaving: asyncio.Event | None = None,
    ) -> dict[str, dict[str, Any]] | None:
        """Return what Port holds of these entities: none, where the blueprint would be created only now."""
        if blueprint in self._planned:
            return {}
        return await super().search_entities(
            blueprint, identifiers, only_ours=only_ours, include=include, leaving=leaving
        )

    async def owned_page(
        self, blueprint: str, cursor: str = "", *, leaving: asyncio.Event | None = None
    ) -> OwnedPage | None:
        """Return a page of our entities: none, where the blueprint would be created only now."""
        if blueprint in self._planned:
            return OwnedPage((), "")
        return await super().owned_page(blueprint, cursor, leaving=leaving)

    async def bulk_upsert(self, *_: object, **__: object) -> Answer:
        """Refuse."""
        _refuse()

    async def bulk_delete(self, *_: object, **__: object) -> Answer:
        """Refuse."""
        _refuse()


def _refuse() -> Never:
    raise AssertionError("a dry run does not write to Port")
