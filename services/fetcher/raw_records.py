"""Builds raw records: a PagerDuty object as it is, with the headers of its listing."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson

from schemas.headers import Origin, RecordHeaders
from schemas.topics import RAW
from shared.log.interface import NewRecord

TYPE = "pagerport.raw"
VALUE_LIMIT_BYTES = RAW.max_message_bytes - 64 * 1024
"""Leaves room for key and headers."""


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
) -> list[NewRecord]:
    """Return a record per row that fits into the topic; the headers of a page differ in id and subject only.

    Args:
        topic: Raw topic of the source.
        rows: Object id and object.
        kind: PagerDuty kind.
        origin: Why they were read.
        run_id: Run that read them; empty for live ones.
        identifier: The installation.
        observed_at: When the request that brought them was sent.
        made_at: Now.
    """
    shared = RecordHeaders(
        id="-",
        source=f"pagerport/{identifier}/fetcher",
        type=TYPE,
        subject="-",
        time=made_at,
        origin=origin,
        kind=kind,
        runid=run_id,
        observedat=observed_at,
    ).encode()
    names = [name for name, _ in shared]
    id_at, subject_at = names.index("ce_id"), names.index("ce_subject")
    unique = f"@{run_id or origin}.{observed_at.timestamp():.6f}"
    records = []
    for object_id, row in rows:
        value = orjson.dumps(row)
        if len(value) > VALUE_LIMIT_BYTES:
            continue
        key = object_id.encode()
        headers: list[tuple[str, bytes | None]] = [*shared]
        headers[id_at] = ("ce_id", f"{kind}/{object_id}{unique}".encode())
        headers[subject_at] = ("ce_subject", key)
        records.append(NewRecord(topic, key, value, tuple(headers)))
    return records
