"""Weighs how much of a blueprint would go against the threshold, by the same entities from run to run."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from schemas.run import RunResult, RunState
from schemas.run_sweep import SweepMode
from services.fetcher.sweep.judgement import Owned, is_over_threshold

_SWEPT_TO_THE_END = frozenset({RunState.COMPLETED, RunState.COMPLETED_WITH_FAILURES})


@dataclass(frozen=True, slots=True)
class Weighed:
    """What the scales showed.

    Attributes:
        is_over: More would go than the threshold allows.
        going: Entities that would go, or of which nobody knows.
        judged: Those among which they are counted.
    """

    is_over: bool
    going: int
    judged: int


@dataclass(slots=True)
class _Load:
    owned: int = 0
    going: int = 0


@dataclass(slots=True)
class Scales:
    """Weighs the entities of one blueprint.

    A run makes entities, and to the next run these are old, too: another account's would make room for the
    delete of all that the first one has. So, once a blueprint was held, entities that are older than the
    first run that held it are weighed by themselves, and those that came later by themselves.

    Attributes:
        began_at: When the run began, in Port's time. What is not older has been made by the run itself.
        held_since: When the first of the runs began that have held the blueprint, one after another; None:
            none has.
    """

    began_at: datetime
    held_since: datetime | None = None
    _before: _Load = field(default_factory=_Load)
    _after: _Load = field(default_factory=_Load)

    def is_older(self, entity: Owned) -> bool:
        """Return whether an entity is older than the run."""
        return entity.created_at is None or entity.created_at < self.began_at

    def own(self, entity: Owned) -> None:
        """Take an entity of ours."""
        if self.is_older(entity):
            self._load(entity).owned += 1

    def go(self, entity: Owned) -> None:
        """Take one of those that would go, or of which nobody knows."""
        if self.is_older(entity):
            self._load(entity).going += 1

    def weigh(self, threshold: float) -> Weighed:
        """Return what would go of the entities of which too many would; else of those judged first."""
        loads = (self._before, self._after)
        heavy = [one for one in loads if is_over_threshold(one.going, one.owned, threshold)]
        load = heavy[0] if heavy else self._before
        return Weighed(bool(heavy), load.going, load.owned)

    def _load(self, entity: Owned) -> _Load:
        since = self.held_since or self.began_at
        is_before = entity.created_at is None or entity.created_at < since
        return self._before if is_before else self._after


def held_since(runs: Iterable[RunResult], run_id: str) -> Mapping[str, datetime]:
    """Return which blueprints the runs before a run have held, one after another, and since when.

    Only a whole resync that came to its end and looked for what is absent, and then found no more going than
    the threshold allows, lets go of a blueprint. Runs of some kinds and dry runs do neither.

    Args:
        runs: All runs that the log knows.
        run_id: The run that asks.
    """
    found: dict[str, datetime] = {}
    settled: set[str] = set()
    for run in sorted(runs, key=lambda run: run.run_id, reverse=True):
        sweep = run.sweep
        if run.run_id >= run_id or sweep is None or not run.is_whole or sweep.mode is not SweepMode.ON:
            continue
        for blueprint, one in sweep.blueprints.items():
            if blueprint in settled:
                continue
            since = one.held_since or sweep.since
            if one.over_threshold and since is not None:
                found[blueprint] = since
                settled.add(blueprint)
            elif one.absence is None and run.type == "resync" and run.state in _SWEPT_TO_THE_END:
                settled.add(blueprint)
    return found
