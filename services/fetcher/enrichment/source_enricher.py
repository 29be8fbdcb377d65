"""Adds every key that is read of one source's objects, and keeps account of what could not be had."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.fetcher.enrichment.interface import Named, Part
from shared.tasks import all_of


@dataclass(slots=True)
class _Lack:
    objects: int
    why: str


class SourceEnricher:
    """See `Enricher`.

    Args:
        kind: The kind, for what is said.
        parts: One per key.
        asks_per_object: Whether one of them asks for each object.
    """

    def __init__(self, kind: str, parts: Sequence[Part], *, asks_per_object: bool) -> None:
        self._kind = kind
        self._parts = parts
        self._lacks: dict[str, _Lack] = {}
        self.asks_per_object = asks_per_object

    @property
    def requests(self) -> int:
        """Requests to PagerDuty so far, repetitions included."""
        return sum(part.requests for part in self._parts)

    async def enrich(self, rows: Sequence[Named]) -> Mapping[str, tuple[str, ...]]:
        """See `Enricher`."""
        if not rows:
            return {}
        lacking: dict[str, Mapping[str, str]] = {}

        async def add(part: Part) -> None:
            lacking[part.key] = await part.add(rows)

        await all_of(*map(add, self._parts))
        found: dict[str, tuple[str, ...]] = {}
        for part in self._parts:
            for object_id, why in lacking[part.key].items():
                self._lacks.setdefault(part.key, _Lack(0, why)).objects += 1
                found[object_id] = (*found.get(object_id, ()), part.key)
        return found

    def warnings(self) -> list[str]:
        """See `Enricher`."""
        return [
            f"{key} could not be had for {lack.objects} {self._kind}; what is made of it stays as it is in "
            f"Port: {lack.why}"
            for key, lack in self._lacks.items()
        ]
