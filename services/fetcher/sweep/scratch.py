"""Keeps what a sweep has read in a scratch file: memory does not grow with the account."""

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

from services.fetcher.sweep.judgement import Claim, Evidence, Owned
from services.fetcher.sweep.statements import Said, Statement

Target = tuple[str, str]
"""Blueprint and identifier; an empty blueprint stands for any."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SCHEMA = """
PRAGMA journal_mode = OFF;
CREATE TABLE word (
  entity INTEGER, object INTEGER, makes INTEGER,
  blueprint TEXT, identifier TEXT, kind TEXT, object_id TEXT, reason TEXT,
  PRIMARY KEY (entity, object)
) WITHOUT ROWID;
CREATE TABLE target (entity INTEGER PRIMARY KEY);
CREATE TABLE candidate (
  blueprint TEXT, identifier TEXT, updated INTEGER, created INTEGER, PRIMARY KEY (blueprint, identifier)
) WITHOUT ROWID;
CREATE TABLE doomed (blueprint TEXT, identifier TEXT, PRIMARY KEY (blueprint, identifier)) WITHOUT ROWID;
"""
_DISOWNED = "SELECT entity, kind, object_id, reason FROM word WHERE makes = 0 AND entity"
_SAY = """
INSERT INTO word VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET
  makes = excluded.makes, blueprint = excluded.blueprint, identifier = excluded.identifier,
  kind = excluded.kind, object_id = excluded.object_id, reason = excluded.reason
"""


@dataclass(frozen=True, slots=True)
class Proposal:
    """Who proposed to delete an entity, and why."""

    kind: str
    object_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entity of ours that no object read makes, with what is known of it now."""

    blueprint: str
    entity: Owned
    evidence: Evidence
    proposal: Proposal | None


