"""Orders the sources of a run so that what others point at reaches Port first."""

from collections.abc import Sequence
from itertools import groupby

from shared.sources import Source

_POINTED_AT_FIRST = ("teams", "users", "schedules", "v3/schedules", "escalation_policies", "services")
"""PagerDuty's own graph: each of these is named by objects of the kinds behind it; all else comes last."""


def plan_waves(sources: Sequence[Source], *, create_missing: bool) -> list[list[Source]]:
    """Return the sources in waves; each is to be in Port before the next one is listed.

    Args:
        sources: All sources of the run.
        create_missing: Whether Port makes a placeholder for a relation target that is not there. Then the
            order does not matter, and one wave is fastest.
    """
    if create_missing:
        return [list(sources)]
    ordered = sorted(sources, key=_rank)
    return [list(wave) for _, wave in groupby(ordered, key=_rank)]


def _rank(source: Source) -> int:
    kinds = _POINTED_AT_FIRST
    return kinds.index(source.kind) if source.kind in kinds else len(kinds)
