"""Counts the live deletes of one partition in the last ten minutes, by blueprint and minute."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import orjson

from shared.outcome import LiveDelete

WINDOW_MIN = 10
"""Minutes a delete is remembered."""
OTHERS = "*"
"""Holds the sums of the blueprints for which the text had no room. Port allows no blueprint of this name."""
LIMIT_BYTES = 1_000
"""Of the text, which shares the commit metadata with the counts of a run."""
_MOST = 10**9
"""Largest number, and latest minute, that is believed."""


@dataclass(slots=True)
class DeleteWindow:
    """The live deletes of a partition, those carried out and those held.

    Attributes:
        numbers: Blueprint to minute since the epoch to number of deletes.
    """

    numbers: dict[str, dict[int, int]] = field(default_factory=dict)

    def copy(self) -> "DeleteWindow":
        """Return a window to go on with, so that this one stays as it was committed."""
        return DeleteWindow({blueprint: dict(by_minute) for blueprint, by_minute in self.numbers.items()})

    def add(self, delete: LiveDelete) -> None:
        """Count one delete, and forget those that are too old by its time."""
        by_minute = self.numbers.setdefault(delete.blueprint, {})
        by_minute[delete.minute] = by_minute.get(delete.minute, 0) + 1
        self.numbers = {
            blueprint: kept
            for blueprint, by_minute in self.numbers.items()
            if (kept := {at: number for at, number in by_minute.items() if _is_near(at, delete.minute)})
        }

    def number(self, blueprint: str, minute: int) -> int:
        """Return how many deletes of a blueprint there were in the ten minutes up to a minute.

        Those of blueprints that were summed up count for every blueprint: too many rather than too few.
        """
        return sum(
            number
            for name in {blueprint, OTHERS}
            for at, number in self.numbers.get(name, {}).items()
            if _is_near(at, minute)
        )

    def texts(self) -> dict[str, list[int]]:
        """Return what is written: blueprint to its first minute and the numbers from that minute on."""
        lists = {blueprint: _listed(by_minute) for blueprint, by_minute in sorted(self.numbers.items())}
        while len(orjson.dumps(lists)) > LIMIT_BYTES:
            names = (name for name in lists if name != OTHERS)
            name = max(names, key=lambda name: (len(orjson.dumps([name, lists[name]])), name))
            both = (_numbers(lists.pop(name)), _numbers(lists.get(OTHERS, [])))
            lists[OTHERS] = _listed(_sum(both))
        return lists

    @classmethod
    def of_texts(cls, lists: Mapping[str, list[int]]) -> "DeleteWindow":
        """Return the window that was written."""
        read = {blueprint: _numbers(listed) for blueprint, listed in lists.items()}
        return cls({blueprint: by_minute for blueprint, by_minute in read.items() if by_minute})


def _is_near(at: int, minute: int) -> bool:
    """Whether a minute lies in the window of another; clocks of several writers may differ."""
    return -WINDOW_MIN < at - minute < WINDOW_MIN


def _listed(by_minute: Mapping[int, int]) -> list[int]:
    """Return the first minute, then the numbers; of what no window can hold together, the newest."""
    newest = max(by_minute)
    near = [at for at in by_minute if newest - at < 2 * WINDOW_MIN]
    first = min(near)
    return [first, *(by_minute.get(at, 0) for at in range(first, newest + 1))]


def _numbers(listed: list[int]) -> dict[int, int]:
    numbers = listed[1 : 1 + 2 * WINDOW_MIN] if listed and listed[0] <= _MOST else []
    return {listed[0] + place: min(number, _MOST) for place, number in enumerate(numbers) if number}


def _sum(parts: Iterable[Mapping[int, int]]) -> dict[int, int]:
    total: dict[int, int] = {}
    for part in parts:
        for at, number in part.items():
            total[at] = total.get(at, 0) + number
    return total
