"""Publishes raw records, the only way there is: newest wins, and only while this replica leads."""

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Protocol

from schemas.headers import PREFIX
from services.fetcher.newest_wins import Key, NewestWins
from shared.errors import NotOwnerError
from shared.log.interface import Log, NewRecord

MAX_AGE_S = 600.0
"""A page that was asked for longer ago is read again before it is published."""
_OBSERVED_AT = PREFIX + "observedat"


def is_old(asked_at: datetime, now: datetime) -> bool:
    """Return whether what was asked for then must be read again."""
    return (now - asked_at).total_seconds() > MAX_AGE_S


class Flight(Protocol):
    """A request for a page that is in flight, from before it is sent until its rows are published."""

    def end(self) -> None:
        """Say that nothing of it will be published any more; saying so twice does nothing."""


BeginFlight = Callable[[], Flight]


class RawPublisher:
    """The gate to the raw topics, for listings and live changes alike. Used by the tasks of one event loop.

    It drops a row that was asked for before the newest it has published of that object: a page read before a
    live change never undoes it, nor the other way round.

    Args:
        log: Takes the records.
        leads: Whether this replica leads now: asked right before each publish.
        now: Wall clock, aware UTC; the one that stamps `observedat`.

    Attributes:
        superseded: Records dropped so far, since a newer version was published.
    """

    def __init__(self, log: Log, *, leads: Callable[[], bool], now: Callable[[], datetime]) -> None:
        self._log = log
        self._leads = leads
        self._now = now
        self._newest = NewestWins()
        self._locks: dict[str, asyncio.Lock] = {}
        self.superseded = 0

    @property
    def remembered(self) -> int:
        """Return how many objects are kept in memory for the requests in flight."""
        return len(self._newest)

    def begin_page(self) -> "_PageFlight":
        """Tell of a request for a page before it is sent."""
        return _PageFlight(self._newest, self._newest.begin_page(self._now()))

    @contextmanager
    def single(self, keys: Collection[Key]) -> Iterator[None]:
        """Hold for the time of the block that one object is being asked for and published.

        Args:
            keys: Topic and record key in each source that it is published to.
        """
        token = self._newest.begin_single(keys)
        try:
            yield
        finally:
            self._newest.end(token)

    async def publish(self, records: Sequence[NewRecord], since: datetime | None = None) -> int:
        """Publish records that are not superseded, and return how many those are.

        An object that was asked for alone is published within its `single` block.

        Args:
            records: Raw records of one topic; each says in `observedat` when it was asked for.
            since: When this replica had its leadership back; None: it never lost it.

        Raises:
            NotOwnerError: This replica does not lead (any more), or did not all the time since a record was
                asked for, so that another one may have published a newer version; nothing is published.
        """
        if not records:
            return 0
        # What is noted must have been written, and what is written must be noted before anything else is.
        async with self._locks.setdefault(records[0].topic, asyncio.Lock()):
            stamped = [(record, (record.topic, record.key or b""), _asked_at(record)) for record in records]
            if since is not None and any(asked_at < since for _, _, asked_at in stamped):
                raise NotOwnerError("it was asked for before another replica may have led; it is read again")
            fresh = [one for one in stamped if self._newest.admits(one[1], one[2])]
            if not self._leads():
                raise NotOwnerError("this replica does not lead any more; the next leader reads it again")
            try:
                if fresh:
                    await self._log.append([record for record, _, _ in fresh])
            except Exception:
                # Whoever publishes asks again: what is noted but was not written would supersede in vain.
                fresh = []
                raise
            finally:
                # Also when cancelled: what the log was given it may write all the same.
                for _, key, asked_at in fresh:
                    self._newest.note(key, asked_at)
        self.superseded += len(records) - len(fresh)
        return len(fresh)


class _PageFlight:
    """See `Flight`."""

    def __init__(self, newest: NewestWins, token: int) -> None:
        self._newest = newest
        self._token = token

    def end(self) -> None:
        """See `Flight`."""
        self._newest.end(self._token)


def _asked_at(record: NewRecord) -> datetime:
    """Return when a raw record was asked for.

    Raises:
        ValueError: The record does not say: it was not built by `raw_records`.
    """
    for name, value in record.headers:
        if name == _OBSERVED_AT and value is not None:
            return datetime.fromisoformat(value.decode())
    raise ValueError(f"a raw record without {_OBSERVED_AT}: {record.topic}")
