"""Keeps what waits to be hydrated: events of one object that wait together are one job."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.refresh_request import RefreshCause
from services.fetcher.hydration.triggers import Trigger
from shared.log.interface import Record

Subject = tuple[str, str]
"""Kind and object id."""
Place = tuple[int, int]
"""Partition and offset of a record."""


@dataclass(slots=True)
class Job:
    """One object that is to be asked for, on behalf of all the records that wait for it.

    Attributes:
        kind: PagerDuty kind.
        object_id: Key of the object.
        records: Places of the records, in order.
        last: The newest of them.
        body: Best that is known of the object.
        is_deleted: PagerDuty said that it is gone; ids are never used again.
        has_events: Whether PagerDuty itself has said something of it.
        is_new: Whether it has said that the object was made: it may be so new that a GET misses it.
        letters: Address of each dead letter to close to the reason why it was asked for.
        is_confirmed: Whether an operator has released what comes of it.
        traceparent: Of the newest event that is traced; empty: none is.
        misses: How often PagerDuty has answered that there is no such object.
        ready_at_s: Not to be begun before; monotonic seconds.
    """

    kind: str
    object_id: str
    last: Record
    records: list[Place] = field(default_factory=list)
    body: Mapping[str, Any] = field(default_factory=dict)
    is_deleted: bool = False
    has_events: bool = False
    is_new: bool = False
    letters: dict[str, RefreshCause] = field(default_factory=dict)
    is_confirmed: bool = False
    traceparent: str = ""
    misses: int = 0
    ready_at_s: float = 0.0

    @property
    def subject(self) -> Subject:
        """Return kind and id."""
        return self.kind, self.object_id

    def add(self, record: Record, trigger: Trigger) -> None:
        """Let a record wait with the others."""
        self.records.append((record.partition, record.offset))
        self.last = record
        if len(trigger.body) >= len(self.body):
            self.body = trigger.body
        self.is_deleted |= trigger.is_deleted
        self.has_events |= trigger.cause is None
        self.is_new |= trigger.is_new
        self.is_confirmed |= trigger.cause is RefreshCause.RELEASE
        self.traceparent = trigger.traceparent or self.traceparent
        if trigger.cause is not None:
            self.letters.update(dict.fromkeys(trigger.letters, trigger.cause))

    def absorb(self, later: "Job") -> None:
        """Take over what has come for the same object since this job began."""
        self.records += later.records
        self.last = later.last
        if len(later.body) >= len(self.body):
            self.body = later.body
        self.is_deleted |= later.is_deleted
        self.has_events |= later.has_events
        self.is_new |= later.is_new
        self.is_confirmed |= later.is_confirmed
        self.traceparent = later.traceparent or self.traceparent
        self.letters.update(later.letters)


class Worklist:
    """Records that are not settled yet, and those that are but may be handed in once more.

    A record that comes while its object is being asked for begins a new job, which waits for that one: the
    answer may be older than what the record tells of.
    """

    def __init__(self) -> None:
        self._waiting: dict[Subject, Job] = {}
        self._running: dict[Subject, Job] = {}
        self._open: dict[Place, int] = {}
        """Time of each record that is not settled, in milliseconds since the epoch."""
        self._settled: set[Place] = set()

    @property
    def open_records(self) -> int:
        """Return how many records are not settled."""
        return len(self._open)

    @property
    def running(self) -> int:
        """Return how many jobs are begun."""
        return len(self._running)

    def oldest_ms(self) -> int | None:
        """Return the time of the oldest record that is not settled; None: there is none."""
        return min(self._open.values(), default=None)

    def knows(self, record: Record) -> bool:
        """Return whether a record was handed in before."""
        place = (record.partition, record.offset)
        return place in self._open or place in self._settled

    def is_settled(self, record: Record) -> bool:
        """Return whether a record's effect is durable."""
        return (record.partition, record.offset) in self._settled

    def settle(self, record: Record) -> None:
        """Note a record of which nothing follows."""
        self._settled.add((record.partition, record.offset))

    def add(self, record: Record, trigger: Trigger) -> bool:
        """Let a record wait for its object; return whether it joined others that wait."""
        subject = (trigger.kind, trigger.object_id)
        job = self._waiting.get(subject)
        joined = job is not None
        if job is None:
            job = self._waiting[subject] = Job(trigger.kind, trigger.object_id, record)
        job.add(record, trigger)
        self._open[record.partition, record.offset] = record.timestamp_ms
        return joined

    def begin(self, now_s: float) -> Job | None:
        """Return the job that has waited longest and may begin; None: there is none."""
        for subject, job in self._waiting.items():
            if subject not in self._running and job.ready_at_s <= now_s:
                del self._waiting[subject]
                self._running[subject] = job
                return job
        return None

    def finish(self, job: Job) -> None:
        """Settle the records of a job."""
        del self._running[job.subject]
        for place in job.records:
            self._open.pop(place, None)
            self._settled.add(place)

    def put_back(self, job: Job) -> None:
        """Let a job wait again, before all others, with what has come for its object meanwhile."""
        del self._running[job.subject]
        if (later := self._waiting.pop(job.subject, None)) is not None:
            job.absorb(later)
        self._waiting = {job.subject: job, **self._waiting}

    def forget_before(self, firsts: Mapping[int, int]) -> None:
        """Forget settled records that have been committed.

        Args:
            firsts: Partition to the first offset that is handed in now.
        """
        self._settled = {place for place in self._settled if place[1] >= firsts.get(place[0], place[1])}


def first_offsets(records: Iterable[Record]) -> dict[int, int]:
    """Return the first offset of each partition in a batch."""
    firsts: dict[int, int] = {}
    for record in records:
        firsts.setdefault(record.partition, record.offset)
    return firsts
