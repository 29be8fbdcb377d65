"""Proves when the fetcher writes how it stands, and what `pagerport status` makes of it."""

from datetime import UTC, datetime

from schemas.standing import Standing
from schemas.topics import MAPPING
from services.cli.overview_command import age_text, standing_lines
from services.fetcher.standing import StandingBoard
from shared.log.sqlite import SqliteLog
from shared.mapping_topic import MappingRecords
from shared.topic_reader import TopicReader

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def test_what_changes_is_written_at_once_and_mere_numbers_seldom() -> None:
    log = await SqliteLog.temporary()
    try:
        await log.create_topics([MAPPING.name])
        reader, now_s, texts = TopicReader(log, MAPPING.name), [0.0], [""]

        async def never(_: float) -> None:
            return

        board = StandingBoard(
            log,
            "mine",
            lambda: Standing(written_at=AT, events=texts[-1]),
            clock=lambda: now_s[0],
            sleep=never,
        )

        async def written(text: str, at_s: float) -> list[str]:
            texts.append(text)
            now_s[0] = at_s
            await board.look()
            found = []
            for record in await reader.to_end():
                records = MappingRecords("mine")
                records.take([record])
                assert records.standing is not None
                found.append(records.standing.events)
            return found

        assert await written("", 0) == [""]
        assert await written("", 1) == []
        assert await written("3 events wait: PagerDuty for 1 s", 2) == ["3 events wait: PagerDuty for 1 s"]
        assert await written("4 events wait: PagerDuty for 2 s", 3) == []
        assert await written("9 events wait: PagerDuty for 32 s", 33) == ["9 events wait: PagerDuty for 32 s"]
        assert await written("", 34) == [""]
    finally:
        await log.close()


def test_status_says_what_is_not_well_and_as_of_when() -> None:
    assert standing_lines(None) == standing_lines(Standing(written_at=AT)) == []
    standing = Standing(written_at=AT, mapping="one\ntwo", events="3 events wait: PagerDuty for 1 s")
    as_of = "(as of 2026-03-01 12:00:00Z)"
    refused = "the mapping is refused, the last good one stays in force"
    assert standing_lines(standing) == [
        f"{refused}: one {as_of}",
        f"{refused}: two {as_of}",
        f"live changes: 3 events wait: PagerDuty for 1 s {as_of}",
    ]


def test_age_has_its_two_largest_units() -> None:
    ages = {0: "0 s", 59: "59 s", 61: "1 min 1 s", 3600: "1 h", 3661: "1 h 1 min", 90_000: "1 d 1 h"}
    assert {age_s: age_text(age_s) for age_s in ages} == ages
