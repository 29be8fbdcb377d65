"""Says what is in `pagerport.mapping`: the mapping in force, complete listings, how the fetcher stands."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from pydantic import ValidationError

from schemas.complete_listing import CompleteListing
from schemas.headers import Origin, RecordHeaders
from schemas.mapping import MappingInForce
from schemas.standing import Standing
from schemas.topics import MAPPING
from schemas.versions import SCHEMA_VERSION, version_of
from shared.installations import foreign, held_line
from shared.left_out import say_left_out
from shared.log.interface import NewRecord, Record

logger = logging.getLogger(__name__)

LISTING_PREFIX: Final = "complete/"
STANDING_PREFIX: Final = "standing/"


@dataclass(slots=True)
class MappingRecords:
    """The topic folded by key.

    Attributes:
        identifier: The installation whose mapping it is.
        in_force: The newest version; None: none was published yet.
        listings: Raw topic to its last complete listing.
        standing: How the active fetcher says it stands; None: it has not said.
        newer: Why the newest version cannot be used; empty: it can.
        shared: Which other installation has the topic too; empty: none has.
        left_out: How many records could not be read.
        is_spoiled: Whether the last record of the mapping's own key is one of these. Compaction keeps that
            one alone, so the version in force must be written again.
    """

    identifier: str
    in_force: MappingInForce | None = None
    listings: dict[str, CompleteListing] = field(default_factory=dict)
    standing: Standing | None = None
    newer: str = ""
    shared: str = ""
    left_out: int = 0
    is_spoiled: bool = False

    @property
    def held(self) -> str:
        """Return why no mapping can be used; empty: the newest can."""
        return self.shared or self.newer

    def take(self, records: Iterable[Record]) -> bool:
        """Fold records in; return whether another version is in force since.

        One that cannot be read is skipped; one of a newer schema leaves the version before it in force.
        """
        before = self.in_force
        for record in records:
            other = foreign(record.headers, self.identifier)
            if other is not None:
                if record.value is not None and not self.shared:
                    self.shared = held_line(record, other, self.identifier)
                    logger.error(self.shared)
                continue
            key = (record.key or b"").decode("utf-8", "replace")
            try:
                if key == self.identifier:
                    self._take_version(record)
                elif key == STANDING_PREFIX + self.identifier and record.value:
                    self.standing = Standing.model_validate_json(record.value)
                elif key.startswith(LISTING_PREFIX):
                    self._take_listing(key.removeprefix(LISTING_PREFIX), record.value)
            except ValidationError as error:
                self.left_out += 1
                say_left_out(record, f"{error.error_count()} mistakes")
        return self.in_force is not before

    def version(self) -> int:
        """Return the number of the version in force; 0: there is none."""
        return 0 if self.in_force is None else self.in_force.version

    def _take_version(self, record: Record) -> None:
        value = record.value or b""
        if (schema_version := version_of(value)) > SCHEMA_VERSION:
            self.is_spoiled = False
            self.newer = (
                f"{record.topic}/{record.partition} offset {record.offset} has a mapping of schema version "
                f"{schema_version}, newer than this release; upgrade it"
            )
            logger.error(self.newer)
            return
        self.is_spoiled = True
        mapping = MappingInForce.model_validate_json(value)
        self.is_spoiled = False
        if self.in_force is None or mapping.version > self.in_force.version:
            # An older number behind a newer one is the last word of a leader that was one no more.
            self.newer = ""
            self.in_force = mapping

    def _take_listing(self, topic: str, value: bytes | None) -> None:
        if value is None:
            self.listings.pop(topic, None)
        else:
            self.listings[topic] = CompleteListing.model_validate_json(value)


def mapping_record(mapping: MappingInForce, *, identifier: str, made_at: datetime) -> NewRecord:
    """Return the record that puts a version in force."""
    value = mapping.model_dump_json(by_alias=True, exclude_unset=True).encode()
    headers = _headers(f"mapping-{mapping.version}", identifier, identifier, mapping.run_id, made_at)
    return NewRecord(MAPPING.name, identifier.encode(), value, headers)


def listing_record(listing: CompleteListing, *, identifier: str, made_at: datetime) -> NewRecord:
    """Return the record that says that a listing was complete."""
    subject = LISTING_PREFIX + listing.topic
    headers = _headers(f"{subject}@{listing.run_id}", subject, identifier, listing.run_id, made_at)
    return NewRecord(MAPPING.name, subject.encode(), listing.model_dump_json().encode(), headers)


def standing_record(standing: Standing, *, identifier: str, made_at: datetime) -> NewRecord:
    """Return the record that says how the active fetcher stands."""
    subject = STANDING_PREFIX + identifier
    headers = _headers(f"{subject}@{made_at.isoformat()}", subject, identifier, "", made_at)
    return NewRecord(MAPPING.name, subject.encode(), standing.model_dump_json().encode(), headers)


def _headers(
    record_id: str, subject: str, identifier: str, run_id: str, made_at: datetime
) -> tuple[tuple[str, bytes], ...]:
    return RecordHeaders(
        id=record_id,
        source=f"pagerport/{identifier}/fetcher",
        type="pagerport.mapping",
        subject=subject,
        time=made_at,
        origin=Origin.RESYNC,
        runid=run_id,
    ).encode()
