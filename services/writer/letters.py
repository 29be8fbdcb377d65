"""Turns the end of a change into its outcome, and into its dead letter where it has one."""

from datetime import datetime

from schemas.dead_letter import DeadLetter, LetterFailure
from schemas.outcome import Count, Reason
from services.writer.chain import Settled
from services.writer.change import Change
from services.writer.decoding import Unreadable
from shared.dead_letters import letter_about
from shared.held_partitions import Newer
from shared.installations import Foreign
from shared.log.interface import Record
from shared.outcome import LiveDelete, Outcome

STAGE = "writer"

Decoded = Change | Unreadable | Newer | Foreign


def letter_of(record: Record, decoded: Decoded, end: Settled, failed_at: datetime) -> DeadLetter:
    """Return the dead letter of a change that failed.

    Args:
        record: As it was read.
        decoded: What could be read of it.
        end: How the change failed.
        failed_at: Aware UTC.
    """
    change = decoded if isinstance(decoded, Change) else None
    failed = LetterFailure(
        reason=end.reason or Reason.REFUSED,
        detail=end.detail,
        blueprint=change.blueprint if change else "",
        identifier=change.shown_identifier if change else "",
    )
    run_id, kind = _run_and_kind(decoded)
    return letter_about(
        record,
        stage=STAGE,
        failures=(failed,),
        kind=kind,
        object_id=change.object_id if change else "",
        run_id=run_id,
        failed_at=failed_at,
    )


def outcome_of(decoded: Decoded, end: Settled | None, minute: int) -> Outcome | None:
    """Return what the runtime commits and counts; None: not done.

    Args:
        decoded: What could be read of the record.
        end: What became of it.
        minute: Minutes since the epoch, for the breaker.
    """
    if end is None:
        return None
    counts = {end.count: 1}
    notes = decoded.notes if isinstance(decoded, Change) else ()
    dropped = sum(note.dropped for note in notes)
    further = {Count.COERCED: len(notes) - dropped, Count.DROPPED: dropped}
    counts |= {count: number for count, number in further.items() if number}
    run_id, kind = _run_and_kind(decoded)
    return Outcome(run_id=run_id, kind=kind, counts=counts, live_delete=_live_delete(decoded, end, minute))


def _live_delete(decoded: Decoded, end: Settled, minute: int) -> LiveDelete | None:
    """Return what the breaker is to remember: a live delete that was carried out, or held."""
    if not isinstance(decoded, Change) or not decoded.is_guarded:
        return None
    is_counted = end.count is Count.DELETED or end.reason is Reason.DELETE_HELD
    return LiveDelete(decoded.blueprint, minute) if is_counted else None


def _run_and_kind(decoded: Decoded) -> tuple[str, str]:
    return ("", "") if isinstance(decoded, Newer | Foreign) else (decoded.run_id, decoded.kind)
