"""Holds what the conductor knows of the run in hand."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from schemas.mapping import MappingInForce
from schemas.run import KindResult, RunResult
from schemas.topics import DLQ_PREFIX
from services.fetcher.run_letters import OpenLetter
from services.fetcher.waves import relating_entries, searching_entries
from shared.log.interface import TopicPartition
from shared.log.offsets import by_place
from shared.sources import Source

Offsets = dict[TopicPartition, int]


@dataclass(slots=True)
class RunInHand:
    """One attempt of one run.

    Attributes:
        result: What is published of it.
        sources: What is listed; in a replay, what the mapping asks for.
        kind_of: Raw topic to kind, of the topics that take part.
        mapping: In force for the whole run; None: a replay whose version is not published yet.
        closed: Letters whose objects were asked for again.
        listings: Raw topic to how its listing stands.
    """

    result: RunResult
    sources: Sequence[Source]
    kind_of: dict[str, str]
    mapping: MappingInForce | None
    closed: list[OpenLetter] = field(default_factory=list)
    listings: dict[str, KindResult] = field(default_factory=dict)

    @property
    def creates_missing(self) -> bool:
        """Whether Port makes placeholders for relation targets that are not there."""
        return self.mapping is None or self.mapping.config.create_missing_related_entities

    @property
    def searching(self) -> frozenset[int]:
        """Return the entries that search Port: what they look for may not have been there."""
        return frozenset() if self.mapping is None else searching_entries(self.mapping.config)

    @property
    def relating(self) -> frozenset[int]:
        """Return the entries that search Port for the target of a relation."""
        return frozenset() if self.mapping is None else relating_entries(self.mapping.config)

    @property
    def letters_from(self) -> Offsets:
        """Return where the dead letters of the run begin."""
        return self.noted([topic for topic in self.result.noted if topic.startswith(DLQ_PREFIX)])

    def noted(self, topics: Sequence[str]) -> Offsets:
        """Return the end offsets of topics when the run began."""
        return by_place({topic: self.result.noted.get(topic, {}) for topic in topics})
