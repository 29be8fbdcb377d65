"""Is an event loop whose time passes only when nothing else is left to do: hours take milliseconds."""

import asyncio
import selectors
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

STUCK_S = 5.0
"""Without anything to wait for, nor anything that comes from outside, a loop would stand still forever."""


class ClockworkLoop(asyncio.SelectorEventLoop):
    """Runs what is ready, then jumps to the next timer. One thread, no processes: nothing else takes time."""

    def __init__(self) -> None:
        self.now_s = 1_000_000.0
        super().__init__(_Jumping(self))

    def time(self) -> float:
        """Return the time as the last jump left it."""
        return self.now_s


class _Jumping(selectors.BaseSelector):
    """Turns the time that a loop would wait into time that has passed."""

    def __init__(self, loop: ClockworkLoop) -> None:
        self._loop = loop
        self._real = selectors.DefaultSelector()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            found = self._real.select(STUCK_S)
            if not found:
                raise RuntimeError("everything waits for something that nobody does")
            return found
        found = self._real.select(0)
        if not found and timeout > 0:
            self._loop.now_s += timeout
        return found

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def close(self) -> None:
        self._real.close()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()


class WallClock:
    """Tells the time of day of one example: it goes with the loop's, and begins in the past.

    The oracle asks for what lies around the real time; whatever an example does is over by then.
    """

    def __init__(self, loop: ClockworkLoop) -> None:
        self._loop = loop
        self._began_s = loop.now_s
        self._began_at = datetime.now(UTC).replace(microsecond=0) - timedelta(days=20)

    def now(self) -> datetime:
        return self._began_at + timedelta(seconds=self._loop.now_s - self._began_s)

    def seconds(self) -> float:
        return self.now().timestamp()
