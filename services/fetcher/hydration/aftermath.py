"""Does what follows from how it ended with an object: counts it, says it, leaves or closes dead letters."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from schemas.dead_letter import LetterFailure
from schemas.outcome import Reason
from services.fetcher.hydration.counters import HydrationCounters
from services.fetcher.hydration.few_lines import FewLines
from services.fetcher.hydration.hydrator import Ending, Fate
from services.fetcher.hydration.worklist import Job
from services.fetcher.letter_closing import close_letters
from shared.dead_letters import dead_letter_record, letter_about
from shared.letter_lines import LetterLines
from shared.log.interface import Clock, Log, Record

_LOG = logging.getLogger(__name__)

STAGE: Final = "fetcher"


class Aftermath:
    """What an ending means beside the raw record that may have been published.

    Args:
        log: Where dead letters go and are closed.
        now: Wall clock, aware UTC.
        clock: Monotonic seconds.

    Attributes:
        counters: What became of the records so far.
    """

    def __init__(self, log: Log, *, now: Callable[[], datetime], clock: Clock) -> None:
        self.counters = HydrationCounters()
        self._log = log
        self._now = now
        self._letter_lines = LetterLines()
        self._misses = FewLines(_LOG, clock)

    async def follow(self, job: Job, ending: Ending) -> None:
        """Do all that an ending asks for; the records of the job can be settled after that."""
        self._count(job, ending)
        self._say(job, ending)
        if ending.fate is Fate.FAILED and (job.has_events or not job.letters):
            # A letter that was to be closed stays open and says the same.
            await self.bury(job.last, ending.reason, ending.detail, job.kind, job.object_id)
        elif ending.fate is Fate.FAILED:
            self._misses.say("%s %s: its letters stay open: %s", job.kind, job.object_id, ending.detail)
        if ending.fate.is_settled_well and job.letters:
            self.counters.closed += await close_letters(self._log, job.letters, self._now())

    async def bury(
        self, record: Record, reason: Reason, detail: str, kind: str = "", object_id: str = ""
    ) -> None:
        """Put a record into the dead-letter topic."""
        letter = letter_about(
            record,
            stage=STAGE,
            failures=(LetterFailure(reason=reason, detail=detail),),
            kind=kind,
            object_id=object_id,
            failed_at=self._now(),
        )
        (position,) = await self._log.append([dead_letter_record(record, letter)])
        self._letter_lines.say(letter, position)

    def _count(self, job: Job, ending: Ending) -> None:
        counters = self.counters
        counters.lacking += ending.lacking
        what = f"{job.kind} {job.object_id}"
        match ending.fate:
            case Fate.PUBLISHED:
                counters.hydrated += 1
                counters.denials.pop(job.kind, None)
            case Fate.SUPERSEDED:
                counters.superseded += 1
            case Fate.DELETED:
                counters.deleted += 1
            case Fate.NOT_VISIBLE:
                counters.not_visible += 1
            case Fate.OUTSIDE:
                counters.outside += 1
            case Fate.UNWANTED:
                counters.unwanted += len(job.records)
            case Fate.UNASKABLE:
                counters.unaskable += 1
                _LOG.warning("%s: %s", what, ending.detail)
            case Fate.DENIED:
                if counters.note_denied(job.kind, ending.detail):
                    _LOG.warning("%s: %s; give the token that right", what, ending.detail)
            case Fate.FAILED | Fate.NOT_FOUND:
                counters.failed += 1

    def _say(self, job: Job, ending: Ending) -> None:
        """Say what became of an object: each at debug level, a few of those that PagerDuty does not show."""
        what = f"{job.kind} {job.object_id}"
        _LOG.debug("live: %s: %s", what, ending.fate.value)
        if ending.fate is Fate.DELETED and not job.is_deleted:
            self._misses.say("%s: PagerDuty has no such object (404): deleted, if Port has it", what)
        elif ending.fate is Fate.NOT_VISIBLE:
            self._misses.say("%s: PagerDuty shows no such object (404): left as it is in Port", what)
