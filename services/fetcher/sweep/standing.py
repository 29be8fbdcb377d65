"""Decides what holds for all entities of a blueprint in a run: what absence says, and what may be unknown."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from schemas.outcome import Count
from schemas.run import KindResult, KindState
from schemas.run_sweep import KeepReason
from services.fetcher.sweep.judgement import Standing
from services.fetcher.sweep.makers import Makers
from shared.sources import Source

NEVER_DELETED: Final = frozenset({"incidents"})
"""Kinds whose objects PagerDuty never deletes: a 404 means that the token does not see them any more.
Source: PagerDuty REST API, Incidents: there is no delete."""
_FAILED: Final = (Count.FAILED, Count.REJECTED, Count.UNJUDGED)
_DONE: Final = (Count.MAPPED, Count.FILTERED)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What a run has done, as far as a sweep judges by it.

    Attributes:
        began_at: When it began, in Port's time.
        is_replay: Its objects were read from the raw topics, not from PagerDuty.
        is_whole: All kinds of the mapping took part.
        topics: Raw topics of the sources that took part.
        kinds: What became of each kind.
    """

    began_at: datetime
    is_replay: bool
    is_whole: bool
    topics: Collection[str]
    kinds: Mapping[str, KindResult]


def standing_of(makers: Makers, run: RunFacts) -> Standing:
    """Return what holds for the entities of a blueprint."""
    never = _never(makers)
    return Standing(
        began_at=run.began_at,
        never=never,
        absence=never or _absence(makers, run),
        unsettled=_unsettled(makers, run),
        is_own_id=makers.is_own_id,
        can_ask=makers.asked_of is not None,
        is_listed=not run.is_replay,
    )


def _never(makers: Makers) -> KeepReason | None:
    if makers.by_events:
        return KeepReason.BY_EVENTS
    return None if makers.is_fed else KeepReason.ANNOTATED


def _absence(makers: Makers, run: RunFacts) -> KeepReason | None:
    """Return why it says nothing of an entity that no object read makes it."""
    if run.is_replay:
        return KeepReason.REPLAY
    if not makers.sources:
        return KeepReason.UNMAPPED
    if not run.is_whole:
        return KeepReason.PARTIAL
    if makers.by_search:
        return KeepReason.BY_SEARCH
    if any(source.kind in NEVER_DELETED for source in makers.sources):
        return KeepReason.NOT_VISIBLE
    if not all(source.complete_by_design for source in makers.sources):
        return KeepReason.WINDOWED
    return None if all(_is_complete(source, run) for source in makers.sources) else KeepReason.INCOMPLETE


def _unsettled(makers: Makers, run: RunFacts) -> KeepReason | None:
    """Return why an object may make an entity of the blueprint without the run knowing of it."""
    if not all(source.topic in run.topics for source in makers.sources):
        return KeepReason.PARTIAL
    if not run.is_replay and not all(_is_complete(source, run) for source in makers.sources):
        return KeepReason.INCOMPLETE
    if any(has_failed(_result(source, run), is_replay=run.is_replay) for source in makers.sources):
        return KeepReason.FAILED_OBJECTS
    return None if all(source.complete_by_design for source in makers.sources) else KeepReason.WINDOWED


def has_failed(kind: KindResult, *, is_replay: bool) -> bool:
    """Return whether there are objects of a kind of which the run does not know what they make.

    Those whose mapping failed or could not be judged, rows that no record could hold, and rows for which a
    newer version of the object came live and was counted in no run. In a resync each object read is also
    accounted for: the counts of the mapper may not be whole.
    """
    if any(kind.mapper.get(count, 0) for count in _FAILED) or kind.failures_by_reason or kind.superseded:
        return True
    return not is_replay and sum(kind.mapper.get(count, 0) for count in _DONE) < kind.fetched


def _is_complete(source: Source, run: RunFacts) -> bool:
    return source.topic in run.topics and _result(source, run).state is KindState.COMPLETE


def _result(source: Source, run: RunFacts) -> KindResult:
    return run.kinds.get(source.kind) or KindResult()
