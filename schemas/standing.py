"""Defines how the active fetcher says it stands: value of `standing/<identifier>` in `pagerport.mapping`."""

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from schemas.versions import SCHEMA_VERSION


class Standing(BaseModel):
    """What keeps the installation from being all well, in words; empty texts: nothing does."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_version: int = SCHEMA_VERSION
    written_at: AwareDatetime
    mapping: Annotated[
        str, Field(description="Why the user's mapping is refused; the last good one stays in force.")
    ] = ""
    mapping_waits: Annotated[str, Field(description="What a new mapping waits for.")] = ""
    runs: Annotated[str, Field(description="Why no run goes on.")] = ""
    events: Annotated[str, Field(description="What live changes wait for.")] = ""
    subscription: Annotated[str, Field(description="What is wrong with the webhook subscription.")] = ""
    integration: Annotated[
        str, Field(description="What cannot be done with the integration object in Port.")
    ] = ""
