"""Pages are cut from a selection and put together from rows that are bytes already.

Source: PagerDuty REST API, Pagination.
"""

import base64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import orjson

from simulators.pagerduty.parameters import Value
from simulators.pagerduty.refusals import (
    LOG_ENTRY_OFFSET_TEXT,
    OFFSET_CAP_TEXT,
    bad_arguments,
    invalid_input,
)
from simulators.pagerduty.resource import Paging, Resource

ROW_CAP = 10_000  # Source: PagerDuty REST API, Pagination: offset + limit
RowBytes = Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class Disturbance:
    """What a script does to a page: see `PagerDutyAction`."""

    short_rows: int = 0
    empty: bool = False
    null_echo: bool = False
    shift: int = 0


UNDISTURBED = Disturbance()


def page_body(
    resource: Resource,
    values: Mapping[str, Value],
    keys: tuple[str, ...],
    row: RowBytes,
    disturbance: Disturbance = UNDISTURBED,
) -> bytes:
    """Return the body of a list: the page that the parameters ask for.

    Args:
        resource: The list.
        values: The parameters of the request.
        keys: Every row selected, in order.
        row: Gives a row's bytes.
        disturbance: What the script does to this page.

    Raises:
        RefusedError: 400, limit, offset or cursor ask for what there cannot be.
    """
    if resource.paging is Paging.CLASSIC:
        return _classic_body(resource, values, keys, row, disturbance)
    if resource.paging is Paging.CURSOR:
        return _cursor_body(resource, values, keys, row)
    if resource.paging is Paging.AFTER:
        return _after_body(resource, values, keys, row)
    limit = values.get("limit")
    rows = keys[:limit] if isinstance(limit, int) else keys
    tail = b',"next_cursor":null' if resource.paging is Paging.NONE_WITH_CURSOR else b""
    return _joined(resource.key, (row(key) for key in rows), tail)


def check_paging(resource: Resource, values: Mapping[str, Value]) -> tuple[int, int]:
    """Return limit and offset as the service takes them: a limit over the maximum becomes the maximum.

    Raises:
        RefusedError: 400, the limit is 0, or the rows asked for lie past the first 10 000.
    """
    limit, offset = values.get("limit", resource.default_limit), values.get("offset", 0)
    assert isinstance(limit, int)  # noqa: S101  # the table of parameters reads them as integers
    assert isinstance(offset, int)  # noqa: S101
    if limit == 0:
        raise invalid_input("Limit is invalid.")
    limit = min(limit, resource.max_limit)
    if resource.paging is Paging.CLASSIC and offset + limit > ROW_CAP:
        is_log = resource.kind.endswith("log_entries") and offset > ROW_CAP
        raise bad_arguments(LOG_ENTRY_OFFSET_TEXT if is_log else OFFSET_CAP_TEXT)
    return limit, offset


def _classic_body(
    resource: Resource,
    values: Mapping[str, Value],
    keys: tuple[str, ...],
    row: RowBytes,
    disturbance: Disturbance,
) -> bytes:
    limit, offset = check_paging(resource, values)
    start = max(0, offset + disturbance.shift)
    rows = keys[start : start + limit]
    more = start + limit < len(keys)
    if disturbance.short_rows:
        rows, more = rows[: max(0, len(rows) - disturbance.short_rows)], True
    if disturbance.empty:
        rows, more = (), True
    total = len(keys) if values.get("total") is True else None
    echo = {
        "limit": None if disturbance.null_echo else limit,
        "offset": None if disturbance.null_echo else offset,
        "more": more,
        "total": total,
    }
    return _joined(resource.key, map(row, rows), b"," + orjson.dumps(echo)[1:-1])


def _cursor_body(
    resource: Resource, values: Mapping[str, Value], keys: tuple[str, ...], row: RowBytes
) -> bytes:
    limit, _ = check_paging(resource, values)
    start = _place_after(values.get("cursor"), keys)
    end = start + limit
    following = _cursor(keys[end - 1]) if end < len(keys) else None
    echo = {"limit": limit, "next_cursor": following}
    return _joined(resource.key, map(row, keys[start:end]), b"," + orjson.dumps(echo)[1:-1])


def _after_body(
    resource: Resource, values: Mapping[str, Value], keys: tuple[str, ...], row: RowBytes
) -> bytes:
    """Source: PagerDuty REST API, List alert grouping settings: `after` and `before` both ways."""
    limit, _ = check_paging(resource, values)
    if "after" in values and "before" in values:
        raise invalid_input("after and before cannot be used together.")
    if "before" in values:
        end = _place_after(values["before"], keys) - 1
        start = max(0, end - limit)
    else:
        start = _place_after(values.get("after"), keys)
        end = min(start + limit, len(keys))
    echo = {
        "after": _cursor(keys[end - 1]) if 0 < end < len(keys) else None,
        "before": _cursor(keys[start]) if 0 < start < len(keys) else None,
        "limit": limit,
        "total": len(keys) if values.get("total") is True else None,
    }
    return _joined(resource.key, map(row, keys[start:end]), b"," + orjson.dumps(echo)[1:-1])


def _cursor(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode()


def _place_after(cursor: Value | None, keys: tuple[str, ...]) -> int:
    """Return the place of the row after the one that a cursor names; no cursor is the first place."""
    if cursor is None:
        return 0
    try:
        return keys.index(base64.urlsafe_b64decode(str(cursor)).decode()) + 1
    except ValueError:  # bad base64 and bad UTF-8 are ValueErrors too
        raise invalid_input("Cursor is invalid.") from None


def _joined(key: str, rows: Iterable[bytes], tail: bytes) -> bytes:
    return b'{"' + key.encode() + b'":[' + b",".join(rows) + b"]" + tail + b"}"
