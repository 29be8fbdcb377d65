"""`pagerport status` sums open dead letters up by reason, with the command that mends them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from schemas.dead_letter import DeadLetter, LetterFailure
from schemas.outcome import Reason
from schemas.topics import ENTITIES, WEBHOOKS, dlq_topic
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


def test_expressions_that_did_not_end_are_named_by_how_often() -> None:
    def lost(offset: int, reason: Reason, detail: str, entry: int | None, topic: str) -> KeptLetter:
        one = kept(offset, (reason, ""))
        assert one.letter is not None
        failure = LetterFailure(reason=reason, detail=detail, entry=entry)
        return replace(one, letter=one.letter.model_copy(update={"topic": topic, "failures": (failure,)}))

    url, raw = "properties.url did not end within 2.5 s", "pagerduty.raw.services"
    letters = [
        lost(1, Reason.JQ_TIMEOUT, "title did not end within 1 s", 0, WEBHOOKS.name),
        lost(2, Reason.JQ_TIMEOUT, url, 4, raw),
        lost(3, Reason.JQ_TIMEOUT, url, 4, raw),
        lost(4, Reason.JQ_TIMEOUT, "the expressions did not end within 1 s", None, raw),
        lost(5, Reason.JQ_CRASH, "itemsToParse ended the JQ process", 2, raw),
        lost(6, Reason.REFUSED, url, 4, raw),
    ]

    assert [(one.reason, one.expressions) for one in sum_up(letters)] == [
        ("jq_timeout", {"resources[4]: properties.url": 2, "webhookMappings[0]: title": 1}),
        ("jq_crash", {"resources[2]: itemsToParse": 1}),
        ("refused", {}),
    ]


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
