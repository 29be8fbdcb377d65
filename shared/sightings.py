"""Counts findings of like kind together, each with the place where it was seen first."""

from dataclasses import dataclass
from typing import Generic, TypeVar

FindingT = TypeVar("FindingT")


@dataclass(slots=True)
class Sighting:
    """How often a finding was seen.

    Attributes:
        number: Times.
        first: Where it was seen first.
        detail: What was said of it there; may differ elsewhere.
    """

    number: int
    first: str
    detail: str


class Sightings(Generic[FindingT]):
    """Findings told apart up to a limit, so that memory does not grow with what is found.

    Args:
        limit: Most findings that are told apart.

    Attributes:
        beyond: Sightings of findings past the limit.
    """

    def __init__(self, limit: int) -> None:
        self.beyond = 0
        self._limit = limit
        self._seen: dict[FindingT, Sighting] = {}

    def note(self, finding: FindingT, where: str, detail: str = "") -> bool:
        """Count a finding; return whether it is a new one that is told apart."""
        seen = self._seen.get(finding)
        if seen is not None:
            seen.number += 1
            return False
        if len(self._seen) >= self._limit:
            self.beyond += 1
            return False
        self._seen[finding] = Sighting(1, where, detail)
        return True

    def lines(self, limit: int) -> list[str]:
        """Return a line per finding, the most frequent first, and one for those past the limit."""
        found = sorted(self._seen.items(), key=lambda item: -item[1].number)
        lines = [
            f"{finding}{seen.detail and ': '}{seen.detail} ({seen.number}x, first in {seen.first})"
            for finding, seen in found[:limit]
        ]
        rest = sum(seen.number for _, seen in found[limit:]) + self.beyond
        return [*lines, f"{rest} more values like these, not named here"] if rest else lines