class Scratch:
    """What was said of entities, by 64-bit hash, and our entities of which nobody said that he makes them.

    Of a million entities two share a hash with a probability of 3 in 100 million; then one counts as made.
    SQLite keeps the tables in memory while they are small and moves them to a file without a name as they
    grow.
    """

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(_SCHEMA)

    def close(self) -> None:
        """Forget everything."""
        self._database.close()

    def say(self, statements: Sequence[Statement]) -> None:
        """Take statements in the order of their records: the last word of an object on an entity counts."""
        self._many(_SAY, [_word(one) for one in statements])

    def name_targets(self, targets: Sequence[Target]) -> None:
        """Note entities that are the target of a relation."""
        rows = [(_hash(f"{blueprint}/{identifier}".encode()),) for blueprint, identifier in targets]
        self._many("INSERT OR IGNORE INTO target VALUES (?)", rows)

    def evidence(self, blueprint: str, entities: Sequence[Owned]) -> list[tuple[Evidence, Proposal | None]]:
        """Return what is known of entities of a blueprint, in their order."""
        keys = [_hash(f"{blueprint}/{one.identifier}".encode()) for one in entities]
        anywhere = [_hash(f"/{one.identifier}".encode()) for one in entities]
        disowned: dict[int, list[Proposal]] = {}
        for entity, *proposal in self._database.execute(f"{_DISOWNED} IN ({_marks(keys)})", keys):
            disowned.setdefault(entity, []).append(Proposal(*proposal))
        made = self._among("SELECT entity FROM word WHERE makes = 1 AND entity", keys)
        targets = self._among("SELECT entity FROM target WHERE entity", {*keys, *anywhere})
        return [
            _evidence(
                one,
                disowned.get(key, []),
                is_made=key in made,
                is_related=key in targets or anyhow in targets,
            )
            for one, key, anyhow in zip(entities, keys, anywhere, strict=True)
        ]

    def _among(self, query: str, keys: Collection[int]) -> set[int]:
        """Return those of the keys that a query finds."""
        found = self._database.execute(f"{query} IN ({_marks(keys)})", list(keys))
        return {entity for (entity,) in found}

    def proposed(self, blueprint: str, chunk: int) -> Iterator[list[str]]:
        """Return the identifiers of a blueprint of which deletes are proposed, in chunks."""
        query = "SELECT DISTINCT identifier FROM word WHERE makes = 0 AND blueprint = ?"
        return self._identifiers(query, blueprint, chunk)

    def doom(self, blueprint: str, identifiers: Sequence[str]) -> None:
        """Note entities whose deletes are handed over."""
        self._many("INSERT OR IGNORE INTO doomed VALUES (?, ?)", [(blueprint, one) for one in identifiers])

    def doomed(self, blueprint: str, chunk: int) -> Iterator[list[str]]:
        """Return the identifiers of a blueprint whose deletes are handed over, in chunks, sorted."""
        query = "SELECT identifier FROM doomed WHERE blueprint = ? ORDER BY identifier"
        return self._identifiers(query, blueprint, chunk)

    def _identifiers(self, query: str, blueprint: str, chunk: int) -> Iterator[list[str]]:
        rows = self._database.execute(query, (blueprint,))
        while found := rows.fetchmany(chunk):
            yield [identifier for (identifier,) in found]

    def keep_candidates(self, blueprint: str, entities: Sequence[Owned]) -> None:
        """Note entities to come back to."""
        rows = [
            (blueprint, one.identifier, _instant(one.updated_at), _instant(one.created_at))
            for one in entities
        ]
        self._many("INSERT OR REPLACE INTO candidate VALUES (?, ?, ?, ?)", rows)

    def candidates(self, blueprint: str, chunk: int) -> Iterator[list[Candidate]]:
        """Return the noted entities of a blueprint in chunks, sorted, with what is known of them now."""
        query = "SELECT identifier, updated, created FROM candidate WHERE blueprint = ? ORDER BY identifier"
        rows = self._database.execute(query, (blueprint,))
        while found := rows.fetchmany(chunk):
            entities = [
                Owned(identifier=identifier, updated_at=_moment(updated), created_at=_moment(created))
                for identifier, updated, created in found
            ]
            known = self.evidence(blueprint, entities)
            yield [
                Candidate(blueprint, entity, evidence, proposal)
                for entity, (evidence, proposal) in zip(entities, known, strict=True)
            ]

    def _many(self, query: str, rows: Sequence[tuple[object, ...]]) -> None:
        self._database.execute("BEGIN")
        self._database.executemany(query, rows)
        self._database.execute("COMMIT")


def _word(one: Statement) -> tuple[object, ...]:
    makes = one.said is Said.MAKES
    told = (
        ("", "", "", "", "")
        if makes
        else (one.blueprint, one.identifier, one.kind, one.object_id, one.reason)
    )
    return (
        _hash(one.key),
        _hash(f"{one.topic}/{one.object_id}".encode()),
        makes,
        *told,
    )


def _evidence(
    entity: Owned, disowned: Sequence[Proposal], *, is_made: bool, is_related: bool
) -> tuple[Evidence, Proposal | None]:
    if is_made:
        return Evidence(claim=Claim.MADE, is_related=is_related), None
    if not disowned:
        return Evidence(claim=Claim.NONE, is_related=is_related), None
    # The object whose id it bears, if that is one of them, can say most.
    proposal = max(disowned, key=lambda one: one.object_id == entity.identifier)
    evidence = Evidence(
        claim=Claim.PROPOSED,
        object_id=proposal.object_id,
        is_related=is_related,
    )
    return evidence, proposal


def _hash(text: bytes) -> int:
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big", signed=True)


def _marks(values: Collection[int]) -> str:
    return ",".join("?" * len(values))


def _instant(at: datetime | None) -> int | None:
    return None if at is None else (at - _EPOCH) // _MICROSECOND


def _moment(instant: int | None) -> datetime | None:
    return None if instant is None else _EPOCH + instant * _MICROSECOND
