"""Defines what is said of a kind: where its list is, how it goes on, what it takes, how a row is named."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from pydantic import JsonValue

PAGE_LIMIT = 100
"""Rows asked for per page. Source: PagerDuty REST API, Pagination (default 25, at most 100)."""
ROW_CAP = 10_000
"""`offset + limit` may not exceed this in classic pagination. Source: PagerDuty REST API, Pagination."""


class Paging(StrEnum):
    """How a list goes on after its first page. Source: PagerDuty REST API, Pagination."""

    CLASSIC = "classic"
    """`limit` and `offset`; the answer has `more`, and `total` when asked for."""
    CURSOR = "cursor"
    """`cursor`; the answer has `next_cursor`, null at the end."""
    BEFORE_AFTER = "before_after"
    """`after`; the answer has `after`, null at the end."""
    NONE = "none"
    """One answer holds all."""


class Form(StrEnum):
    """What the value of a query parameter looks like."""

    TEXT = "text"
    LIST = "list"
    """Goes out as `name[]=a&name[]=b`. Source: PagerDuty REST API, Filtering."""
    BOOLEAN = "boolean"
    """Goes out in lower case."""
    INSTANT = "instant"
    """ISO 8601; goes out in UTC with `Z`, since PagerDuty reads a time without zone in the account's zone."""
    MONTHS = "months"
    """An instant, or a number of months of 30 days before (`since`) or after (`until`) now."""


@dataclass(frozen=True, slots=True)
class TimeFilter:
    """Bounds `since` and `until` that cut a list into windows.

    Attributes:
        default_days: How far back is read when the mapping gives no `since`.
        max_days: Longest window PagerDuty accepts in one request.
    """

    default_days: int
    max_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One listable resource.

    Attributes:
        name: The path without its leading slash: what a mapping writes as `kind`.
        wrapper: Key of the rows in the answer.
        paging: How the list goes on.
        identify: Gives the id of a row; None: it has none.
        single: Wrapper key of `GET <path>/{id}`, empty where there is no wrapper; None: no such GET.
        page_limit: Value of `limit`; None: the list does not take it.
        counts: Whether the list takes `total=true`.
        parameters: What may stand in `apiQueryParams`, less paging and `include`.
        includes: What may stand in `apiQueryParams.include`.
        single_includes: Those of them that the GET of one object takes, too.
        single_parameters: Parameters, as they travel, that it takes, too.
        time_filter: Set where since and until cut the list, so that it can be read in windows.
        defaults: Query parameters we send unless the mapping gives others.
        implied: What an entry with any `apiQueryParams` also asks for, unless it says otherwise, so that
            existing mappings mean what they meant. Source: port-labs/ocean, integrations/pagerduty.
        order: Value of `sort_by` that keeps pages stable while rows are added; empty: PagerDuty's own.
        early_access: Value of the `X-EARLY-ACCESS` header; empty: none.
        by_enrollment: Whether accounts that are not enrolled are answered 404.
        may_be_absent: Whether a 404 means that the account has no such objects: the list is new, and not
            everywhere yet.
    """

    name: str
    wrapper: str
    paging: Paging
    identify: Callable[[Any], str | None]
    single: str | None
    page_limit: int | None
    counts: bool
    parameters: Mapping[str, Form]
    includes: tuple[str, ...] = ()
    single_includes: tuple[str, ...] = ()
    single_parameters: frozenset[str] = frozenset()
    time_filter: TimeFilter | None = None
    defaults: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    implied: Mapping[str, JsonValue] = field(default_factory=lambda: MappingProxyType({}))
    order: str = ""
    early_access: str = ""
    by_enrollment: bool = False
    may_be_absent: bool = False

    @property
    def path(self) -> str:
        """Return the path of the list."""
        return f"/{self.name}"

    @property
    def headers(self) -> dict[str, str]:
        """Return the request headers this list needs beside the usual ones."""
        return {"X-EARLY-ACCESS": self.early_access} if self.early_access else {}
