"""What a script can do to the simulated Port beyond what it can do to any simulator."""

from typing import Any

import httpx
import pytest

from tests.unit.sim_port_client import STARTED_AT, port_client

BULK = "/v1/blueprints/app/entities/bulk"
ITEMS = [{"identifier": name} for name in ("a", "b", "c")]


def on_bulk(times: int | None = 1, **action: Any) -> dict[str, Any]:
    return {"match": {"path": BULK}, "times": times, "action": action}


async def test_rejected_identifier_fails_alone() -> None:
    async with port_client() as port:
        await port.script(on_bulk(reject_identifier="b"))
        answer = await port.bulk("app", ITEMS)
        error = {
            "identifier": "b",
            "index": 1,
            "statusCode": 422,
            "error": "invalid_request",
            "message": '"identifier" "b" is rejected by the script',
        }
        assert (answer.status_code, answer.json()) == (
            207,
            {
                "ok": False,
                "entities": [
                    {"created": True, "identifier": "a", "index": 0},
                    {"created": True, "identifier": "c", "index": 2},
                ],
                "errors": [error],
            },
        )
        assert (await port.bulk("app", ITEMS)).status_code == 200


async def test_failed_item_gets_the_entry_that_the_script_gives() -> None:
    async with port_client() as port:
        item = {"index": 2, "statusCode": 503, "error": "unavailable", "message": "later"}
        await port.script(on_bulk(fail_item=item))
        answer = (await port.bulk("app", ITEMS)).json()
        assert answer["errors"] == [{"identifier": "c", **item}]
        assert (await port.writes())["entity_writes"] == 2


async def test_omitted_item_is_not_stored_and_in_neither_list() -> None:
    async with port_client() as port:
        await port.script(on_bulk(omit_index=0))
        answer = await port.bulk("app", ITEMS)
        assert (answer.status_code, [one["index"] for one in answer.json()["entities"]]) == (200, [1, 2])
        assert (await port.call("GET", "/blueprints/app/entities/a")).status_code == 404


async def test_expired_token_is_401_until_a_new_one_is_asked_for() -> None:
    async with port_client() as port:
        await port.script(on_bulk(expire_token=True))
        refused = await port.bulk("app", ITEMS)
        assert (refused.status_code, refused.json()["message"]) == (401, "Access token has expired")
        assert (await port.bulk("app", ITEMS)).status_code == 401
        await port.login()
        assert (await port.bulk("app", ITEMS)).status_code == 200


@pytest.mark.parametrize(
    ("form", "header", "value"),
    [
        ("seconds", "x-ratelimit-reset", "7"),
        ("epoch", "x-ratelimit-reset", str(int(STARTED_AT.timestamp()) + 7)),
        ("retry-after", "retry-after", "7"),
        ("http-date", "retry-after", "Sun, 01 Mar 2026 12:00:07 GMT"),
    ],
)
async def test_429_tells_the_wait_in_the_form_asked_for(form: str, header: str, value: str) -> None:
    async with port_client() as port:
        await port.script(on_bulk(rate_limited={"wait_s": 7, "header": form}))
        answer = await port.bulk("app", ITEMS)
        assert (answer.status_code, answer.headers[header]) == (429, value)
        assert (await port.writes())["entity_writes"] == 0


async def test_dropped_after_store_has_stored() -> None:
    async with port_client() as port:
        await port.script(on_bulk(drop_after_store=True))
        with pytest.raises(httpx.ReadError):
            await port.bulk("app", ITEMS)
        assert (await port.writes())["entity_writes"] == 3


async def test_dropped_before_has_not_stored() -> None:
    async with port_client() as port:
        await port.script(on_bulk(drop="before"))
        with pytest.raises(httpx.ReadError):
            await port.bulk("app", ITEMS)
        assert (await port.writes())["entity_writes"] == 0


async def test_unknown_action_is_refused() -> None:
    async with port_client() as port:
        answer = await port.http.put("/_sim/script", json=[{"action": {"reject": "a"}}])
        assert answer.status_code == 422


async def test_counts_of_writes_can_be_set_to_zero() -> None:
    async with port_client() as port:
        await port.bulk("app", ITEMS)
        assert (await port.http.delete("/_sim/counters")).status_code == 204
        assert set((await port.writes()).values()) == {0}
