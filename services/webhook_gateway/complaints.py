"""Says what goes wrong at most once a minute for each cause, however often it happens."""

import logging
from typing import Final

from shared.log.interface import Clock

logger = logging.getLogger(__name__)

EVERY_S: Final = 60.0


class Complaints:
    """Whoever can reach the port must not be able to fill the log lines.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._said: dict[str, tuple[float, int]] = {}

    def say(self, cause: str, message: str) -> None:
        """Warn, unless the last warning of this cause is younger than a minute: then only count.

        Args:
            cause: One of few.
            message: One line.
        """
        now_s = self._clock()
        said_s, unsaid = self._said.get(cause, (None, 0))
        if said_s is not None and now_s - said_s < EVERY_S:
            self._said[cause] = (said_s, unsaid + 1)
            return
        self._said[cause] = (now_s, 0)
        more = f" (and {unsaid} more since the last such line)" if unsaid else ""
        logger.warning("%s%s", message, more)
