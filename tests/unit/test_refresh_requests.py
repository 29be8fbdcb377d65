"""Which objects a release or a redrive asks for, and with which letters."""

from dataclasses import replace
from datetime import UTC, datetime

from schemas.dead_letter import DeadLetter, LetterFailure
from schemas.outcome import Reason
from schemas.refresh_request import RefreshCause, RefreshRequest
from schemas.topics import ENTITIES, dlq_topic
from shared.dead_letters import Resolution
from shared.kept_letters import KeptLetter
from shared.log.interface import Record
from shared.refresh_requests import LETTERS_PER_REQUEST, release_requests, requests_of

AT = datetime(2026, 3, 1, 8, 16, tzinfo=UTC)
DLQ = dlq_topic(ENTITIES.name)


def kept(
    offset: int,
    object_id: str = "P1",
    *,
    kind: str = "services",
    reason: Reason = Reason.DELETE_HELD,
    blueprint: str = "app",
) -> KeptLetter:
    letter = DeadLetter(
        topic=ENTITIES.name,
        partition=0,
        offset=offset,
        stage="writer",
        failures=(LetterFailure(reason=reason, blueprint=blueprint),),
        kind=kind,
        object_id=object_id,
        failed_at=AT,
    )
    return KeptLetter(record=Record(DLQ, 0, offset, 0, letter.key(), b"", ()), letter=letter)


def released(letters: list[KeptLetter], blueprint: str = "") -> list[RefreshRequest]:
    records = release_requests(letters, blueprint=blueprint, identifier="me", made_at=AT)
    return [RefreshRequest.model_validate_json(record.value or b"") for record in records]


def wanted(object_id: str, *offsets: int, kind: str = "services") -> RefreshRequest:
    letters = tuple(f"{DLQ}/0/{offset}" for offset in offsets)
    return RefreshRequest(kind=kind, object_id=object_id, cause=RefreshCause.RELEASE, letters=letters)


def test_release_asks_for_each_object_whose_delete_is_held() -> None:
    letters = [
        kept(0, "P1"),
        kept(1, "P2", blueprint="other"),
        kept(2, "P1", blueprint="other"),
        kept(3, "P3", reason=Reason.REFUSED),
        replace(kept(4, "P4"), resolution=Resolution.REDRIVEN),
        kept(5, "P5", kind="oncalls"),
        kept(6, "P1", kind="users"),
    ]
    assert released(letters) == [wanted("P1", 0, 2), wanted("P2", 1), wanted("P1", 6, kind="users")]
    assert released(letters, "other") == [wanted("P2", 1), wanted("P1", 2)]
    assert released(letters, "none") == []


def test_request_never_outgrows_a_record() -> None:
    letters = [kept(offset) for offset in range(2 * LETTERS_PER_REQUEST + 1)]
    sizes = [len(one.letters) for one in requests_of(letters, RefreshCause.REDRIVE)]
    assert sizes == [LETTERS_PER_REQUEST, LETTERS_PER_REQUEST, 1]
