from functools import partial
import pytest
from tests.kafka.test_named_cases_on_kafka import _until_groups_are_looked_after
from tests.kafka.conftest import *
from tests.broker.fixtures import *
from tests.service import sweep_setting, test_sweep
from tests.service.sweep_setting import user, users, world
USERS = test_sweep.USERS

@pytest.mark.parametrize("n", range(14))
async def test_x(n, cluster):
    log = await cluster.open_log()
    await _until_groups_are_looked_after(log)
    async with world({"users": users(range(3))}, on_log=log) as one:
        await one.run(USERS)
        one.delete("users", "PU0001")
        await one.live("users", user(1), USERS, is_gone=True)
        print("after live", one.held("user"))
        result = await one.replay(USERS)
        print("RESULT", one.held("user"), result.state, result.deletes, result.sweep.model_dump_json(), {k: (v.mapper, v.writer) for k,v in result.kinds.items()})
        from schemas.topics import ENTITIES
        from tests.kafka.cluster import read_all, places_of
        import orjson
        for r in await read_all(log, places_of(ENTITIES.name)):
            h=dict(r.headers)
            print(r.partition, r.offset, r.key, h.get('ce_origin'), h.get('ce_operation'), h.get('ce_runid'), (r.value or b'')[:300])
        for r in await read_all(log, places_of("pagerduty.raw.users")):
            h=dict(r.headers)
            print(r.partition, r.offset, r.key, h.get('ce_origin'), h.get('ce_operation'), h.get('ce_runid'))
        assert one.held("user") == {"PU0000", "PU0002"}
