"""Decides when an enrichment is given up for the rest of the run."""

from dataclasses import dataclass

from shared.pagerduty.interface import Answer
from shared.pagerduty.verdicts import Verdict

_FOR_ALL = frozenset({Verdict.QUOTA_SPENT, Verdict.DENIED, Verdict.NOT_FOUND})


@dataclass(slots=True)
class Fuse:
    """Blows when asking on is pointless.

    Attributes:
        patience: Failures in a row after which it blows.
        per_object: Whether each request is about one object: then being denied, or not found, says nothing
            of the others.
        blown: Why it is blown; empty: it is not.
    """

    patience: int = 3
    per_object: bool = False
    blown: str = ""
    _failures: int = 0

    def judge(self, answer: Answer) -> bool:
        """Hear of an answer and return whether it is one."""
        if answer.verdict is Verdict.OK:
            self._failures = 0
            return True
        for_all = answer.verdict is Verdict.QUOTA_SPENT or (
            not self.per_object and answer.verdict in _FOR_ALL
        )
        self.fail(answer.detail, for_good=for_all)
        return False

    def fail(self, why: str, *, for_good: bool = False) -> None:
        """Hear of a failure; the first reason stays."""
        self._failures += 1
        if for_good or self._failures >= self.patience:
            self.blown = self.blown or why
