"""Holds what a sweep knows of one blueprint, and judges its entities by it."""

from dataclasses import dataclass, field

from services.fetcher.sweep.fate import Fate, settle
from services.fetcher.sweep.interface import Existence
from services.fetcher.sweep.judgement import Judgement, Standing, judge
from services.fetcher.sweep.makers import Makers
from services.fetcher.sweep.scratch import Candidate
from services.fetcher.sweep.weighing import Scales


@dataclass(slots=True)
class Place:
    """A blueprint in the sweep.

    Attributes:
        makers: What can make its entities.
        standing: What holds for all of them.
        scales: Weigh what would go of it.
        answers: What PagerDuty said, by identifier.
        is_proven: The lists that could name an object were shown to be whole.
    """

    makers: Makers
    standing: Standing
    scales: Scales
    answers: dict[str, Existence] = field(default_factory=dict)
    is_proven: bool = False

    def judge(self, candidate: Candidate) -> Judgement:
        """Return the judgement by what is known now."""
        return judge(candidate.entity, candidate.evidence, self.standing)

    def fate(self, candidate: Candidate) -> Fate:
        """Return what becomes of a candidate once PagerDuty has answered."""
        identifier = candidate.entity.identifier
        return settle(identifier, self.judge(candidate), self.answers, is_proven=self.is_proven)
