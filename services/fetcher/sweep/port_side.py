"""Reads from Port which entities are ours, and what their relations point at."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

from services.fetcher.sweep.judgement import Owned
from shared.errors import RetryableError
from shared.port.client import OWNERSHIP, PortClient

ANY_BLUEPRINT = ""


class NotReadableError(Exception):
    """Port does not tell which entities of a blueprint are ours."""


async def owned_pages(port: PortClient, blueprint: str) -> AsyncIterator[tuple[list[Owned], list[Owned]]]:
    """Yield all our entities of a blueprint, page by page, and beside them those not shown to be ours.

    Raises:
        NotReadableError: Port does not let us look.
        FatalError: Port refuses us or cannot be reached.
    """
    cursor, cursors = "", set[str]()
    while True:
        page = await port.owned_page(blueprint, cursor)
        if page is None:
            raise NotReadableError(blueprint)
        yield [_owned(entity) for entity in page.entities], [_owned(entity) for entity in page.doubtful]
        cursor = page.cursor
        if not cursor:
            return
        if cursor in cursors:
            # What comes next is not known, so what is there is not either.
            raise NotReadableError(blueprint)
        cursors.add(cursor)


async def owned_among(port: PortClient, blueprint: str, identifiers: Sequence[str]) -> list[Owned]:
    """Return those of some entities that are ours.

    Raises:
        NotReadableError: Port does not let us look.
        FatalError: Port refuses us or cannot be reached.
    """
    found = await port.search_entities(blueprint, identifiers, only_ours=True, include=OWNERSHIP)
    if found is None:
        raise NotReadableError(blueprint)
    return [_owned(entity) for entity in found.values()]


class RelationTargets:
    """Tells which blueprint a relation points at.

    Args:
        port: Has the blueprints.
    """

    def __init__(self, port: PortClient) -> None:
        self._port = port
        self._known: dict[str, dict[str, str]] = {}

    async def blueprint_of(self, blueprint: str, relation: str) -> str:
        """Return the blueprint at which a relation of another points; where it is not known, `ANY_BLUEPRINT`.

        Raises:
            FatalError: Port refuses us or cannot be reached.
        """
        if blueprint not in self._known:
            self._known[blueprint] = await self._read(blueprint)
        return self._known[blueprint].get(relation, ANY_BLUEPRINT)

    async def _read(self, blueprint: str) -> dict[str, str]:
        try:
            definition = await self._port.get_blueprint(blueprint)
        except RetryableError:
            definition = None
        relations = definition.get("relations") if definition else None
        if not isinstance(relations, dict):
            return {}
        return {
            name: one["target"]
            for name, one in relations.items()
            if isinstance(one, dict) and isinstance(one.get("target"), str)
        }


def _owned(entity: dict[str, Any]) -> Owned:
    return Owned(
        identifier=entity["identifier"],
        updated_at=_instant(entity.get("updatedAt")),
        created_at=_instant(entity.get("createdAt")),
    )


def _instant(value: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if at is None:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
