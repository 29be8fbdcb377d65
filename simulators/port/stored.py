"""Holds one version of one entity as the catalog keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from simulators.port.formats import instant_ms, iso_from_ms


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes, and when.

    Attributes:
        datasource: The request's User-Agent; Port stores it as `$datasource`.
            Source: Ocean, Port client: ownership of an entity is a match of this string.
        client_id: Of the credentials behind the token.
        at_ms: Milliseconds since the epoch.
    """

    datasource: str
    client_id: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEntity:
    """One version of an entity; a write makes a new one and never changes the old.

    Attributes:
        sequence: Order of creation, the key of paging.
        created_at_ms: Milliseconds since the epoch, like `updated_at_ms`, which grows with every version.
        datasource: User-Agent of the last writer.
        is_placeholder: Made for a relation that named a missing entity, and not written since.
    """

    blueprint: str
    identifier: str
    sequence: int
    title: str | None = None
    icon: str | None = None
    team: tuple[str, ...] = ()
    properties: Mapping[str, Any] = field(default_factory=dict)
    relations: Mapping[str, Any] = field(default_factory=dict)
    created_at_ms: int = 0
    created_by: str = ""
    updated_at_ms: int = 0
    updated_by: str = ""
    datasource: str = ""
    is_placeholder: bool = False

    def document(self) -> dict[str, object]:
        """Gives the entity as the API shows it: no `$datasource`, no title or icon that was never set."""
        shown: dict[str, object] = {"identifier": self.identifier, "blueprint": self.blueprint}
        if self.title is not None:
            shown["title"] = self.title
        if self.icon is not None:
            shown["icon"] = self.icon
        shown |= {
            "team": list(self.team),
            "properties": dict(self.properties),
            "relations": dict(self.relations),
            "createdAt": iso_from_ms(self.created_at_ms),
            "createdBy": self.created_by,
            "updatedAt": iso_from_ms(self.updated_at_ms),
            "updatedBy": self.updated_by,
        }
        return shown

    def full_document(self) -> dict[str, object]:
        """Gives the document plus `$datasource` and `$placeholder`, for tests and the state file."""
        return self.document() | {"$datasource": self.datasource, "$placeholder": self.is_placeholder}


def stored_from_document(document: Mapping[str, Any], sequence: int, at_ms: int) -> StoredEntity:
    """Reads a full document back; times that it lacks become `at_ms`.

    Raises:
        KeyError: It has no `identifier` or `blueprint`.
    """
    updated_at_ms = instant_ms(document.get("updatedAt", ""))
    created_at_ms = instant_ms(document.get("createdAt", ""))
    return StoredEntity(
        blueprint=document["blueprint"],
        identifier=document["identifier"],
        sequence=sequence,
        title=document.get("title"),
        icon=document.get("icon"),
        team=tuple(document.get("team") or ()),
        properties=dict(document.get("properties") or {}),
        relations=dict(document.get("relations") or {}),
        created_at_ms=at_ms if created_at_ms is None else created_at_ms,
        created_by=document.get("createdBy", ""),
        updated_at_ms=at_ms if updated_at_ms is None else updated_at_ms,
        updated_by=document.get("updatedBy", ""),
        datasource=document.get("$datasource", ""),
        is_placeholder=bool(document.get("$placeholder", False)),
    )
