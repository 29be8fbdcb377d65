"""Knows which objects were published as they were when, so that older events of them cost no request."""

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Final

from services.fetcher.hydration.worklist import Subject

SLACK: Final = timedelta(seconds=10)
"""How far the clocks of gateway and fetcher may be apart, and how late PagerDuty may show what it tells of.

An event must be older than the request by more than this.
"""
KEPT: Final = 20_000
"""Objects that are remembered, those published last; of the others an event costs a request."""


class Covered:
    """What was published, by object. After a burst it saves a request for nearly every event of it."""

    def __init__(self) -> None:
        self._asked_at: OrderedDict[Subject, datetime] = OrderedDict()

    def note(self, subject: Subject, asked_at: datetime) -> None:
        """Note that an object is published.

        Args:
            subject: The object.
            asked_at: When the request for it was sent.
        """
        self._asked_at[subject] = asked_at
        self._asked_at.move_to_end(subject)
        if len(self._asked_at) > KEPT:
            self._asked_at.popitem(last=False)

    def covers(self, subject: Subject, event_ms: int, now: datetime) -> bool:
        """Return whether what was published shows what an event tells of.

        Args:
            subject: The object.
            event_ms: When the log got the event, in milliseconds since the epoch.
            now: What was asked for later than that, the clock has been set back since: it says nothing.
        """
        asked_at = self._asked_at.get(subject)
        if asked_at is None or asked_at > now:
            return False
        return event_ms / 1000 < (asked_at - SLACK).timestamp()

    def forget(self) -> None:
        """Forget everything: what an object is published to may be something else from now on."""
        self._asked_at.clear()
