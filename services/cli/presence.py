"""Says whether anybody takes what is asked of an installation: a fetcher that runs now."""

import sys
from typing import Final

from services.cli.open_log import name_of
from shared.groups import FETCHER_GROUP
from shared.log.interface import Log
from shared.log.sqlite import SqliteLog

LOOK_EVERY_S: Final = 5.0
PATIENCE_S: Final = 60.0
"""How long a command waits for somebody to start one."""


def nobody(log: Log) -> str:
    """Return in words that nobody reads this log now, and what to start for it."""
    if isinstance(log, SqliteLog):
        return f"no fetcher seems to run over {name_of(log)}: start `pagerport run`"
    return (
        f"no fetcher seems to run on {name_of(log)}: start `pagerport fetcher` (`pagerport run` does not use "
        "Kafka)"
    )


async def say_nobody(log: Log) -> None:
    """Say on stderr if nobody runs who would read a request from this log soon."""
    if not await fetcher_runs(log):
        print(f"{nobody(log)}; the request waits in the log", file=sys.stderr, flush=True)


async def fetcher_runs(log: Log) -> bool:
    """Return whether a process consumes the file, or the fetcher's group has a member."""
    if isinstance(log, SqliteLog):
        return log.is_consumed()
    from shared.log.kafka import KafkaLog

    return not isinstance(log, KafkaLog) or await log.has_members(FETCHER_GROUP)


class Absence:
    """Adds up for how long nobody has been there.

    Args:
        patience_s: After so long it is too long.
    """

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self.patience_s = patience_s
        self._alone_s = 0.0
        self._until_look_s = 0.0
        self.is_alone = False

    def wants_look(self, passed_s: float) -> bool:
        """Return whether it is time to look again, having waited for so long."""
        self._until_look_s -= passed_s
        if self.is_alone:
            self._alone_s += passed_s
        if self._until_look_s > 0:
            return False
        self._until_look_s = LOOK_EVERY_S
        return True

    def note(self, *, runs: bool) -> bool:
        """Take what a look has found; return whether it is news that nobody is there."""
        is_news = not runs and not self.is_alone
        self.is_alone = not runs
        if runs:
            self._alone_s = 0.0
        return is_news

    @property
    def is_too_long(self) -> bool:
        """Whether waiting on is of no use."""
        return self.is_alone and self._alone_s >= self.patience_s
