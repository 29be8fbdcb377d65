"""`pagerport status` sums open dead letters up by reason, with the command that mends them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from schemas.dead_letter import DeadLetter, LetterFailure
from schemas.outcome import Reason
from schemas.topics import ENTITIES, dlq_topic
from services.cli.overview_letters import LettersState, sum_up
from shared.dead_letters import Resolution
from shared.kept_letters import KeptLetter
from shared.log.interface import Record

AT = datetime(2026, 3, 1, 8, 16, tzinfo=UTC)
DLQ = dlq_topic(ENTITIES.name)


def kept(minute: int, *failures: tuple[Reason, str]) -> KeptLetter:
    letter = DeadLetter(
        topic=ENTITIES.name,
        partition=0,
        offset=minute,
        stage="writer",
        failures=tuple(LetterFailure(reason=reason, blueprint=blueprint) for reason, blueprint in failures),
        failed_at=AT + timedelta(minutes=minute),
    )
    return KeptLetter(record=Record(DLQ, 0, minute, 0, letter.key(), b"", ()), letter=letter)


def test_open_letters_are_summed_up_by_reason_and_closed_ones_are_not() -> None:
    letters = [
        kept(3, (Reason.DELETE_HELD, "app")),
        kept(1, (Reason.REFUSED, "app"), (Reason.REFUSED, "team")),
        kept(2, (Reason.DELETE_HELD, "team")),
        replace(kept(0, (Reason.REFUSED, "app")), resolution=Resolution.HEALED),
        KeptLetter(record=Record(DLQ, 0, 9, 0, b"stray", b"", ()), letter=None, broken="no letter"),
    ]
    assert sum_up(letters) == [
        LettersState(
            reason="delete_held",
            number=2,
            oldest_at=AT + timedelta(minutes=2),
            blueprints=["app", "team"],
            command="pagerport release",
        ),
        LettersState(
            reason="no readable letter", number=1, oldest_at=None, blueprints=[], command="pagerport dlq list"
        ),
        LettersState(
            reason="refused",
            number=1,
            oldest_at=AT + timedelta(minutes=1),
            blueprints=["app", "team"],
            command="pagerport dlq list --reason refused, then dlq redrive --reason refused",
        ),
    ]
