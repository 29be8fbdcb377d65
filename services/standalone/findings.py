"""Adds to a run's result what the conductor cannot see: blueprints created, values made to fit, the plan."""

from collections.abc import Iterator
from dataclasses import dataclass

from schemas.run import RunResult
from services.fetcher.first_start import FirstStart
from services.writer.core import WriterCore
from services.writer.planning import PlanRecorder

COERCIONS_SHOWN = 50
NO_DELETES_PLANNED = "not part of the plan: this release deletes nothing"


@dataclass(frozen=True, slots=True)
class Findings:
    """What this process knows of its run.

    Attributes:
        first_start: What was done, or in a dry run planned, before anything was listed.
        writer: Knows which values did not fit their blueprint.
        recorder: The plan of a dry run; None: the run is none.
    """

    first_start: FirstStart
    writer: WriterCore
    recorder: PlanRecorder | None

    def add_to(self, result: RunResult) -> None:
        """Complete the result."""
        result.warnings += [*self.first_start.warnings, *self._coercions()]
        if self.recorder is None:
            result.created_blueprints = list(self.first_start.created)
        else:
            result.plan = self.recorder.plan(self.first_start.created)
            result.deletes = NO_DELETES_PLANNED

    def _coercions(self) -> Iterator[str]:
        found = sorted(self.writer.coercions.items(), key=lambda item: (-item[1], item[0]))
        for coercion, number in found[:COERCIONS_SHOWN]:
            yield f"{coercion.blueprint} {coercion.path}: {coercion.reason} ({number}x)"
        if len(found) > COERCIONS_SHOWN:
            yield f"{len(found) - COERCIONS_SHOWN} more ways in which values did not fit their blueprint"
