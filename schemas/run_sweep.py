"""Defines what the sweep of a run decided: per blueprint what was deleted, what was kept, and why."""

from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

DELETED_LIMIT = 200
"""Identifiers of deleted entities listed per blueprint; all of them are counted."""
KEPT_LIMIT = 10
"""Those of kept candidates, per blueprint and reason."""


class SweepMode(StrEnum):
    """What the sweep did with what it decided."""

    ON = "on"
    DRY_RUN = "dry_run"
    """Nothing was deleted: `deleted` says what would be."""
    OFF = "off"
    """Nothing was looked at."""


class KeepReason(StrEnum):
    """Why an entity that looks gone was not deleted, or why nobody looked. Bounded: a metric label."""

    RELATED = "related"
    """An entity of this run names it as the target of a relation: it may be a placeholder we had made."""
    UPDATED = "updated"
    """Port has updated it since the run began."""
    STILL_THERE = "still_there"
    """PagerDuty has its object, which was mapped again."""
    UNCLEAR = "unclear"
    """PagerDuty says neither that it has its object nor that it has not."""
    NOT_ASKED = "not_asked"
    """More candidates than PagerDuty is asked about in one run: the next one asks for more."""
    FAILED_OBJECTS = "failed_objects"
    """An object that could make it failed in this run, or was not judged."""
    UNPROVEN = "unproven"
    """Its object cannot be asked for, and the list was not shown to be whole."""
    OVER_THRESHOLD = "over_threshold"
    """More of the blueprint would go than `entityDeletionThreshold` allows."""
    LEFT = "left"
    """The writer has left it: other entities depend on it, or it was updated meanwhile."""
    INCOMPLETE = "incomplete"
    """A list that could name its object was not read completely."""
    WINDOWED = "windowed"
    """Its kind is read for a span of time: what is older is not gone."""
    NOT_VISIBLE = "not_visible"
    """PagerDuty never deletes objects of its kind: one that is not listed is only not visible."""
    PARTIAL = "partial"
    """Not all kinds of the mapping took part in the run."""
    REPLAY = "replay"
    """A replay does not ask PagerDuty: what it does not meet is not gone."""
    UNMAPPED = "unmapped"
    """No entry of the mapping makes it any more: only what a run proposes goes."""
    ANNOTATED = "annotated"
    """The mapping only adds to the blueprint's entities, which are somebody else's."""
    BY_EVENTS = "by_events"
    """A mapping of the webhook format makes it."""
    BY_SEARCH = "by_search"
    """An entry finds its entities by search: which ones it made is not known."""
    NOT_READABLE = "not_readable"
    """Port does not tell which entities are ours."""
    NOT_OURS = "not_ours"
    """Port lists it as ours, and its answer does not show that we wrote it last."""


class Kept(BaseModel):
    """Candidates of a blueprint that were kept for one reason."""

    model_config = ConfigDict(extra="ignore")

    count: int = 0
    identifiers: Annotated[list[str], Field(description="The first ones.")] = Field(default_factory=list)


class BlueprintSweep(BaseModel):
    """What the sweep did to the entities of one blueprint."""

    model_config = ConfigDict(extra="ignore")

    owned: Annotated[
        int, Field(description="Entities in Port that are ours; 0 where nobody had to look.")
    ] = 0
    produced: Annotated[
        int, Field(description="Those of them that the run, or an event meanwhile, made.")
    ] = 0
    proposed: Annotated[
        int, Field(description="Candidates whose object was read and does not make them any more.")
    ] = 0
    absent: Annotated[int, Field(description="Candidates that no object read makes.")] = 0
    absence: Annotated[
        KeepReason | None,
        Field(description="Why absent entities are no candidates in this run; null: they are."),
    ] = None
    confirmed: Annotated[
        int, Field(description="Absent candidates of which PagerDuty said that there is no such object.")
    ] = 0
    deleted: Annotated[int, Field(description="Entities deleted; in a dry run: that would be.")] = 0
    deleted_identifiers: Annotated[list[str], Field(description="The first ones.")] = Field(
        default_factory=list
    )
    kept: dict[KeepReason, Kept] = Field(default_factory=dict)
    judged: Annotated[
        int,
        Field(
            description="Where it is over the threshold: entities whose share that limits, ours and older "
            "than the run or, once the blueprint was held, than the first run that held it."
        ),
    ] = 0
    going: Annotated[
        int, Field(description="Those of them that would go, or of which PagerDuty said nothing clear.")
    ] = 0
    over_threshold: Annotated[
        bool, Field(description="So many would go that none does; the run is not green.")
    ] = False
    held_since: Annotated[
        AwareDatetime | None,
        Field(
            description="When the first of the runs began, in Port's time, that have held the blueprint as "
            "over the threshold one after another, this one included; null: this one does not hold it."
        ),
    ] = None


class RunSweep(BaseModel):
    """What the sweep of a run decided."""

    model_config = ConfigDict(extra="ignore")

    mode: SweepMode = SweepMode.ON
    since: Annotated[
        AwareDatetime | None,
        Field(description="When the run began in Port's time: what was updated since then stays."),
    ] = None
    threshold: Annotated[float, Field(description="Share of a blueprint that may go in one run.")] = 1.0
    asked: Annotated[int, Field(description="Objects that PagerDuty was asked for before a delete.")] = 0
    reason: Annotated[str, Field(description="Why nothing was deleted at all; empty: it was judged.")] = ""
    blueprints: dict[str, BlueprintSweep] = Field(default_factory=dict)

    @property
    def over_threshold(self) -> list[str]:
        """Return the blueprints of which too much would have gone."""
        return [name for name, one in self.blueprints.items() if one.over_threshold]

    @property
    def is_done(self) -> bool:
        """Return whether everything was judged, and what was to go could go."""
        return not self.reason and not self.over_threshold

    @property
    def deleted(self) -> int:
        """Return how many entities were deleted, or in a dry run would have been."""
        return sum(one.deleted for one in self.blueprints.values())
