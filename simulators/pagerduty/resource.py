"""Is one list of the API: where it is, how it is paged, and what it takes.

Source: PagerDuty REST API, Pagination.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from simulators.pagerduty.parameters import Parameter, parameters


class Paging(Enum):
    """How a list is split into pages."""

    CLASSIC = "classic"  # limit, offset, total -> limit, offset, more, total
    CURSOR = "cursor"  # limit, cursor -> limit, next_cursor
    AFTER = "after"  # limit, after, before -> limit, after, before, total
    NONE = "none"  # everything in one answer
    NONE_WITH_CURSOR = "none_with_cursor"  # everything in one answer, which has a null next_cursor


PAGING_PARAMETERS: Mapping[Paging, Mapping[str, Parameter]] = {
    Paging.CLASSIC: parameters("limit offset total"),
    Paging.CURSOR: parameters("limit cursor"),
    Paging.AFTER: parameters("limit after before total"),
    Paging.NONE: {},
    Paging.NONE_WITH_CURSOR: {},
}


@dataclass(frozen=True, slots=True)
class Resource:
    """One list of the API, and the single GET that belongs to it.

    Attributes:
        path: Template; `{id}` and the like stand for one segment.
        key: Wrapper key of the list.
        paging: How it is split.
        single: Wrapper key of `GET <path>/{id}`; None: no such GET; "": no wrapper.
        accepted: Every parameter of the list by name, paging and `include[]` too.
        single_accepted: Every parameter of the single GET.
        default_limit: Rows of a page when no limit is sent.
        max_limit: A larger limit is brought down to this one, and echoed so.
        early_access: Value that the header X-EARLY-ACCESS must have; None for none.
        listed: False where there is a single GET alone.
    """

    path: str
    key: str
    paging: Paging
    single: str | None
    accepted: Mapping[str, Parameter]
    single_accepted: Mapping[str, Parameter] = field(default_factory=dict)
    default_limit: int = 25
    max_limit: int = 100
    early_access: str | None = None
    listed: bool = True

    @property
    def kind(self) -> str:
        """The name under which an account holds the rows; of a nested list it still has the `{id}` in it."""
        return self.path.removeprefix("/")


def resource(
    path: str,
    paging: Paging,
    *,
    key: str | None = None,
    single: str | None = None,
    takes: str = "",
    include: str = "",
    single_takes: str = "",
    single_include: str | None = None,
    default_limit: int = 25,
    max_limit: int = 100,
    early_access: str | None = None,
    listed: bool = True,
    counts: bool = True,
) -> Resource:
    """Make a row of the table; a single GET has the includes of its list unless it says otherwise.

    Without `counts` the list takes no `total`, though its answer has one: not every list documents it.
    """

    def includes(names: str) -> dict[str, Parameter]:
        return parameters(f"include[]={names.replace(' ', '|')}") if names else {}

    of_paging = {name: one for name, one in PAGING_PARAMETERS[paging].items() if counts or name != "total"}
    return Resource(
        path=path,
        key=path.rsplit("/", 1)[1] if key is None else key,
        paging=paging,
        single=single,
        accepted={**of_paging, **parameters(takes), **includes(include)},
        single_accepted={
            **parameters(single_takes),
            **includes(include if single_include is None else single_include),
        },
        default_limit=default_limit,
        max_limit=max_limit,
        early_access=early_access,
        listed=listed,
    )


WINDOW = "since until"
UTC_WINDOW = "since:utc until:utc"
LOG_ENTRY_INCLUDES = "incidents services channels teams"
