"""Sorts an entry's expressions by who evaluates them: Python, a fused program, or one of their own."""

import re
from collections.abc import Callable, Sequence
from typing import Final

from services.mapper.native import Getter, Result
from services.mapper.plan_shape import QUERY, EntryPlan
from shared.jq_engine import Json

Row = list[Result | None]
"""A result per expression of the entry; None: not needed, since the selector is not true."""

UNWANTED: Final = 0
KEYS_ONLY: Final = 1
ALL: Final = 2
"""What of an entry the fused program is to evaluate."""

_OF_THE_PROGRAM: Final = re.compile(
    r"(?<![\w.$])(?:inputs?|debug|stderr|halt|halt_error|input_filename|input_line_number)(?!\w)|\$__loc__"
    r"|\bas\b.*\?//",
    re.DOTALL,
)
"""What touches the whole program that it stands in, tells the place there, or does not end with `first`: a
pattern with `?//` takes the end for an error."""


class EntryTexts:
    """One entry's expressions.

    Attributes:
        texts: All of them, as in the plan.
        native_keys: Pairs of index and getter, of those that say whether there is an entity and which.
        native_rest: The same of all others.
        apart_keys: Indexes of those that must be alone in a program.
        apart_rest: The same of all others.
        fused_keys: Indexes of those that a fused program evaluates.
        fused_rest: The same of all others.
    """

    def __init__(self, plan: EntryPlan, native: Callable[[str], Getter | None]) -> None:
        self.texts: Sequence[str] = plan["texts"]
        keys = plan["keys"]
        getters = {n: get for n, text in enumerate(self.texts) if (get := native(text))}
        left = [n for n in range(len(self.texts)) if n not in getters]
        apart = {n for n in left if must_be_alone(self.texts[n])}
        self.native_keys = [(n, get) for n, get in getters.items() if n < keys]
        self.native_rest = [(n, get) for n, get in getters.items() if n >= keys]
        self.apart_keys = [n for n in sorted(apart) if n < keys]
        self.apart_rest = [n for n in sorted(apart) if n >= keys]
        self.fused_keys = [n for n in left if n not in apart and n < keys]
        self.fused_rest = [n for n in left if n not in apart and n >= keys]

    @property
    def fused(self) -> int:
        """Return how many expressions a fused program evaluates."""
        return len(self.fused_keys) + len(self.fused_rest)

    def wanted(self, row: Row) -> int:
        """Return what is wanted of the fused program; whether a selector in it is true it sees itself."""
        if self.fused_keys and self.fused_keys[0] == QUERY:
            return ALL
        if self.fused_rest and is_true(row[QUERY]):
            return ALL
        return KEYS_ONLY if self.fused_keys else UNWANTED

    def fill(self, row: Row, given: Json) -> None:
        """Put what the fused program gave for this entry into its row."""
        keys, rest = given
        for n, result in zip(self.fused_keys, keys, strict=True):
            row[n] = result
        if rest is not None:
            for n, result in zip(self.fused_rest, rest, strict=True):
                row[n] = result


def must_be_alone(text: str) -> bool:
    """Whether an expression reads, ends or tells something of the program that it stands in."""
    return _OF_THE_PROGRAM.search(text) is not None


def is_true(result: Result | None) -> bool:
    """Whether a selector's result lets the object through."""
    return type(result) is list and bool(result) and result[0] is True
