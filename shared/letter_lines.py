"""Says in the log lines which live changes became dead letters, a few a minute."""

import logging
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from schemas.dead_letter import DeadLetter
from schemas.outcome import Reason
from schemas.topics import DLQ_PREFIX
from shared.dead_letters import read_dead_letter
from shared.log.interface import NewRecord, Position, Record

logger = logging.getLogger(__name__)

WINDOW: Final = timedelta(minutes=1)
LINES: Final = 5
"""Lines in a window; what comes beyond them is counted and said with the next one."""
DETAIL_CHARS: Final = 300


class LetterLines:
    """Those of one stage, but for what others say: letters of runs, and deletes that are held."""

    def __init__(self) -> None:
        self._since: datetime | None = None
        self._lines = 0
        self._left_out: Counter[str] = Counter()

    def say_appended(self, records: Sequence[NewRecord], positions: Sequence[Position]) -> None:
        """Say the letters among records that the log has taken.

        Args:
            records: As they were appended.
            positions: Where each of them lies.
        """
        for record, at in zip(records, positions, strict=True):
            if record.topic.startswith(DLQ_PREFIX):
                held = Record(*at, 0, record.key, record.value, record.headers)
                self.say(read_dead_letter(held), at)

    def say(self, letter: DeadLetter, at: Position) -> None:
        """Say a letter that the log has taken.

        Args:
            letter: The letter.
            at: Where it lies: all commands name it so.
        """
        reasons = list(dict.fromkeys(failure.reason for failure in letter.failures))
        if letter.run_id or reasons == [Reason.DELETE_HELD]:
            # The result of the run names them; the breaker has said what it holds.
            return
        if self._since is None or letter.failed_at - self._since >= WINDOW:
            self._open(letter.failed_at)
        if self._lines == LINES:
            self._left_out.update(reasons[:1])
            return
        self._lines += 1
        logger.warning(
            "a live change became a dead letter: %s (%s): %s; next: pagerport dlq show %s/%d/%d",
            f"{letter.kind} {letter.object_id}".strip() or "a record that cannot be read",
            ", ".join(reasons),
            letter.failures[0].detail[:DETAIL_CHARS],
            *at,
        )

    def _open(self, at: datetime) -> None:
        """Begin a window, and say what the one before has left out."""
        if self._left_out:
            reasons = ", ".join(f"{number} {reason}" for reason, number in self._left_out.most_common())
            logger.warning("more live changes became dead letters: %s; next: pagerport dlq list", reasons)
        self._since, self._lines = at, 0
        self._left_out.clear()
