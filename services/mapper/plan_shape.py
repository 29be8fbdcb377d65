"""Is the shape of a plan: plain JSON, so that workers start without reading models."""

from collections.abc import Iterator
from typing import Any, Final, TypedDict

Template = int | dict[str, Any]
"""Index of an expression in `texts`, or a search query whose leaves are such indexes."""

QUERY: Final = 0
BLUEPRINT: Final = 1
"""Indexes of the selector and the blueprint in an entry's `texts`."""
ITEMS: Final = -1
"""Stands for itemsToParse, which is none of them."""


def leaves_of(template: Template) -> Iterator[int]:
    """Yield the indexes of the expressions that a template is made of."""
    if isinstance(template, int):
        yield template
        return
    for value in template.values():
        for part in value if isinstance(value, list) else [value]:
            yield from leaves_of(part)


class EntryPlan(TypedDict):
    """One entry of the mapping.

    `texts` holds every expression: selector, blueprint, those of the identifier (up to `keys`), the rest.
    `fields` pairs a path (`title`, `properties`, `status`) with its template. An object that `params` let
    through but `window` does not is outside the time asked for: not selected, but no reason to delete.
    """

    index: int
    params: dict[str, Any]
    window: dict[str, Any]
    items: str | None
    items_name: str
    items_transform: bool
    texts: list[str]
    keys: int
    identifier: Template
    fields: list[tuple[str, str, Template]]


class TopicPlan(TypedDict):
    """What becomes of the objects of one raw topic.

    `fed` are the blueprints that its entries with properties make, `annotated` those that only entries
    without make; `feeds_any` says that an entry with properties takes its blueprint from the object. Of
    others (sources, and those of another kind) the same is known: blueprints by name, or any.
    """

    kind: str
    entries: list[EntryPlan]
    fed: list[str]
    annotated: list[str]
    feeds_any: bool
    foreign: list[str]
    foreign_any: bool
    other_kinds: list[str]
    other_kinds_any: bool


class Plan(TypedDict):
    """A version of the mapping, ready to be evaluated.

    `previous` has what is left of the versions before it: by topic the entries that it has not, without what
    they write.
    """

    version: int
    merge: bool
    create_missing_related_entities: bool
    delete_dependents: bool
    topics: dict[str, TopicPlan]
    previous: list[dict[str, TopicPlan]]
