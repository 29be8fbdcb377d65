"""Proves that one installation leaves the log of another one alone, and that strangers keep nobody away."""

import asyncio
from datetime import UTC, datetime

import pytest

from schemas.command import Command, CommandType
from schemas.mapping import MappingFile, MappingInForce
from schemas.standing import Standing
from schemas.topics import MAPPING
from services.fetcher.core import FetcherCore
from services.fetcher.mapping_authority import MappingAuthority
from shared.commands_topic import command_record
from shared.core import Batch
from shared.errors import ConfigurationError, FatalError
from shared.installations import FILE_REMEDY, Foreign, foreign, require_own_log
from shared.log.interface import NewRecord, Record
from shared.log.sqlite import SqliteLog
from shared.mapping_topic import mapping_record, standing_record
from shared.outcome import DONE

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def mapping_of(identifier: str) -> NewRecord:
    mapping = MappingInForce(version=1, config=MappingFile.model_validate({"resources": []}))
    return mapping_record(mapping, identifier=identifier, made_at=AT)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (b"pagerport/me/fetcher", None),
        (b"pagerport/team-b/fetcher", Foreign("team-b")),
        (b"pagerport/me-2/fetcher", Foreign("me-2")),
        (b"pagerport/not-me/gateway", Foreign("not-me")),
        (b"pagerport/\xff/gateway", Foreign("\ufffd")),
        (b"pagerport/me", None),
        (b"pagerport//fetcher", None),
        (b"pagerporter/team-b/fetcher", None),
        (b"their/tool", None),
        (b"", None),
        (None, None),
    ],
)
def test_source_says_whose_a_record_is(source: bytes | None, expected: Foreign | None) -> None:
    assert foreign([("ce_id", b"1"), ("ce_source", source)], "me") == expected
    assert foreign([("source", source)], "me") is None


async def test_log_that_another_installation_has_is_refused_with_both_names_and_the_way_out() -> None:
    log = await SqliteLog.temporary()
    try:
        await require_own_log(log, "team-b")
        await log.create_topics([MAPPING.name])
        await log.append([NewRecord(MAPPING.name, b"junk", b"{}"), mapping_of("team-b")])
        await require_own_log(log, "team-b")
        with pytest.raises(ConfigurationError) as found:
            await require_own_log(log, "team-a")
        line = str(found.value)
        assert line.startswith(
            "pagerport.mapping holds the mapping of another installation, 'team-b' (this one is 'team-a')"
        )
        assert "OCEAN__KAFKA__TOPIC_PREFIX to one of its own, e.g. 'team-a.'" in line
        assert "renamed on purpose" in line
        assert "\n" not in line
        with pytest.raises(ConfigurationError, match="OCEAN__LOG__FILE"):
            await require_own_log(log, "team-a", FILE_REMEDY)
    finally:
        await log.close()


async def test_fetcher_that_meets_the_mapping_of_another_installation_later_holds() -> None:
    log = await SqliteLog.temporary()
    try:
        await log.create_topics([MAPPING.name])
        authority = MappingAuthority(log, "team-a", lambda: AT)
        await log.append([mapping_of("team-a")])
        assert await authority.catch_up() is not None
        await log.append([standing_record(Standing(written_at=AT), identifier="team-b", made_at=AT)])
        with pytest.raises(FatalError, match="the record is of the installation 'team-b'"):
            await authority.catch_up()
    finally:
        await log.close()


async def test_command_of_another_installation_is_not_carried_out() -> None:
    log = await SqliteLog.temporary()
    taken: list[str] = []

    async def obey(command_id: str, command: Command) -> bool:
        taken.append(command_id)
        return True

    def given(command_id: str, identifier: str) -> Record:
        one = command_record(Command(type=CommandType.RESYNC), command_id, identifier=identifier, made_at=AT)
        return Record(one.topic, 0, len(command_id), 0, one.key, one.value, one.headers)

    try:
        core = FetcherCore(log, obey, now=lambda: AT, identifier="team-a")
        batch = Batch(
            [given("c", "team-a"), given("cc", "team-b"), given("ccc", "team-a")], asyncio.Event(), {}
        )
        assert await core.handle(batch) == [DONE, None, None]
        assert taken == ["c"]
        assert core.held.startswith(
            "pagerport.commands/0 is held at offset 2: the record is of the installation"
        )
    finally:
        await log.close()
