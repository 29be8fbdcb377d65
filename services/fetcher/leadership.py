"""Says whether this process leads, and lets work wait until it does."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

from shared.log.interface import Sleep

LOOK_S: Final = 0.1


class Leadership:
    """The leave of one run to publish.

    Args:
        holds: Whether this process is the active fetcher now.
        sleep: Waits between two looks.

    Attributes:
        since: When this process had its leadership back; None: it never lost it. What was asked for before
            may be older than what another one has published meanwhile.
    """

    def __init__(self, holds: Callable[[], bool], *, sleep: Sleep = asyncio.sleep) -> None:
        self._holds = holds
        self._sleep = sleep
        self._is_paused = False
        self._is_given_up = False
        self.since: datetime | None = None

    @property
    def is_given_up(self) -> bool:
        """Whether the run is left to the next leader."""
        return self._is_given_up

    def holds(self) -> bool:
        """Return whether this may be published now."""
        return not self._is_paused and not self._is_given_up and self._holds()

    async def gate(self) -> None:
        """Return when this process leads: at once, or after a rebalance. A run given up waits for its end."""
        while not self.holds():
            await self._sleep(LOOK_S)

    def pause(self) -> None:
        """Keep the gate closed, also when this process leads again: somebody else may have gone on."""
        self._is_paused = True

    def go_on(self, at: datetime) -> None:
        """Open the gate again: nobody has taken the run over."""
        self._is_paused = False
        self.since = at

    def give_up(self) -> None:
        """Leave the run as it is, for the next leader."""
        self._is_given_up = True


def undisputed() -> Leadership:
    """Return the leadership of a process that is alone."""
    return Leadership(lambda: True)
