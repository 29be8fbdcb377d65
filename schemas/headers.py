"""Defines the headers of every record: CloudEvents 1.0 attributes in Kafka's binary content mode."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from schemas.versions import SCHEMA_VERSION

PREFIX: Final = "ce_"
TRACEPARENT: Final = PREFIX + "traceparent"
HeaderPair = tuple[str, bytes | None]


class Operation(StrEnum):
    """What happened to the object or entity of a record."""

    UPSERT = "upsert"
    DELETE = "delete"


class Origin(StrEnum):
    """Why a record was published."""

    LIVE = "live"
    RESYNC = "resync"
    REPLAY = "replay"
    SWEEP = "sweep"


class RecordHeaders(BaseModel):
    """The CloudEvents attributes and pagerport's extension attributes of one record.

    On the wire each attribute is one header `ce_<name>` with UTF-8 text, lists are comma-separated, and
    `content-type` is `application/json`. Unknown headers are ignored.
    Source: CloudEvents 1.0, Kafka protocol binding, binary content mode.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Annotated[str, Field(min_length=1, description="Unique within `source`.")]
    source: Annotated[str, Field(min_length=1, description="`pagerport/<identifier>/<service>`.")]
    type: Annotated[str, Field(min_length=1, description="`pagerport.raw`, `pagerport.entity`, …")]
    subject: Annotated[str, Field(description="Object id, or `<blueprint>/<identifier>` of an entity.")] = ""
    specversion: Annotated[str, Field(description="CloudEvents version.")] = "1.0"
    time: Annotated[AwareDatetime, Field(description="When the record was made.")]
    schemaversion: Annotated[int, Field(ge=1, description="Schema version of the value.")] = SCHEMA_VERSION
    operation: Operation = Operation.UPSERT
    origin: Origin
    kind: Annotated[
        str, Field(description="PagerDuty kind, e.g. `incidents`; empty where there is none.")
    ] = ""
    runid: Annotated[str, Field(description="Run that published the record; empty for live ones.")] = ""
    observedat: Annotated[
        AwareDatetime | None, Field(description="When the request to PagerDuty was sent, not answered.")
    ] = None
    omitted: Annotated[
        tuple[str, ...], Field(description="Enrichment keys that could not be had this time.")
    ] = ()
    confirmed: Annotated[
        bool,
        Field(
            description="An operator has released a delete that was held, and the object was asked for since "
            "then: a delete that comes of it passes the breaker. Only `true` travels."
        ),
    ] = False

    traceparent: Annotated[
        str,
        Field(
            description="W3C trace context of the webhook that it comes of; empty: it is not traced. "
            "Source: CloudEvents, Distributed Tracing extension."
        ),
    ] = ""

    def encode(self) -> tuple[tuple[str, bytes], ...]:
        """Return the headers as they travel, in a stable order."""
        pairs: list[tuple[str, bytes]] = [_CONTENT_TYPE]
        for name, value in self:
            text = value if type(value) is str else _as_text(value)
            if text:
                pairs.append((_NAMES[name], text.encode()))
        return tuple(pairs)

    @classmethod
    def decode(cls, pairs: Iterable[HeaderPair]) -> "RecordHeaders":
        """Read headers as they arrive.

        Args:
            pairs: Header pairs in their order; of a repeated name the last one counts.

        Raises:
            ValueError: An attribute is missing, null, not UTF-8 or not of its type. The caller sends the
                record to the dead-letter topic.
        """
        found: dict[str, str | tuple[str, ...]] = {}
        for name, value in pairs:
            if not name.startswith(PREFIX):
                continue
            if value is None:
                raise ValueError(f"header {name!r} is null")
            attribute = name.removeprefix(PREFIX)
            text = value.decode("utf-8")
            if name == TRACEPARENT and not _TRACEPARENT.fullmatch(text):
                # Nothing that matters to the record: it is read as one that is not traced.
                continue
            found[attribute] = (
                tuple(part for part in text.split(",") if part) if attribute == "omitted" else text
            )
        return cls.model_validate(found)


_TRACEPARENT: Final = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
"""Source: W3C Trace Context, version 00."""
_CONTENT_TYPE: Final = ("content-type", b"application/json")
_NAMES: Final = {name: PREFIX + name for name in RecordHeaders.model_fields}


def _as_text(value: object) -> str:
    """Return a value as a header has it; empty: the header is left out."""
    if value is None or value is False:
        return ""
    if value is True:
        return "true"
    if isinstance(value, datetime):
        return _instant_text(value)
    return ",".join(value) if isinstance(value, tuple) else str(value)


@lru_cache(maxsize=256)
def _instant_text(at: datetime) -> str:
    # The records of a page share the moment of their request.
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class HeaderStamp:
    """Makes the headers of many records that differ in id and subject only.

    Args:
        pattern: What they share; it has a subject.
    """

    def __init__(self, pattern: RecordHeaders) -> None:
        self._pairs = list(pattern.encode())
        names = [name for name, _ in self._pairs]
        self._id_at = names.index(_NAMES["id"])
        self._subject_at = names.index(_NAMES["subject"])

    def headers(self, record_id: str, subject: str) -> tuple[tuple[str, bytes], ...]:
        """Return the headers of one record, as `RecordHeaders.encode` would."""
        pairs = self._pairs.copy()
        pairs[self._id_at] = (_NAMES["id"], record_id.encode())
        pairs[self._subject_at] = (_NAMES["subject"], subject.encode())
        return tuple(pairs)
