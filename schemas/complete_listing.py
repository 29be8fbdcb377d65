"""Defines the last complete listing of a source: value of `complete/<raw topic>` in `pagerport.mapping`."""

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from schemas.versions import SCHEMA_VERSION


class CompleteListing(BaseModel):
    """A listing that read everything: from its start on the raw topic holds every object there was."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_version: int = SCHEMA_VERSION
    topic: Annotated[str, Field(min_length=1, description="Raw topic, without the installation's prefix.")]
    kind: Annotated[str, Field(min_length=1, description="PagerDuty kind, e.g. `escalation_policies`.")]
    fetch: Annotated[
        str, Field(description="Digest of what was fetched: query, window, enrichment. Another one: resync.")
    ]
    is_windowed: Annotated[
        bool, Field(description="It left older objects out, so that a replay begins at the log's start.")
    ] = False
    run_id: str
    started_at: AwareDatetime
    ended_at: AwareDatetime
    objects: Annotated[int, Field(ge=0, description="Distinct objects read and published.")] = 0
    starts: Annotated[
        dict[int, int], Field(description="Partition to its end offset when the listing began.")
    ]
