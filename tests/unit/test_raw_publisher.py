"""Tests that raw records are published newest last, by the leader alone."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.headers import Origin
from services.fetcher.raw_publisher import RawPublisher, is_old
from services.fetcher.raw_records import build_raw_records
from shared.errors import NotOwnerError
from shared.log.interface import NewRecord

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
TOPIC = "pagerduty.raw.incidents"
KEY = (TOPIC, b"P1")


class SlowLog:
    """Takes records after some turns of the loop, or refuses them."""

    def __init__(self) -> None:
        self.values: list[bytes | None] = []
        self.turns = 3
        self.error: Exception | None = None

    async def append(self, records: Sequence[NewRecord]) -> list[Any]:
        for _ in range(self.turns):
            await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        self.values += [record.value for record in records]
        return []


def version(number: int, seconds: float, object_id: str = "P1") -> list[NewRecord]:
    return build_raw_records(
        TOPIC,
        [(object_id, {"id": object_id, "version": number})],
        kind="incidents",
        origin=Origin.LIVE,
        run_id="",
        identifier="bench",
        observed_at=NOW + timedelta(seconds=seconds),
        made_at=NOW,
    ).records


def make(leads: bool = True) -> tuple[RawPublisher, SlowLog]:
    log = SlowLog()
    return RawPublisher(log, leads=lambda: leads, now=lambda: NOW), log  # type: ignore[arg-type]  # its append


async def test_page_that_was_asked_for_before_a_live_change_does_not_undo_it() -> None:
    publisher, log = make()
    flight = publisher.begin_page()
    with publisher.single([KEY]):
        assert await publisher.publish(version(2, seconds=2)) == 1
    page = version(1, seconds=1) + version(1, seconds=1, object_id="P9")
    assert await publisher.publish(page) == 1
    flight.end()
    assert log.values == [version(2, 2)[0].value, page[1].value]
    assert (publisher.superseded, publisher.remembered) == (1, 0)


async def test_live_answer_that_is_older_than_a_published_page_does_not_undo_it() -> None:
    publisher, log = make()
    with publisher.single([KEY]):
        flight = publisher.begin_page()
        await publisher.publish(version(2, seconds=2))
        flight.end()
        assert await publisher.publish(version(1, seconds=1)) == 0
    assert log.values == [version(2, 2)[0].value]
    assert publisher.remembered == 0


async def test_older_version_waits_for_the_newer_one_that_is_being_written() -> None:
    publisher, log = make()
    with publisher.single([KEY]):
        newer = asyncio.create_task(publisher.publish(version(2, seconds=2)))
        await asyncio.sleep(0)
        assert await publisher.publish(version(1, seconds=1)) == 0
        await newer
    assert log.values == [version(2, 2)[0].value]


async def test_version_that_the_log_refused_supersedes_nothing() -> None:
    publisher, log = make()
    log.error = OSError("disk full")
    with publisher.single([KEY]):
        with pytest.raises(OSError, match="disk full"):
            await publisher.publish(version(2, seconds=2))
        log.error = None
        assert await publisher.publish(version(1, seconds=1)) == 1


async def test_who_does_not_lead_publishes_nothing() -> None:
    publisher, log = make(leads=False)
    with pytest.raises(NotOwnerError, match="does not lead"):
        await publisher.publish(version(1, seconds=1))
    assert log.values == []


def test_what_was_asked_for_more_than_ten_minutes_ago_is_old() -> None:
    assert [is_old(NOW - timedelta(seconds=age_s), NOW) for age_s in (600, 601)] == [False, True]
