"""Counts one reading of a list and judges whether it read everything."""

from dataclasses import dataclass

from shared.kind_model import ROW_CAP


@dataclass(slots=True)
class Tally:
    """One reading: every page of one list with one set of parameters.

    Attributes:
        number: Number of the reading within the listing.
        before: Total on the first page; None: PagerDuty does not say.
        after: Total on the page read last.
        distinct: Different ids.
        repeated: Rows with an id this reading had already seen.
        nameless: Rows without an id.
        past_cap: PagerDuty pages no further than `ROW_CAP`.
        stopped: Why the reading ended early; empty: it did not.
    """

    number: int
    before: int | None = None
    after: int | None = None
    distinct: int = 0
    repeated: int = 0
    nameless: int = 0
    past_cap: bool = False
    stopped: str = ""

    @property
    def missing(self) -> int:
        """Return how many rows PagerDuty says there are beyond those read."""
        return 0 if self.after is None else max(self.after - self.distinct - self.nameless, 0)

    @property
    def consistent(self) -> bool:
        """Whether the rows read are as many as PagerDuty says, before and after."""
        if not self._said:
            return not self.stopped
        return set(self._said) == {self.distinct + self.nameless}

    @property
    def _said(self) -> list[int]:
        """Return the totals that PagerDuty has told, in their order."""
        return [total for total in (self.before, self.after) if total is not None]

    @property
    def worth_repeating(self) -> bool:
        """Whether a second reading may bring what this one did not."""
        return not self.consistent and not self.past_cap

    def shortcoming(self) -> str:
        """Return in words what is missing, with the next step; empty: nothing."""
        if self.past_cap:
            of = "more" if self.after is None else f"{self.after}"
            return f"PagerDuty lists at most {ROW_CAP} rows, there are {of}; narrow apiQueryParams"
        if not self.consistent:
            if not self._said:
                return f"{self.stopped}; run it again"
            first, last = self._said[0], self._said[-1]
            said = f"{first}" if first == last else f"{first}, later {last},"
            return f"PagerDuty announced {said} rows and gave {self.distinct} different ones; run it again"
        if self.nameless:
            return f"{self.nameless} rows have no id and were left out"
        return ""
