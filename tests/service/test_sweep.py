"""Proves what a run deletes and what it keeps, over the embedded log and both simulators."""

from schemas.run import RunState
from tests.service.sweep_setting import entry, user, users, world

USERS = entry("users", "user")


async def test_deleted_object_is_confirmed_and_its_entity_deleted() -> None:
    async with world({"users": users(range(10))}) as one:
        await one.run(USERS)
        one.delete("users", "PU0003")
        result = await one.run(USERS)
        assert one.held("user") == set(users(range(10))) - {"PU0003"}
        assert one.asked == ["PU0003"]
        print(result.sweep, result.deletes, result.state, result.warnings)
        assert result.state is RunState.COMPLETED
