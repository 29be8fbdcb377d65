"""Defines the request to ask PagerDuty for one object again, which travels in `pagerduty.webhooks`."""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from schemas.versions import SCHEMA_VERSION

REFRESH_TYPE: Final = "pagerport.refresh"
"""The `type` in the headers of such a record; a webhook event's is `pagerport.webhook`."""


class RefreshCause(StrEnum):
    """Why the object is asked for."""

    ASKED = "asked"
    """`pagerport refresh`."""
    REDRIVE = "redrive"
    """`pagerport dlq redrive`."""
    HEAL = "heal"
    """A blueprint or relation target was missing; it may be there now."""
    RELEASE = "release"
    """A delete was held by the breaker: one that is confirmed passes."""


class RefreshRequest(BaseModel):
    """Asks for one object; keyed by `<kind>/<object id>`, so that it waits behind the object's own events."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_version: int = SCHEMA_VERSION
    kind: Annotated[str, Field(min_length=1, description="PagerDuty kind, e.g. `incidents`.")]
    object_id: Annotated[str, Field(min_length=1)]
    cause: RefreshCause = RefreshCause.ASKED
    letters: Annotated[
        tuple[str, ...],
        Field(
            description="Addresses of the dead letters (`<dlq topic>/<partition>/<offset of the letter>`) to "
            "close once the object is published."
        ),
    ] = ()
