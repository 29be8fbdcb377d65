"""States what a listing asks of its enrichment, and the enrichment of each of its parts."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

Row = dict[str, Any]
"""A PagerDuty object: foreign JSON. What is added may be an `orjson.Fragment`, JSON that is text already."""
Named = tuple[str, Row]
"""Object id and object."""


class Part(Protocol):
    """Adds one key to the objects of one source."""

    @property
    def key(self) -> str:
        """The key, as mappings name it."""

    @property
    def requests(self) -> int:
        """Requests to PagerDuty so far, repetitions included."""

    async def add(self, rows: Sequence[Named]) -> Mapping[str, str]:
        """Add the key to rows, in place.

        Returns:
            The ids of those that it could not be had for, each with the reason. They do not have the key:
            it is unknown, which is another thing than null.

        Raises:
            FatalError: PagerDuty refuses the token, or gives nothing at all.
        """


class Enricher(Protocol):
    """Adds all keys that are read of the objects of one source."""

    @property
    def requests(self) -> int:
        """Requests to PagerDuty so far, repetitions included."""

    @property
    def asks_per_object(self) -> bool:
        """Whether each object costs requests of its own."""

    async def enrich(self, rows: Sequence[Named]) -> Mapping[str, tuple[str, ...]]:
        """Add the keys to rows, in place.

        Returns:
            The ids of those that lack keys, each with these keys.

        Raises:
            FatalError: PagerDuty refuses the token, or gives nothing at all.
        """

    def warnings(self) -> list[str]:
        """Return in a sentence each what could not be had, for how many objects, and why."""
