"""Knows whether the embedded log's file is still where it was, and whether it takes what is written."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from shared.errors import FatalError, RetryableError
from shared.log.sqlite_lock import FileLock

logger = logging.getLogger(__name__)

TRY_EVERY_S: Final = 5.0
"""How often something is written to a file that took nothing, to see whether it does again."""


class FileHealth:
    """What a log says of its file.

    Args:
        path: The file.
        file: As it was opened; None: nobody else knows of it, so it is not looked after.
        clock: Monotonic seconds.

    Attributes:
        path: The file.
        lost: What has become of the file; empty: it is there. It never comes back.
        trouble: Why nothing can be written; empty: it can.
    """

    def __init__(
        self, path: Path, file: FileLock | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.lost = ""
        self.trouble = ""
        self.path = path
        self._file = file
        self._clock = clock
        self._tried_s = 0.0

    def require_file(self) -> None:
        """Check that the file's name still leads to it: what is written to one without a name is gone later.

        Raises:
            FatalError: It does not, now or before.
        """
        if not self.lost and self._file is not None and (what := self._file.missing()):
            self.lost = what
        if self.lost:
            raise FatalError(
                f"the log file {self.path} {self.lost} while it was in use: nothing more "
                "is taken in; start again (put the file back before, if you have it; without it a new one is "
                "made, and a resync reads everything anew)"
            )

    def wrote(self) -> None:
        """Note that something was written."""
        if self.trouble:
            logger.warning("the log file takes writes again")
        self.trouble = ""

    def failed(self, error: RetryableError) -> None:
        """Note that nothing can be written."""
        if not self.trouble:
            logger.warning("nothing can be written: %s", error)
        self.trouble = str(error)
        self._tried_s = self._clock()

    def wants_try(self) -> bool:
        """Return whether it is time to write something, to see whether it can be done again."""
        return bool(self.trouble) and self._clock() - self._tried_s >= TRY_EVERY_S
