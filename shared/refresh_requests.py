"""Makes the requests that have PagerDuty asked for single objects again."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from schemas.headers import Origin, RecordHeaders
from schemas.outcome import Reason
from schemas.refresh_request import REFRESH_TYPE, RefreshCause, RefreshRequest
from schemas.topics import WEBHOOKS
from shared.kept_letters import KeptLetter, why_not_refreshed
from shared.log.interface import NewRecord

LETTERS_PER_REQUEST: Final = 1000
"""Letters of one object that one request closes: some 50 KB of addresses."""


def refresh_record(request: RefreshRequest, *, identifier: str, made_at: datetime) -> NewRecord:
    """Return the record of a request, keyed like the events of its object.

    Args:
        request: What is asked for.
        identifier: The installation.
        made_at: Aware UTC.
    """
    subject = f"{request.kind}/{request.object_id}"
    headers = RecordHeaders(
        id=f"{request.cause}/{subject}@{made_at.isoformat()}",
        source=f"pagerport/{identifier}/refresh",
        type=REFRESH_TYPE,
        subject=subject,
        time=made_at,
        origin=Origin.LIVE,
        kind=request.kind,
    )
    return NewRecord(WEBHOOKS.name, subject.encode(), request.model_dump_json().encode(), headers.encode())


def requests_of(letters: Iterable[KeptLetter], cause: RefreshCause) -> list[RefreshRequest]:
    """Return a request for each object of letters that can be asked for, in the order of the letters."""
    behind: dict[tuple[str, str], list[str]] = {}
    for one in letters:
        if one.letter is not None and not why_not_refreshed(one):
            behind.setdefault((one.letter.kind, one.letter.object_id), []).append(one.address)
    return [
        RefreshRequest(kind=kind, object_id=object_id, cause=cause, letters=part)
        for (kind, object_id), addresses in behind.items()
        for part in _parts(addresses)
    ]


def held_deletes(letters: Iterable[KeptLetter], blueprint: str = "") -> list[KeptLetter]:
    """Return the open letters of deletes that the breaker holds.

    Args:
        letters: Any.
        blueprint: Only of this one; empty: of all.
    """
    return [
        one
        for one in letters
        if one.is_open and Reason.DELETE_HELD in one.reasons and (not blueprint or one.is_about(blueprint))
    ]


def release_requests(
    letters: Iterable[KeptLetter], *, blueprint: str = "", identifier: str, made_at: datetime
) -> list[NewRecord]:
    """Return what the fetcher appends for a release: a request for each object whose delete is held.

    Whoever carries such a request out marks what it publishes as confirmed, so that a delete that comes of
    it passes the breaker.

    Args:
        letters: Of the log, as `read_letters` gives them.
        blueprint: Only deletes of this one; empty: of all.
        identifier: The installation.
        made_at: Aware UTC.
    """
    requests = requests_of(held_deletes(letters, blueprint), RefreshCause.RELEASE)
    return [refresh_record(one, identifier=identifier, made_at=made_at) for one in requests]


def _parts(addresses: Sequence[str]) -> list[tuple[str, ...]]:
    size = LETTERS_PER_REQUEST
    return [tuple(addresses[at : at + size]) for at in range(0, len(addresses), size)]
