"""Builds raw records: a PagerDuty object as it is, with the headers of its listing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from schemas.headers import PREFIX, HeaderStamp, Operation, Origin, RecordHeaders
from schemas.outcome import Reason
from schemas.topics import RAW
from shared.lenient_json import json_bytes
from shared.log.interface import NewRecord

TYPE = "pagerport.raw"
VALUE_LIMIT_BYTES = RAW.max_message_bytes - 64 * 1024
"""Leaves room for key and headers."""
NOTHING_OMITTED: Mapping[str, tuple[str, ...]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Unpublished:
    """An object that no record can hold."""

    object_id: str
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class RawRecords:
    """What became of the objects of a page."""

    records: list[NewRecord] = field(default_factory=list)
    unpublished: list[Unpublished] = field(default_factory=list)


def build_raw_records(
    topic: str,
    rows: Sequence[tuple[str, Any]],
    *,
    kind: str,
    origin: Origin,
    run_id: str,
    identifier: str,
    observed_at: datetime,
    made_at: datetime,
    omitted: Mapping[str, tuple[str, ...]] = NOTHING_OMITTED,
    operation: Operation = Operation.UPSERT,
    confirmed: bool = False,
    traceparent: str = "",
) -> RawRecords:
    """Return a record per row that can be one; the headers of a page differ in id and subject only.

    Args:
        topic: Raw topic of the source.
        rows: Object id and object.
        kind: PagerDuty kind.
        origin: Why they were read.
        run_id: Run that read them; empty for live ones.
        identifier: The installation.
        observed_at: When the request that brought them was sent.
        made_at: Now.
        omitted: Id of those objects that lack enrichment keys to these keys.
        operation: Delete: the objects are gone, the rows are the best that is known of them.
        confirmed: Whether an operator has released what comes of it: see `RecordHeaders`.
        traceparent: Of the webhook that it comes of: see `RecordHeaders`.
    """
    stamp = HeaderStamp(
        RecordHeaders(
            id="-",
            source=f"pagerport/{identifier}/fetcher",
            type=TYPE,
            subject="-",
            time=made_at,
            origin=origin,
            kind=kind,
            runid=run_id,
            observedat=observed_at,
            operation=operation,
            confirmed=confirmed,
            traceparent=traceparent,
        )
    )
    unique = f"@{run_id or origin}.{observed_at.timestamp():.6f}"
    built = RawRecords()
    for object_id, row in rows:
        try:
            value = json_bytes(row)
        except ValueError as error:
            detail = f"the object cannot be written as JSON: {error}"
            built.unpublished.append(Unpublished(object_id, Reason.UNREADABLE, detail))
            continue
        if len(value) > VALUE_LIMIT_BYTES:
            detail = f"the object has {len(value)} bytes, a record takes {VALUE_LIMIT_BYTES}"
            built.unpublished.append(Unpublished(object_id, Reason.TOO_LARGE, detail))
            continue
        headers = stamp.headers(f"{kind}/{object_id}{unique}", object_id)
        if object_id in omitted:
            headers = (*headers, (PREFIX + "omitted", ",".join(omitted[object_id]).encode()))
        built.records.append(NewRecord(topic, object_id.encode(), value, headers))
    return built
