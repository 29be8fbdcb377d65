"""Orders the sources of a run so that what others point at reaches Port first."""

from collections.abc import Collection, Sequence
from itertools import groupby

from schemas.mapping import MappingFile, Query
from shared.sources import Source

_POINTED_AT_FIRST = ("teams", "users", "schedules", "v3/schedules", "escalation_policies", "services")
"""PagerDuty's own graph: each of these is named by objects of the kinds behind it; all else comes last."""


def searching_entries(config: MappingFile) -> frozenset[int]:
    """Return the indexes of the entries whose identifier or relations are found by a search query.

    What such a query finds depends on what Port holds when the entity is written. A query for a team looks
    among Port's own teams, which no run writes.
    """
    return frozenset(
        index
        for index, resource in enumerate(config.resources)
        for entity in (resource.port.entity.mappings,)
        if any(isinstance(value, Query) for value in (entity.identifier, *entity.relations.values()))
    )


def relating_entries(config: MappingFile) -> frozenset[int]:
    """Return the indexes of the entries with a relation that a search query finds.

    To Port it is no failure that such a query finds nothing, so that nobody would try again.
    """
    return frozenset(
        index
        for index, resource in enumerate(config.resources)
        if any(isinstance(value, Query) for value in resource.port.entity.mappings.relations.values())
    )


def plan_waves(
    sources: Sequence[Source],
    *,
    create_missing: bool,
    searching: Collection[int] = (),
    relating: Collection[int] = (),
) -> list[list[Source]]:
    """Return the sources in waves; each is to be in Port before the next one is listed.

    Sources that search come last, one after another as the mapping has them: its author put what is to be
    found before what finds it. A source that makes other entities as well is listed a first time before
    them, where a relation may look for these.

    Args:
        sources: All sources of the run.
        create_missing: Whether Port makes a placeholder for a relation target that is not there. Then the
            order does not matter but for searches, and one wave is fastest.
        searching: See `searching_entries`.
        relating: See `relating_entries`.
    """
    first_search = {
        source.topic: index
        for source in sources
        if (index := min(set(source.entries) & set(searching), default=None)) is not None
    }
    both = {one.topic for one in sources if relating and set(one.entries) - set(searching)}
    twice = both & first_search.keys()
    if create_missing:
        plain = [one for one in sources if one.topic not in first_search or one.topic in twice]
        finders = [source for source in sources if source.topic in first_search]
        waves = [plain] if plain else []
    else:
        # What others point at stays before them also where it searches: they could not be written else.
        is_late = {source.topic: _rank(source) == len(_POINTED_AT_FIRST) for source in sources}
        last = {one.topic for one in sources if one.topic in first_search and is_late[one.topic]}
        finders = [one for one in sources if one.topic in last | twice]
        ordered = sorted((one for one in sources if one.topic not in last - twice), key=_rank)
        waves = [list(wave) for _, wave in groupby(ordered, key=_rank)]
    return waves + [[source] for source in sorted(finders, key=lambda one: first_search[one.topic])]


def _rank(source: Source) -> int:
    kinds = _POINTED_AT_FIRST
    return kinds.index(source.kind) if source.kind in kinds else len(kinds)
