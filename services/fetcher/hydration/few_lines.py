"""Says a few lines a minute for operators, and what comes beyond them at debug level."""

import logging
from typing import Final

from shared.log.interface import Clock

WINDOW_S: Final = 60.0
LINES: Final = 5


class FewLines:
    """Lines of one sort.

    Args:
        logger: Takes them.
        clock: Monotonic seconds.
    """

    def __init__(self, logger: logging.Logger, clock: Clock) -> None:
        self._logger = logger
        self._clock = clock
        self._since_s = float("-inf")
        self._lines = 0

    def say(self, text: str, *arguments: object) -> None:
        """Say a line."""
        now_s = self._clock()
        if now_s - self._since_s >= WINDOW_S:
            self._since_s, self._lines = now_s, 0
        self._lines += 1
        self._logger.log(logging.INFO if self._lines <= LINES else logging.DEBUG, text, *arguments)
