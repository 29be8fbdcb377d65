"""Defines the plan of a dry run: what a sync would do to each blueprint's entities."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class PlannedValue(BaseModel):
    """One value that would change, as shortened JSON; empty where there is none."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    path: Annotated[str, Field(description="`properties.url`, `relations.service`, `title`.")]
    old: str = ""
    new: str = ""


class PlannedUpdate(BaseModel):
    """An entity that would be updated, for example."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    identifier: str
    kind: str = ""
    object_id: Annotated[str, Field(description="PagerDuty object that it would be updated from.")] = ""
    values: tuple[PlannedValue, ...] = ()


class BlueprintPlan(BaseModel):
    """What a sync would do to the entities of one blueprint; each entity counts once."""

    model_config = ConfigDict(extra="ignore")

    created: int = 0
    updated: int = 0
    unchanged: Annotated[int, Field(description="Entities that Port holds as they would be sent.")] = 0
    deleted: int = 0
    unknown: Annotated[
        int,
        Field(
            description="Entities that would be sent without knowing what changes: a search query names "
            "them, or Port did not let us look."
        ),
    ] = 0
    properties: Annotated[
        dict[str, int],
        Field(description="Path to the number of entities, of those updated, in which it would change."),
    ] = Field(default_factory=dict)
    created_examples: list[str] = Field(default_factory=list)
    updated_examples: list[PlannedUpdate] = Field(default_factory=list)


class RunPlan(BaseModel):
    """What a dry run found that a sync would do."""

    model_config = ConfigDict(extra="ignore")

    created_blueprints: list[str] = Field(default_factory=list)
    blueprints: Annotated[dict[str, BlueprintPlan], Field(description="By blueprint.")] = Field(
        default_factory=dict
    )
