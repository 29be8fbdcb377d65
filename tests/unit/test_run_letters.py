"""The letters of a run are found on a log that needs a while to give records, and whatever lies there."""

from collections.abc import Mapping
from datetime import UTC, datetime

from schemas.dead_letter import DeadLetter, LetterFailure
from schemas.outcome import Reason
from schemas.refresh_request import RefreshCause
from schemas.topics import dlq_topic, raw_topic
from services.fetcher.letter_closing import close_letters
from services.fetcher.run_letters import read_open_letters
from shared.dead_letters import dead_letter_record
from shared.log.interface import NewRecord, Record, TopicPartition
from shared.log.sqlite import SqliteLog

AT = datetime(2026, 3, 1, tzinfo=UTC)
RAW = raw_topic("users")
DLQ = dlq_topic(RAW)


class Slow:
    """A log whose records take a round trip: without any wait there are none yet, as on Kafka."""

    def __init__(self, log: SqliteLog) -> None:
        self._log = log

    def __getattr__(self, name: str) -> object:
        return getattr(self._log, name)

    async def read(
        self, positions: Mapping[TopicPartition, int], *, max_records: int, wait_s: float
    ) -> list[Record]:
        if wait_s == 0:
            return []
        return await self._log.read(positions, max_records=max_records, wait_s=wait_s)


def letter(offset: int, run_id: str = "r1") -> NewRecord:
    record = Record(RAW, 0, offset, 0, b"P1", b"{}", ())
    said = DeadLetter(
        topic=RAW,
        partition=0,
        offset=offset,
        stage="mapper",
        failures=(LetterFailure(reason=Reason.IDENTIFIER_NULL),),
        run_id=run_id,
        failed_at=AT,
    )
    return dead_letter_record(record, said)


async def test_letters_are_found_though_the_log_needs_a_while() -> None:
    log = await SqliteLog.temporary()
    try:
        await log.create_topics([DLQ])
        odd = NewRecord(DLQ, b"0/9", b"{", (("dlq_topic", b"x"), ("dlq_failures", b"[" * 5000)))
        await log.append([letter(1), odd, letter(2, "r2"), letter(3)])
        places = dict.fromkeys(await log.partitions(DLQ.__eq__), 0)
        found = await read_open_letters(Slow(log), places, "r1")  # type: ignore[arg-type]  # passes calls on
        assert [one.letter.offset for one in found] == [1, 3]

        addresses = {
            f"{DLQ}/{one.record.partition}/{one.record.offset}": RefreshCause.HEAL for one in found
        } | dict.fromkeys(
            (f"{DLQ}/0/" + "9" * 5000, f"{DLQ}/" + "9" * 5000 + "/0", f"{DLQ}/0/²", f"{DLQ}/0", ""),
            RefreshCause.HEAL,
        )
        assert await close_letters(Slow(log), addresses, AT) == 2  # type: ignore[arg-type]  # passes calls on
        assert await read_open_letters(log, places, "r1") == []
    finally:
        await log.close()
