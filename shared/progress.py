"""Keeps what a group did with one partition, in the text that is committed with its offset.

The text is JSON: `{"m": mapping version, "r": run id, "c": {kind: [count, …]}}`, the counts in the order of
`CODES` with zeros at the end left out; where there were live deletes also `"d": {blueprint: [minute, number,
…]}`, see `shared.delete_window`. It is written and read by every release: codes are only ever added at the
end of `CODES`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import orjson
from pydantic import BaseModel, ConfigDict, NonNegativeInt, ValidationError

from schemas.outcome import Count
from shared.delete_window import DeleteWindow
from shared.outcome import Outcome

LIMIT_BYTES = 3_500
RUN_ID_LIMIT_CHARS = 128
_BEGINS_WITH_A_TIME: Final = re.compile(r"[0-9]{8}T[0-9]{6}")
OTHER_KINDS = "*"
"""Kind that holds the sums of the kinds for which the text had no room."""

CODES: tuple[Count, ...] = (
    Count.MAPPED,
    Count.FILTERED,
    Count.FAILED,
    Count.EMITTED,
    Count.OMITTED,
    Count.COLLIDED,
    Count.DELETE_UNRESOLVED,
    Count.WRITTEN,
    Count.UNCHANGED,
    Count.FOLDED,
    Count.REJECTED,
    Count.UNMET,
    Count.DELETED,
    Count.NOT_DELETED,
    Count.COERCED,
    Count.PLANNED,
    Count.DROPPED,
    Count.UNJUDGED,
)


class _Text(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    m: NonNegativeInt = 0
    r: str = ""
    c: dict[str, list[NonNegativeInt]] = {}
    d: dict[str, list[NonNegativeInt]] = {}


@dataclass(slots=True)
class Progress:
    """What was done with one partition so far.

    Attributes:
        mapping_version: Mapping that every record below the committed offset was handled with.
        run_id: Newest run seen; the counts are its. Run ids begin with a time: a greater one is newer. One
            that does not came from a foreign record, and any of ours is newer.
        counts: Sums per PagerDuty kind.
        is_unreadable: The text it was decoded from was not ours; everything else is empty then.
        deletes: Live deletes of the last minutes, whatever the run.
    """

    mapping_version: int = 0
    run_id: str = ""
    counts: dict[str, dict[Count, int]] = field(default_factory=dict)
    is_unreadable: bool = False
    deletes: DeleteWindow = field(default_factory=DeleteWindow)

    def copy(self) -> "Progress":
        """Return a progress to go on with, so that this one stays as it was committed."""
        counts = {kind: dict(sums) for kind, sums in self.counts.items()}
        return Progress(self.mapping_version, self.run_id, counts, deletes=self.deletes.copy())

    def add(self, outcome: Outcome) -> None:
        """Count one outcome.

        A live delete belongs to no run. The counts of outcomes without a run, and of those of an older run
        than the newest, go nowhere; the first one of a newer run begins at zero. A run id that is longer than
        ours ever are came from a foreign record.
        """
        if outcome.live_delete is not None:
            self.deletes.add(outcome.live_delete)
        if outcome.run_id != self.run_id:
            is_newer = _rank(outcome.run_id) > _rank(self.run_id)
            if not is_newer or len(outcome.run_id) > RUN_ID_LIMIT_CHARS:
                return
            self.run_id = outcome.run_id
            self.counts = {}
        if not outcome.run_id:
            return
        sums = self.counts.setdefault(outcome.kind, {})
        for code, number in outcome.counts.items():
            sums[code] = sums.get(code, 0) + number

    def encode(self) -> str:
        """Return the text, of at most `LIMIT_BYTES`.

        Kinds that do not fit are summed up under `OTHER_KINDS`, the ones with the longest text first.
        """
        arrays = {kind: array for kind, sums in sorted(self.counts.items()) if (array := _array(sums))}
        text = self._text(arrays)
        while len(text) > LIMIT_BYTES:
            kinds = (kind for kind in arrays if kind != OTHER_KINDS)
            kind = max(kinds, key=lambda kind: (len(orjson.dumps([kind, arrays[kind]])), kind))
            arrays[OTHER_KINDS] = _add(arrays.get(OTHER_KINDS, []), arrays.pop(kind))
            text = self._text(arrays)
        return text.decode()

    def _text(self, arrays: dict[str, list[int]]) -> bytes:
        text: dict[str, object] = {"m": self.mapping_version, "r": self.run_id, "c": arrays}
        if deletes := self.deletes.texts():
            text["d"] = deletes
        return orjson.dumps(text)

    @classmethod
    def decode(cls, text: str) -> "Progress":
        """Read a committed text. Empty: no progress. Not ours: no progress either, and flagged."""
        if not text:
            return cls()
        try:
            read = _Text.model_validate_json(text)
        except ValidationError:
            return cls(is_unreadable=True)
        counts = {
            kind: {code: number for code, number in zip(CODES, array, strict=False) if number}
            for kind, array in read.c.items()
        }
        return cls(read.m, read.r, counts, deletes=DeleteWindow.of_texts(read.d))


def _rank(run_id: str) -> tuple[bool, str]:
    """Return by what run ids are in order; none comes first, then those that cannot be ours."""
    return _BEGINS_WITH_A_TIME.match(run_id) is not None, run_id


def sum_counts(parts: Iterable[Progress], run_id: str) -> dict[str, dict[Count, int]]:
    """Add up what several partitions did in a run; partitions at another run add nothing."""
    total = Progress(run_id=run_id)
    for part in parts:
        if part.run_id == run_id:
            for kind, sums in part.counts.items():
                total.add(Outcome(run_id, kind, sums))
    return total.counts


def _array(sums: dict[Count, int]) -> list[int]:
    array = [sums.get(code, 0) for code in CODES]
    while array and not array[-1]:
        array.pop()
    return array


def _add(left: list[int], right: list[int]) -> list[int]:
    size = max(len(left), len(right))
    return [
        a + b for a, b in zip(left + [0] * (size - len(left)), right + [0] * (size - len(right)), strict=True)
    ]
