"""Reads one page of a list, whatever its paging style."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.kind_model import ROW_CAP, Kind, Paging

Query = tuple[tuple[str, str], ...]
_CURSORS = {Paging.CURSOR: "next_cursor", Paging.BEFORE_AFTER: "after"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What one answer of a list holds.

    Attributes:
        rows: Foreign JSON, in order.
        more: Whether PagerDuty says that there is more.
        total: Rows of the whole list, where PagerDuty was asked and says it.
        cursor: What asks for the next page in the cursor styles; None: this is the last one.
        past_cap: The answer was that paging goes no further.
    """

    rows: Sequence[Any]
    more: bool = False
    total: int | None = None
    cursor: str | None = None
    past_cap: bool = False


def read_page(kind: Kind, body: Mapping[str, Any]) -> Page:
    """Read an answer.

    The echoes of `limit` and `offset` are not looked at: they have been null (PagerDuty/pdpyras, issue 61).

    Raises:
        ValueError: There are no rows under the kind's key, or a cursor of another shape.
    """
    if kind.wrapper not in body:
        raise ValueError(
            f"the answer has no {kind.wrapper!r}; it has {', '.join(sorted(body)[:8]) or 'nothing'}"
        )
    rows = body[kind.wrapper]
    if not isinstance(rows, list):
        found = "null" if rows is None else f"a {type(rows).__name__}"
        raise ValueError(f"{kind.wrapper!r} in the answer is {found}, no list")  # noqa: TRY004 - foreign JSON
    total = body.get("total")
    return Page(
        rows=rows,
        more=_says_more(kind, body.get("more"), len(rows)),
        total=total if isinstance(total, int) and not isinstance(total, bool) else None,
        cursor=_read_cursor(kind, body),
    )


def _says_more(kind: Kind, more: object, rows: int) -> bool:
    """Return whether there is more; a full page of a list that does not say may have another behind it.

    One with more rows than were asked for is no page: that is the whole list.
    """
    if more is None and kind.paging is Paging.CLASSIC:
        return rows == (kind.page_limit or ROW_CAP)
    return more is True


def _read_cursor(kind: Kind, body: Mapping[str, Any]) -> str | None:
    """Return the cursor of the next page; None: there is none.

    Raises:
        ValueError: It is neither text nor null, so that nobody knows where the list goes on.
    """
    if kind.paging not in _CURSORS:
        return None
    name = _CURSORS[kind.paging]
    cursor = body.get(name)
    if cursor is not None and not isinstance(cursor, str):
        raise ValueError(f"{name!r} in the answer is a {type(cursor).__name__}, no text")
    return cursor or None


def classic_query(kind: Kind, offset: int, *, count: bool) -> Query:
    """Return the paging pairs of a classic page. The limit stays what it is, unless the cap cuts it.

    Args:
        kind: The kind.
        offset: First row, below `ROW_CAP`.
        count: Also ask for the total.
    """
    limit = min(kind.page_limit or ROW_CAP, ROW_CAP - offset)
    total = (("total", "true"),) if count and kind.counts else ()
    return (("limit", str(limit)), ("offset", str(offset)), *total)


def cursor_query(kind: Kind, cursor: str | None) -> Query:
    """Return the paging pairs of a page in the cursor styles; no cursor is the first page."""
    limit = (("limit", str(kind.page_limit)),) if kind.page_limit else ()
    if cursor is None:
        return limit
    return (*limit, ("cursor" if kind.paging is Paging.CURSOR else "after", cursor))
