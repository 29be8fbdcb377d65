"""Holds one change of an entity as the writer works on it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from schemas.headers import Origin
from services.writer.coercion import Note
from services.writer.shape import Shape

RUN_ORIGINS = frozenset({Origin.RESYNC, Origin.REPLAY})


class EntityFlags(NamedTuple):
    """What changes that travel in one bulk have in common."""

    blueprint: str
    merge: bool
    create_missing: bool


@dataclass(slots=True, kw_only=True)
class Change:
    """The upsert or delete of one entity.

    Attributes:
        index: Place of its record in the batch.
        is_delete: Delete instead of upsert.
        origin: Why it was published.
        run_id: Run it belongs to; empty for live ones.
        kind: PagerDuty kind.
        object_id: PagerDuty object it was made of.
        blueprint: Blueprint of the entity.
        identifier: Identifier, or the search query that finds the entity.
        body: What Port is sent: `title`, `icon`, `team` (each only when mapped), `properties`, `relations`.
        merge: Update only what is sent, or make the entity just this.
        create_missing: Let Port create relation targets that are not there.
        delete_dependents: Delete also what is related to it.
        confirmed: An operator has released it from the breaker, and its object was asked for since then.
        unless_updated_since: Aware time of Port's; an entity updated since then is not deleted.
        given: The body before it was made to fit; empty until then.
        judged_by: The blueprint that it was made to fit; None: not yet.
        notes: What of the body was changed or dropped for that.
    """

    index: int
    is_delete: bool
    origin: Origin
    run_id: str = ""
    kind: str = ""
    object_id: str = ""
    blueprint: str
    identifier: str | dict[str, Any]
    body: dict[str, Any] = field(default_factory=dict)
    merge: bool = True
    create_missing: bool = True
    delete_dependents: bool = False
    confirmed: bool = False
    unless_updated_since: datetime | None = None
    given: dict[str, Any] = field(default_factory=dict)
    judged_by: Shape | None = None
    notes: tuple[Note, ...] = ()

    @property
    def is_guarded(self) -> bool:
        """Whether the breaker judges it: a live delete that nobody has confirmed."""
        return self.is_delete and self.origin is Origin.LIVE and not self.confirmed

    @property
    def flags(self) -> EntityFlags:
        """Return what it must have in common with its bulk."""
        return EntityFlags(self.blueprint, self.merge, self.create_missing)

    @property
    def shown_identifier(self) -> str:
        """Return the identifier for people; a search query has none."""
        return self.identifier if isinstance(self.identifier, str) else "(by search)"
