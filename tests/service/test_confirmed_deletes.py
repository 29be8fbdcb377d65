"""A delete that an operator has released is marked so on its whole way, and passes the breaker."""

import asyncio

import pytest

from schemas.headers import Operation, Origin, RecordHeaders
from schemas.outcome import Count
from shared.core import Batch
from tests.mapper_builders import a_mapping, an_entry
from tests.service.mapper_setting import raw_record, setting
from tests.service.writer_setting import upsert, writer_setting

SERVICES = "pagerduty.raw.services"
ENTRY = an_entry(kind="services", blueprint='"app"', query=".live", properties={"text": ".id"})
NAMES = [f"a{number}" for number in range(30)]


@pytest.mark.parametrize("is_gone", [True, False], ids=["object gone", "selected no more"])
@pytest.mark.parametrize(("confirmed", "deleted"), [(True, 30), (False, 20)])
async def test_confirmation_travels_from_raw_record_to_port(
    is_gone: bool, confirmed: bool, deleted: int
) -> None:
    raws = [
        raw_record(
            {"id": name, "live": False},
            topic=SERVICES,
            operation=Operation.DELETE if is_gone else Operation.UPSERT,
            origin=Origin.LIVE,
            runid="",
            confirmed=confirmed,
        )
        for name in NAMES
    ]
    async with setting(a_mapping(ENTRY)) as mapper, writer_setting(identifier="acme") as writer:
        await mapper.handle(*raws)
        changes = await mapper.entities()
        assert {RecordHeaders.decode(one.headers).confirmed for one in changes} == {confirmed}
        await writer.handle(*(upsert(name, Origin.LIVE) for name in NAMES))
        outcomes = await writer.core.handle(Batch(changes, asyncio.Event()))
        counts = [outcome.counts for outcome in outcomes if outcome]
        assert counts.count({Count.DELETED: 1}) == deleted
        assert len(await writer.letters()) == len(NAMES) - deleted
