"""Adds to a run's result what the conductor cannot see: blueprints created, values lost, the plan."""

from dataclasses import dataclass

from schemas.run import RunResult
from schemas.run_plan import BlueprintPlan, RunPlan
from schemas.run_sweep import RunSweep
from services.fetcher.first_start import FirstStart
from services.mapper.omissions import LeftOut
from services.writer.core import WriterCore
from services.writer.planning import PlanRecorder
from shared.sightings import Sightings

FINDINGS_SHOWN = 50
"""Different ways in which values were dropped, and in which they were left as they were."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What this process knows of its run.

    Attributes:
        first_start: What was done, or in a dry run planned, before anything was listed.
        omissions: Values that were left as they were.
        writer: Knows which values were dropped.
        recorder: The plan of a dry run; None: the run is none.
    """

    first_start: FirstStart
    omissions: Sightings[LeftOut]
    writer: WriterCore
    recorder: PlanRecorder | None

    def add_to(self, result: RunResult) -> None:
        """Complete the result."""
        result.warnings += [
            *self.first_start.warnings,
            *self.omissions.lines(FINDINGS_SHOWN),
            *self.writer.drops.lines(FINDINGS_SHOWN),
        ]
        if self.recorder is None:
            result.created_blueprints = list(self.first_start.created)
        else:
            result.plan = self.recorder.plan(self.first_start.created)
            _plan_deletes(result.plan, result.sweep)


def _plan_deletes(plan: RunPlan, sweep: RunSweep | None) -> None:
    """Add what a sync would delete: of a run it is the sweep that decides."""
    for name, one in sweep.blueprints.items() if sweep else ():
        if one.deleted:
            plan.blueprints.setdefault(name, BlueprintPlan()).deleted = one.deleted
