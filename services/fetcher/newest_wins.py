"""Decides whether a version of an object may still be published: not if a newer one has been."""

import heapq
from collections import Counter
from collections.abc import Iterable
from datetime import datetime

Key = tuple[str, bytes]
"""Topic and record key of an object."""


class NewestWins:
    """Remembers of published versions only what a request still in flight could undo.

    A request for one object can undo what anybody publishes of it meanwhile; a request for a page can undo
    any object that was published singly meanwhile. (Pages of one run never bring an object twice.) Versions
    are told apart by the moment at which they were asked for. Memory grows with what changes live while a
    page is read, not with the account.
    """

    def __init__(self) -> None:
        self._newest: dict[Key, datetime] = {}
        # What may be forgotten first comes first.
        self._by_age: list[tuple[datetime, Key]] = []
        self._pages: dict[int, datetime] = {}
        self._singles: dict[int, tuple[Key, ...]] = {}
        self._watched: Counter[Key] = Counter()
        self._last_token = 0

    def __len__(self) -> int:
        """Return how many objects are remembered."""
        return len(self._newest)

    def begin_page(self, at: datetime) -> int:
        """Note a request for a page before it is sent; the token ends it."""
        self._last_token += 1
        self._pages[self._last_token] = at
        return self._last_token

    def begin_single(self, keys: Iterable[Key]) -> int:
        """Note a request for one object, by its keys, before it is sent; the token ends it."""
        self._last_token += 1
        self._singles[self._last_token] = held = tuple(keys)
        self._watched.update(held)
        return self._last_token

    def end(self, token: int) -> None:
        """Note that what the request brought is published or given up; ending twice does nothing."""
        self._pages.pop(token, None)
        keys = self._singles.pop(token, ())
        for key in keys:
            self._watched[key] -= 1
            if not self._watched[key]:
                del self._watched[key]
                self._forget_if_safe(key)
        self._forget_old()

    def admits(self, key: Key, asked_at: datetime) -> bool:
        """Return whether a version is not older than the newest that was published."""
        newest = self._newest.get(key)
        return newest is None or asked_at >= newest

    def note(self, key: Key, asked_at: datetime) -> None:
        """Remember a version that was published, if anybody asks for this object alone.

        Args:
            key: The object.
            asked_at: When the request that brought it was sent.
        """
        if key not in self._watched:
            return
        newest = self._newest.get(key)
        if newest is None or asked_at > newest:
            self._newest[key] = asked_at
            heapq.heappush(self._by_age, (asked_at, key))

    def _is_undoable(self, asked_at: datetime) -> bool:
        """Whether a page that was asked for before this moment is still in flight."""
        return bool(self._pages) and self._oldest_page() < asked_at

    def _oldest_page(self) -> datetime:
        # Requests in flight are few: pages of one account.
        return min(self._pages.values())

    def _forget_if_safe(self, key: Key) -> None:
        newest = self._newest.get(key)
        if newest is not None and key not in self._watched and not self._is_undoable(newest):
            del self._newest[key]

    def _forget_old(self) -> None:
        while self._by_age and not self._is_undoable(self._by_age[0][0]):
            _, key = heapq.heappop(self._by_age)
            # One that is watched goes when nobody watches it any more.
            self._forget_if_safe(key)
