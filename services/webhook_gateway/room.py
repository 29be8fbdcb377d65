"""Bounds the bytes of requests in hand."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from services.webhook_gateway.counters import GatewayCounters

REQUEST_BYTES: Final = 4096
"""What a request takes beside its body: headers, tasks, the connection's buffers."""


class Room:
    """Room for so many bytes, all requests together.

    Args:
        limit_bytes: Most there may be.
        counters: Where it is shown what is taken.
    """

    def __init__(self, limit_bytes: int, counters: GatewayCounters) -> None:
        self._limit_bytes = limit_bytes
        self._counters = counters
        self._receiving: dict[Place, Callable[[], None]] = {}

    def take(self, number: int) -> bool:
        """Take room for a number of bytes; False: there is not so much."""
        taken = self._counters.bytes_in_hand + number
        if taken > self._limit_bytes:
            return False
        self._counters.bytes_in_hand = taken
        self._counters.bytes_in_hand_peak = max(self._counters.bytes_in_hand_peak, taken)
        return True

    def give_back(self, number: int) -> None:
        """Give back what was taken."""
        self._counters.bytes_in_hand -= number

    def make(self, number: int, taker: "Place") -> None:
        """Have senders go that have owed the rest of their body for longest, until so much is free.

        A body that is not a stranger's is whole within milliseconds.
        """
        for place in list(self._receiving):
            if self._counters.bytes_in_hand + number <= self._limit_bytes:
                return
            if place is not taker:
                self._receiving.pop(place)()
                place.leave()

    def wait_for(self, place: "Place", go: Callable[[], None]) -> None:
        """Note a place whose body is still to come.

        Args:
            place: The place.
            go: Called when its sender has to go.
        """
        self._receiving[place] = go

    def is_whole(self, place: "Place") -> None:
        """Note that nothing more comes."""
        self._receiving.pop(place, None)


class Place:
    """What one request takes of the room; it grows with its body and is given back once."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._held = 0

    def grow(self, number: int) -> bool:
        """Take more; False: there is no more, even if all others go that are not whole."""
        if not self._room.take(number):
            self._room.make(number, self)
            if not self._room.take(number):
                return False
        self._held += number
        return True

    @contextmanager
    def receiving(self, go: Callable[[], None]) -> Iterator[None]:
        """Say for the time of the block that the body is not whole: others may need the room.

        Args:
            go: Called when its sender has to go; what it held is free by then.
        """
        self._room.wait_for(self, go)
        try:
            yield
        finally:
            self._room.is_whole(self)

    def hand_over(self) -> "Place":
        """Return a place that holds what this one held: the bytes outlive the request."""
        other = Place(self._room)
        other._held, self._held = self._held, 0
        return other

    def leave(self) -> None:
        """Give everything back."""
        self._room.give_back(self._held)
        self._held = 0
