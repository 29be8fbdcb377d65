"""Thins out log lines that a library repeats many times a second while a third party is away."""

import logging
from collections.abc import Sequence
from typing import Final

WINDOW_S: Final = 30.0
"""Of lines that differ in their arguments only, one in this time is written."""


class Repeats:
    """Remembers when each kind of line was written last.

    Args:
        loggers: Loggers whose lines are thinned out, with those below them.
        window_s: Time between two lines of one kind.
    """

    def __init__(self, loggers: Sequence[str], window_s: float = WINDOW_S) -> None:
        self._beginnings = tuple(name + "." for name in loggers)
        self._window_s = window_s
        self._written_at_s: dict[tuple[str, int, str], float] = {}
        self._left_out: dict[tuple[str, int, str], int] = {}

    def left_out(self, record: logging.LogRecord) -> int | None:
        """Return how many lines like this were left out before it; None: leave this one out too."""
        if not (record.name + ".").startswith(self._beginnings):
            return 0
        kind = (record.name, record.levelno, str(record.msg))
        if record.created - self._written_at_s.get(kind, float("-inf")) < self._window_s:
            self._left_out[kind] = self._left_out.get(kind, 0) + 1
            return None
        self._written_at_s[kind] = record.created
        return self._left_out.pop(kind, 0)
