"""Defines the commands that operators give the installation, the value of `pagerport.commands`."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from schemas.versions import SCHEMA_VERSION


class CommandType(StrEnum):
    """What is asked for."""

    RESYNC = "resync"
    REPLAY = "replay"
    STOP = "stop"
    """End the run in hand."""
    RELEASE = "release"
    """Let the deletes that the breaker holds be confirmed one by one, and carried out where they are due."""


class Command(BaseModel):
    """One command. Its id is the record key; its outcome is a run in `pagerport.runs`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_version: int = SCHEMA_VERSION
    type: CommandType
    kinds: Annotated[
        tuple[str, ...], Field(description="Of a resync: only these kinds; empty: all of the mapping.")
    ] = ()
    blueprint: Annotated[str, Field(description="Of a release: only this blueprint; empty: all.")] = ""
    asked_by: Annotated[str, Field(description="`command line`, `schedule`, `Port`, `subscription`.")] = ""
