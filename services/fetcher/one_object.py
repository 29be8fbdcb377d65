"""Asks PagerDuty for one object as the listing of its source would have brought it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote

from services.fetcher.pages import Page, Query, classic_query, cursor_query, read_page
from shared.kind_model import ROW_CAP, Kind, Paging
from shared.kinds import kind_named
from shared.local_filters import LOCAL_PARAMETERS
from shared.pagerduty.client import PagerDutyClient
from shared.pagerduty.interface import Answer
from shared.pagerduty.verdicts import Verdict
from shared.sources import Source

INCLUDE: Final = "include[]"
PAGES_SEARCHED: Final = 10
"""Pages of a filtered list that are searched for one object; further ones are left to the next listing."""
_LOOKS: Final = frozenset(
    {
        INCLUDE,
        "sort_by",
        "time_zone",
        "since",
        "until",
        "include_next_oncall_for_user",
        "is_overview",
        "additional_fields[]",
    }
)
"""Parameters that leave no object out: bounds that cut a list by time are no part of a source's query."""
_LEAVES_NONE_OUT: Final = frozenset({("filter", "all")})
_BY_NAME: Final = "name"
"""Of services: the whole name. Source: PagerDuty REST API, List services."""


class Presence(Enum):
    """What PagerDuty says of an object."""

    THERE = "there"
    ABSENT = "absent"
    """404."""
    OUTSIDE = "outside"
    """It is there, and the source's listing would not bring it, or nobody can tell whether it would."""
    DENIED = "denied"
    """Role, scope or plan do not give it."""
    REFUSED = "refused"
    """Asking again will not mend it, or the answer is no such object."""
    GIVEN_UP = "given_up"
    """Failed again and again while PagerDuty answered others."""
    UNASKABLE = "unaskable"
    """PagerDuty has no GET of one object of this kind."""


_PRESENCES: Final[Mapping[Verdict, Presence]] = MappingProxyType(
    {
        Verdict.NOT_FOUND: Presence.ABSENT,
        Verdict.DENIED: Presence.DENIED,
        Verdict.QUOTA_SPENT: Presence.DENIED,
        Verdict.GIVEN_UP: Presence.GIVEN_UP,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What became of asking for one object.

    Attributes:
        presence: See `Presence`.
        asked_at: When the request that was answered was sent; None: there was none.
        row: The object, where it is there.
        detail: What went wrong, in one line.
    """

    presence: Presence
    asked_at: datetime | None = None
    row: dict[str, Any] = field(default_factory=dict)
    detail: str = ""


def single_query(source: Source) -> Query:
    """Return what of a source's query the GET of one object takes: its includes, above all."""
    kind = kind_named(source.kind)
    return tuple(
        (name, value)
        for name, value in source.query
        if (name == INCLUDE and value in kind.single_includes) or name in kind.single_parameters
    )


async def ask_for_object(client: PagerDutyClient, kind_name: str, object_id: str, query: Query) -> Found:
    """Ask for one object.

    Args:
        client: Asks PagerDuty.
        kind_name: Its kind.
        object_id: Key of the object.
        query: See `single_query`.

    Raises:
        FatalError: PagerDuty refuses the token, or gives nothing at all.
    """
    kind = kind_named(kind_name)
    if kind.single is None:
        detail = f"PagerDuty has no GET of one of its {kind.name}; the next resync brings it"
        return Found(presence=Presence.UNASKABLE, detail=detail)
    path = f"{kind.path}/{quote(object_id, safe='')}"
    answer = await client.get(path, query, kind.headers, scope=f"{kind.path}/{{id}}")
    if answer.verdict is not Verdict.OK:
        presence = _PRESENCES.get(answer.verdict, Presence.REFUSED)
        return Found(presence=presence, asked_at=answer.sent_at, detail=answer.detail)
    row = answer.body.get(kind.single) if kind.single else dict(answer.body)
    if not isinstance(row, dict) or kind.identify(row) != object_id:
        detail = f"GET {path}: the answer does not hold this object"
        return Found(presence=Presence.REFUSED, asked_at=answer.sent_at, detail=detail)
    return Found(presence=Presence.THERE, asked_at=answer.sent_at, row=row)


def asks_only_pagerduty(source: Source) -> Query:
    """Return those filters of a source that only PagerDuty can judge; the mapper judges all others."""
    local = LOCAL_PARAMETERS.get(source.kind, frozenset())
    return tuple(
        pair
        for pair in source.query
        if pair[0] not in _LOOKS and pair not in _LEAVES_NONE_OUT and pair[0].removesuffix("[]") not in local
    )


async def would_list(client: PagerDutyClient, source: Source, found: Found) -> Found:
    """Return what becomes of an object that is there when the listing of a source is asked for it, too.

    Args:
        client: Asks PagerDuty.
        source: The source.
        found: The object.

    Returns:
        The same where the listing would bring it; else OUTSIDE, or GIVEN_UP.

    Raises:
        FatalError: PagerDuty refuses the token, or gives nothing at all.
    """
    filters, row = asks_only_pagerduty(source), found.row
    if not filters:
        return found
    kind = kind_named(source.kind)
    object_id, outside = kind.identify(row), replace(found, presence=Presence.OUTSIDE)
    if kind.name == "services" and _BY_NAME not in dict(filters) and isinstance(row.get(_BY_NAME), str):
        filters = (*filters, (_BY_NAME, row[_BY_NAME]))
    offset, cursor = 0, None
    for _ in range(PAGES_SEARCHED):
        answer = await client.get(kind.path, (*filters, *_paging(kind, offset, cursor)), kind.headers)
        if answer.verdict is Verdict.GIVEN_UP:
            return replace(found, presence=Presence.GIVEN_UP, detail=answer.detail)
        page = _page_of(kind, answer)
        if page is None:
            return outside
        if any(kind.identify(one) == object_id for one in page.rows):
            return found
        offset, cursor = offset + len(page.rows), page.cursor
        if not page.rows or not (page.more or cursor) or offset >= ROW_CAP:
            return outside
    return outside


def _paging(kind: Kind, offset: int, cursor: str | None) -> Query:
    match kind.paging:
        case Paging.CLASSIC:
            return classic_query(kind, offset, count=False)
        case Paging.CURSOR | Paging.BEFORE_AFTER:
            return cursor_query(kind, cursor)
        case Paging.NONE:
            return ()


def _page_of(kind: Kind, answer: Answer) -> Page | None:
    if answer.verdict is not Verdict.OK:
        return None
    try:
        return read_page(kind, answer.body)
    except ValueError:
        return None


def keys_of(sources: Sequence[Source], object_id: str) -> tuple[tuple[str, bytes], ...]:
    """Return topic and record key of an object in each of its sources."""
    return tuple((source.topic, object_id.encode()) for source in sources)
