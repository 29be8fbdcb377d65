"""Says what a script can do to a request beyond what every simulator's script can."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from simulators.control import Action


class FailedItem(BaseModel):
    """An item of a bulk that is not stored, with the entry that it gets in `errors`."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    index: int = Field(ge=0)
    status_code: int = Field(default=422, alias="statusCode", ge=400, le=599)
    error: str = "invalid_request"
    message: str = "failed by the script"


class RateLimited(BaseModel):
    """A 429, and how it tells the seconds to wait.

    `seconds` and `epoch` are the two forms of `x-ratelimit-reset`, `retry-after` and `http-date` those of
    Retry-After.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    wait_s: int = Field(ge=0)
    header: Literal["seconds", "epoch", "retry-after", "http-date"] = "seconds"


class PortAction(Action):
    """What happens to a matched request.

    Attributes:
        expire_token: The active token ends before the request is looked at, which is then answered 401.
        reject_identifier: The entity of that identifier is refused with 422, the others of the bulk are
            stored.
        fail_item: One item of a bulk fails as told, the others are stored.
        omit_index: One item of a bulk is not stored and is in neither list of the answer.
        rate_limited: The request is answered 429 and not looked at.
        drop_after_store: The request does what it does, then the connection is reset within the answer.
    """

    expire_token: bool = False
    reject_identifier: str | None = None
    fail_item: FailedItem | None = None
    omit_index: int | None = Field(default=None, ge=0)
    rate_limited: RateLimited | None = None
    drop_after_store: bool = False

    @model_validator(mode="before")
    @classmethod
    def _drop_after_store_is_a_drop(cls, value: Any) -> Any:  # noqa: ANN401 - whatever the JSON holds
        if isinstance(value, dict) and value.get("drop_after_store") is True:
            return {"drop": "mid_body", **value}
        return value
