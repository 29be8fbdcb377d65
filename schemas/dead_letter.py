"""Defines a dead letter: the original record untouched, with reason and place in headers."""

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from schemas.outcome import Reason

PREFIX = "dlq_"
DETAIL_LIMIT_CHARS = 500


class LetterFailure(BaseModel):
    """One thing that went wrong with the record."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    reason: Reason
    detail: Annotated[str, Field(description="What, where and why; never a token, never a whole body.")] = ""
    entry: Annotated[int | None, Field(description="Index of the entry in `resources`, from 0.")] = None
    blueprint: str = ""
    identifier: str = ""


class DeadLetter(BaseModel):
    """What the headers of a record in `dlq.<topic>` say, beside the original headers.

    The record's key is `<partition>/<offset>` of the original, followed by `/<reader>` where it names one;
    its value is the original value. A letter is closed by a record of the same key with null value and the
    header `resolution`.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    topic: str
    partition: int
    offset: int
    stage: Annotated[str, Field(description="`fetcher`, `mapper` or `writer`.")]
    failures: Annotated[tuple[LetterFailure, ...], Field(min_length=1)]
    reader: Annotated[
        str,
        Field(
            pattern="^[a-z-]*$",
            description="Who could not handle it, where several read the topic for themselves and each has a "
            "letter of its own: `event-mapper`; empty: the one whose topic it is.",
        ),
    ] = ""
    kind: str = ""
    object_id: str = ""
    run_id: str = ""
    failed_at: AwareDatetime
    original_key: Annotated[str, Field(description="The original key, base64.")] = ""

    def key(self) -> bytes:
        """Return the record key in the dead-letter topic."""
        reader = f"/{self.reader}" if self.reader else ""
        return f"{self.partition}/{self.offset}{reader}".encode()
