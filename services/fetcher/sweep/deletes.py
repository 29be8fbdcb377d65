"""Builds the records by which a sweep hands its deletes to the writer."""

from datetime import datetime

from schemas.entity_change import ChangeSource, EntityChange
from schemas.headers import Operation, Origin, RecordHeaders
from schemas.topics import ENTITIES
from services.fetcher.sweep.scratch import Candidate
from shared.log.interface import NewRecord

ABSENT = "absent"


def delete_record(
    candidate: Candidate,
    unless_updated_since: datetime,
    *,
    kind: str,
    object_id: str,
    run_id: str,
    mapping_version: int,
    identifier: str,
    now: datetime,
) -> NewRecord:
    """Return the delete of one entity.

    Args:
        candidate: The entity.
        unless_updated_since: It stays if Port has updated it since.
        kind: Kind of the objects that made it, unless an object proposed its delete.
        object_id: The object it stood for, unless an object proposed its delete; empty: not known.
        run_id: What the records of the run carry.
        mapping_version: In force for the run.
        identifier: The installation.
        now: Aware UTC.
    """
    proposal = candidate.proposal
    change = EntityChange(
        operation=Operation.DELETE,
        blueprint=candidate.blueprint,
        identifier=candidate.entity.identifier,
        # Whatever depends on it has objects of its own.
        delete_dependents=False,
        reason=proposal.reason if proposal else ABSENT,
        unless_updated_since=unless_updated_since,
        source=ChangeSource(
            kind=proposal.kind if proposal else kind,
            object_id=proposal.object_id if proposal else object_id,
            mapping_version=mapping_version,
        ),
    )
    key = change.key()
    headers = RecordHeaders(
        id=f"{key.decode()}@{run_id}",
        source=f"pagerport/{identifier}/fetcher",
        type="pagerport.entity",
        subject=key.decode(),
        time=now,
        operation=Operation.DELETE,
        origin=Origin.SWEEP,
        kind=change.source.kind,
        runid=run_id,
    )
    value = change.model_dump_json(exclude_unset=True).encode()
    return NewRecord(ENTITIES.name, key, value, headers.encode())
