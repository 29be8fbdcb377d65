"""Makes the record of an event out of the request that brought it."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from schemas.headers import Origin, RecordHeaders
from schemas.topics import WEBHOOKS
from schemas.webhook_event import HEADER_PREFIX, ID_LIMIT_CHARS, QUERY_HEADER, WEBHOOK_TYPE
from services.webhook_gateway.judgement import Judgement
from services.webhook_gateway.signature import SIGNATURE_HEADER
from shared.log.interface import NewRecord
from shared.webhook_token import NAME_PREFIX

WEBHOOK_ID: Final = b"x-webhook-id"
"""The same on every attempt to deliver one event. Source: PagerDuty Webhooks V3, Behavior."""
_PROOFS: Final = frozenset({SIGNATURE_HEADER, b"authorization", b"proxy-authorization", b"cookie"})
_TOKENS: Final = NAME_PREFIX.lower().encode()


def webhook_record(
    judgement: Judgement,
    body: bytes,
    *,
    headers: Iterable[tuple[bytes, bytes]],
    query: bytes,
    source: str,
    received_at: datetime,
    traceparent: str = "",
) -> NewRecord:
    """Return the record: the body verbatim, and beside CloudEvents attributes the request around it.

    Args:
        judgement: What the body is.
        body: As it came, byte for byte.
        headers: Of the request, names in lower case; what proves the sender is left out.
        query: Query string as it stood in the address.
        source: `pagerport/<identifier>/gateway`.
        received_at: When the request came.
        traceparent: See `RecordHeaders`.
    """
    kept = []
    webhook_id = ""
    for name, value in headers:
        if name in _PROOFS or name.startswith(_TOKENS):
            continue
        if name == WEBHOOK_ID:
            webhook_id = _identity(value.decode("latin-1"))
        kept.append((HEADER_PREFIX + name.decode("latin-1"), value))
    if query:
        kept.append((QUERY_HEADER, query))
    record_id = webhook_id or _identity(judgement.event_id) or hashlib.sha256(body).hexdigest()[:32]
    attributes = RecordHeaders(
        id=record_id,
        source=source,
        type=WEBHOOK_TYPE,
        subject=judgement.object_id,
        time=received_at,
        origin=Origin.LIVE,
        kind=judgement.kind,
        traceparent=traceparent,
    )
    return NewRecord(
        WEBHOOKS.name, judgement.key(record_id).encode(), body, headers=(*attributes.encode(), *kept)
    )


def _identity(text: str) -> str:
    """Return the text if it can be an id; empty: it cannot."""
    fits = len(text) <= ID_LIMIT_CHARS and text.isascii() and text.isprintable()
    return text if fits else ""
