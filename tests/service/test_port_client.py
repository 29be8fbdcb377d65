"""What the Port client does with every way in which Port can answer, or not."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import orjson
import pytest

from schemas.run import Wait
from shared.errors import ConfigurationError, FatalError, RetryableError
from shared.port.call import LeavingError
from shared.port.datasource import user_agent
from shared.port.persistence import Patience
from tests.service.port_setting import IDENTIFIER, port_setting

TOKEN_ROUTE = "/v1/auth/access_token"
TOKEN = {"ok": True, "accessToken": "t0k3n-value", "expiresIn": 10800, "tokenType": "Bearer"}
BULK = "/v1/blueprints/app/entities/bulk"
SEARCH = "/v1/blueprints/app/entities/search"
A = orjson.dumps({"identifier": "a"})

Answers = Callable[[httpx.Request], httpx.Response]

STALLED = (
    r"Port at http://port\.test has let no blueprint call succeed for 600 s; last: .*HTTP 503.*"
    r"check that it is up, OCEAN__PORT__BASE_URL, the network and the proxy settings$"
)


def scripted(*answers: httpx.Response | Exception, token: dict[str, Any] | None = None) -> Answers:
    """Answer each call but those for tokens with the next of the answers, the last one for ever."""
    left = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == TOKEN_ROUTE:
            return httpx.Response(200, json=token or TOKEN)
        one = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(one, Exception):
            raise one
        return httpx.Response(one.status_code, headers=one.headers, content=one.content)

    return answer


def found_blueprint() -> httpx.Response:
    return httpx.Response(200, json={"ok": True, "blueprint": {"identifier": "app"}})


async def test_token_is_asked_for_once_by_calls_side_by_side() -> None:
    async with port_setting() as setting:
        found = await asyncio.gather(*(setting.port.get_blueprint("app") for _ in range(10)))
        assert all(one is not None and one["identifier"] == "app" for one in found)
        assert setting.transport.requests == {"token": 1, "blueprint": 10}
        assert setting.port.requests == 11


async def test_expired_token_is_replaced_before_it_is_refused() -> None:
    async with port_setting(token_lifetime_s=60) as setting:
        await setting.port.get_blueprint("app")
        await setting.clock.sleep(61)
        await setting.port.get_blueprint("app")
        assert setting.transport.requests == {"token": 2, "blueprint": 2}


async def test_refused_token_is_replaced_once_by_calls_side_by_side() -> None:
    async with port_setting() as setting:
        await setting.port.authenticate()
        await setting.script({"times": 1, "action": {"expire_token": True}})
        found = await asyncio.gather(*(setting.port.get_blueprint("app") for _ in range(4)))
        assert None not in found
        assert setting.transport.requests["token"] == 2


async def test_new_token_refused_too_ends_the_run_and_names_the_settings() -> None:
    refused = httpx.Response(401, json={"ok": False, "message": "no"}, headers={"x-trace-id": "abc123"})
    async with port_setting(handler=scripted(refused)) as setting:
        with pytest.raises(FatalError) as caught:
            await setting.port.get_blueprint("app")
        for part in (
            "OCEAN__PORT__CLIENT_ID",
            "OCEAN__PORT__CLIENT_SECRET",
            "GET /v1/blueprints/app",
            "abc123",
        ):
            assert part in str(caught.value)
        assert setting.transport.requests == {"blueprint": 6, "token": 6}


async def test_call_of_every_second_request_refused_with_401_goes_on() -> None:
    seen = {"token": 0, "call": 0}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == TOKEN_ROUTE:
            seen["token"] += 1
            return httpx.Response(200, json={**TOKEN, "accessToken": f"t0k3n-{seen['token']}"})
        seen["call"] += 1
        return httpx.Response(401, json={"ok": False}) if seen["call"] % 2 else found_blueprint()

    async with port_setting(handler=answer) as setting:
        for _ in range(20):
            assert await setting.port.get_blueprint("app") is not None
        found = await asyncio.gather(*(setting.port.get_blueprint("app") for _ in range(20)))
        assert None not in found


async def test_call_that_alone_is_refused_with_401_ends_the_run_in_the_end() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == TOKEN_ROUTE:
            return httpx.Response(200, json=TOKEN)
        if request.url.path == BULK:
            return httpx.Response(401, json={"ok": False})
        return found_blueprint()

    async with port_setting(handler=answer) as setting:
        bulk = asyncio.ensure_future(setting.port.bulk_upsert("app", [A], merge=True, create_missing=True))
        while not bulk.done():
            await setting.port.get_blueprint("app")
            await asyncio.sleep(0)
        assert isinstance(bulk.exception(), FatalError)
        assert setting.transport.requests["bulk upsert"] == 11


async def test_token_that_expires_twice_under_one_call_is_renewed_and_never_blamed_on_the_credentials() -> (
    None
):
    expired = httpx.Response(
        401, json={"ok": False, "error": "token_expired", "message": "Token has expired"}
    )
    async with port_setting(handler=scripted(expired, expired, found_blueprint())) as setting:
        assert await setting.port.get_blueprint("app") is not None
    async with port_setting(handler=scripted(expired)) as setting:
        with pytest.raises(FatalError, match="calls each new token expired") as caught:
            await setting.port.get_blueprint("app")
        assert "CLIENT_ID" not in str(caught.value)


@pytest.mark.parametrize("status", [401, 404, 422, 403, 400])
async def test_refused_credentials_end_the_run_at_once(status: int) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, json={"ok": False, "error": "no", "message": "s3cret-one is wrong"})

    async with port_setting(handler=answer, secret="s3cret-one") as setting:
        with pytest.raises(FatalError) as caught:
            await setting.port.authenticate()
        assert "OCEAN__PORT__CLIENT_SECRET" in str(caught.value)
        assert "s3cret-one" not in str(caught.value)
        assert (setting.port.requests, setting.clock.slept_s) == (1, [])


async def test_forbidden_address_ends_the_run() -> None:
    forbidden = httpx.Response(403, json={"ok": False, "message": "IP not whitelisted"})
    async with port_setting(handler=scripted(forbidden)) as setting:
        with pytest.raises(FatalError, match=r"IP not whitelisted.*allowed addresses"):
            await setting.port.get_entity("app", "a")


@pytest.mark.parametrize("status", [401, 403])
async def test_page_that_forbids_everything_ends_the_run_at_once(status: int) -> None:
    page = httpx.Response(status, html="<html>blocked by the firewall</html>")
    async with port_setting(handler=scripted(page)) as setting:
        with pytest.raises(FatalError, match=rf"GET /v1/blueprints/app.*HTTP {status}"):
            await setting.port.get_blueprint("app")


@pytest.mark.parametrize("status", [401, 403])
async def test_page_that_forbids_what_has_worked_before_passes(status: int) -> None:
    page = httpx.Response(status, html="<html>blocked by the firewall</html>")
    async with port_setting(handler=scripted(found_blueprint(), page, found_blueprint())) as setting:
        await setting.port.get_blueprint("app")
        assert await setting.port.get_blueprint("app") == {"identifier": "app"}
        (wait,) = setting.waits.waits()
        assert wait.cause == f"unreadable answer, HTTP {status}"


async def test_nothing_at_the_address_ends_the_run_within_seconds() -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("All connection attempts failed")

    async with port_setting(handler=answer, patience=Patience(first_contact_s=10)) as setting:
        with pytest.raises(
            FatalError, match=r"cannot reach Port at http://port\.test.*OCEAN__PORT__BASE_URL"
        ):
            await setting.port.authenticate()
        assert 10 <= sum(setting.clock.slept_s) < 20


@pytest.mark.parametrize("status", [200, 404, 405])
async def test_pages_of_another_site_end_the_run_within_seconds(status: int) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, html="<html>Welcome</html>")

    async with port_setting(handler=answer) as setting:
        with pytest.raises(FatalError, match="OCEAN__PORT__BASE_URL"):
            await setting.port.authenticate()
        assert sum(setting.clock.slept_s) < 20


async def test_redirect_is_not_followed() -> None:
    moved = httpx.Response(301, headers={"location": "http://elsewhere.test/"})
    async with port_setting(handler=scripted(moved)) as setting:
        with pytest.raises(FatalError, match=r"redirect \(HTTP 301\)"):
            await setting.port.get_blueprint("app")


@pytest.mark.parametrize("base_url", ["api.port.io", "", "ftp://port.test", "http://me:secret@port.test"])
async def test_address_that_is_none_is_a_wrong_setting(base_url: str) -> None:
    with pytest.raises(ConfigurationError, match="OCEAN__PORT__BASE_URL") as caught:
        async with port_setting(base_url=base_url):
            pass
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/"])
async def test_base_url_may_end_in_slash_or_version(ending: str) -> None:
    async with port_setting(base_url="http://port.test" + ending) as setting:
        assert await setting.port.get_blueprint("app") is not None


@pytest.mark.parametrize(
    ("failure", "cause"),
    [
        (httpx.Response(502, html="<html>Bad gateway</html>"), "HTTP 502"),
        (httpx.Response(500, json={"ok": False}), "HTTP 500"),
        (httpx.Response(408, json={"ok": False}), "HTTP 408"),
        (httpx.Response(200, html="<html>login</html>"), "unreadable answer"),
        (httpx.Response(404, html="<html>nginx</html>"), "unreadable answer, HTTP 404"),
        (httpx.Response(200, content=b'{"ok":true,"blue'), "unreadable answer"),
        (httpx.ReadError("reset"), "connection lost"),
        (httpx.RemoteProtocolError("incomplete chunked read"), "connection lost"),
        (httpx.ReadTimeout("slow"), "timeout"),
        (httpx.ConnectError("refused"), "no connection"),
    ],
)
async def test_failure_that_passes_is_waited_out_and_accounted(
    failure: httpx.Response | Exception, cause: str
) -> None:
    async with port_setting(handler=scripted(failure, failure, found_blueprint())) as setting:
        assert await setting.port.get_blueprint("app") == {"identifier": "app"}
        assert setting.clock.slept_s == [0.5, 1.0]
        assert setting.waits.waits() == [Wait(host="Port", cause=cause, seconds=1.5, times=2)]
        assert setting.waits.waiting_for() is None


@pytest.mark.parametrize("body", ["default backend - 404", ""])
async def test_only_json_says_that_an_entity_is_gone(body: str) -> None:
    other = httpx.Response(404, text=body)
    found = httpx.Response(200, json={"ok": True, "entity": {"identifier": "one"}})
    async with port_setting(handler=scripted(other, other, found)) as setting:
        assert await setting.port.get_entity("app", "one") == {"identifier": "one"}
        assert setting.waits.waits() == [
            Wait(host="Port", cause="unreadable answer, HTTP 404", seconds=1.5, times=2)
        ]


async def test_what_may_be_missing_is_missing_in_plain_text_too() -> None:
    async with port_setting(handler=scripted(httpx.Response(404, text="Not Found"))) as setting:
        assert await setting.port.get_blueprint("app") is None
        assert setting.waits.waits() == []


@pytest.mark.parametrize("form", ["seconds", "epoch", "retry-after", "http-date"])
async def test_rate_limit_is_waited_out_in_every_form(form: str) -> None:
    async with port_setting() as setting:
        limited = {"rate_limited": {"wait_s": 7, "header": form}}
        await setting.script({"match": {"path": BULK}, "times": 1, "action": limited})
        answer = await setting.port.bulk_upsert("app", [A], merge=True, create_missing=True)
        assert answer.ok
        assert setting.clock.slept_s == [7.5]
        assert [(wait.cause, wait.seconds) for wait in setting.waits.waits()] == [("rate limit", 7.5)]


async def test_used_up_window_is_not_tried() -> None:
    async with port_setting(requests_per_5_minutes={"blueprints": 3}, concurrency=8) as setting:
        for _ in range(2):
            await asyncio.gather(*(setting.port.get_blueprint("app") for _ in range(10)))
        answers = (await setting.http.get("http://port.test/_sim/counters")).json()
        assert "429" not in orjson.dumps(answers).decode()
        assert setting.transport.requests["blueprint"] == 20


async def test_call_that_waits_for_what_remains_of_a_window_gives_up_when_we_leave() -> None:
    leaving, is_over = asyncio.Event(), asyncio.Event()
    last_one = {"x-ratelimit-remaining": "1", "x-ratelimit-reset": "300"}

    async def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == TOKEN_ROUTE:
            return httpx.Response(200, json=TOKEN)
        if request.url.path.endswith("slow"):
            await is_over.wait()
        return httpx.Response(200, headers=last_one, json={"ok": True, "blueprint": {}})

    port: Any = answer
    async with port_setting(handler=port) as setting:
        await setting.port.get_blueprint("app")
        slow = asyncio.create_task(setting.port.get_blueprint("slow"))
        waits = asyncio.create_task(setting.port.get_blueprint("app", leaving=leaving))
        for _ in range(10):
            await asyncio.sleep(0)
        leaving.set()
        for _ in range(10):
            await asyncio.sleep(0)
        has_given_up = waits.done()
        is_over.set()
        ends = await asyncio.gather(slow, waits, return_exceptions=True)
    assert has_given_up
    assert isinstance(ends[1], LeavingError)


async def test_outage_longer_than_patience_ends_the_run_and_names_the_cause() -> None:
    async with port_setting(handler=scripted(httpx.Response(503)), patience=Patience(stall_s=600)) as setting:
        with pytest.raises(FatalError, match=STALLED):
            await setting.port.get_blueprint("app")
        assert 600 <= sum(setting.clock.slept_s) < 620


async def test_call_that_fails_while_others_succeed_is_given_up_after_five_attempts() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == TOKEN_ROUTE:
            return httpx.Response(200, json=TOKEN)
        if b"bad" in request.content:
            return httpx.Response(500, json={"ok": False})
        return httpx.Response(200, json={"ok": True, "entities": [], "errors": []})

    async with port_setting(handler=answer) as setting:

        async def bulk(body: bytes) -> Any:
            return await setting.port.bulk_upsert("app", [body], merge=True, create_missing=True)

        async def others() -> None:
            while not bad.done():
                await bulk(A)
                await asyncio.sleep(0)

        bad = asyncio.ensure_future(bulk(b'{"identifier":"bad"}'))
        await others()
        assert ((await bad).status, (await bad).transient) == (500, True)
        # The first failure does not count: no other call had succeeded yet.
        assert setting.clock.slept_s == [0.5, 1.0, 2.0, 4.0, 8.0]


async def test_call_that_alone_fails_is_given_up_when_a_probe_says_port_is_well() -> None:
    async with port_setting(patience=Patience(alone_s=30)) as setting:
        await setting.script({"match": {"path": BULK}, "action": {"status": 500}})
        answer = await setting.port.bulk_upsert("app", [A], merge=True, create_missing=True)
        assert answer.status == 500
        assert 30 <= sum(setting.clock.slept_s) < 60


async def test_search_that_goes_on_failing_is_given_up_soon_and_sooner_the_next_time() -> None:
    async with port_setting() as setting:
        await setting.script({"match": {"path": SEARCH}, "action": {"status": 500}})
        assert await setting.port.search_entities("app", ["a"]) is None
        assert setting.transport.requests["search"] == 4
        assert sum(setting.clock.slept_s) < 10
        assert await setting.port.search_entities("app", ["b"]) is None
        assert setting.transport.requests["search"] == 5
        await setting.script()
        assert await setting.port.search_entities("app", ["a"]) == {}


async def test_blueprint_that_port_fails_for_while_it_is_well_costs_that_call_only() -> None:
    async with port_setting() as setting:
        await setting.script({"match": {"path": "/v1/blueprints/app"}, "action": {"status": 500}})
        with pytest.raises(RetryableError, match=r"GET /v1/blueprints/app: HTTP 500"):
            await setting.port.get_blueprint("app")
        assert 60 <= sum(setting.clock.slept_s) < 90
        before = setting.transport.requests["blueprint"]
        with pytest.raises(RetryableError):
            await setting.port.get_blueprint("app")
        assert setting.transport.requests["blueprint"] == before + 1
        assert await setting.port.get_blueprint("team") is not None


async def test_answer_that_drips_is_a_timeout() -> None:
    async def drip() -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0.001)
            yield b" "

    dripping = [True, True]

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == TOKEN_ROUTE:
            return httpx.Response(200, json=TOKEN)
        return httpx.Response(200, content=drip()) if dripping and dripping.pop() else found_blueprint()

    async with port_setting(handler=answer, patience=Patience(request_timeout_s=0.05)) as setting:
        assert await setting.port.get_blueprint("app") is not None
        assert setting.waits.waits() == [Wait(host="Port", cause="timeout", seconds=1.5, times=2)]


async def test_token_that_drips_names_the_host() -> None:
    async def drip() -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0.001)
            yield b" "

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=drip())

    patience = Patience(request_timeout_s=0.02, first_contact_s=1.0)
    async with port_setting(handler=answer, patience=patience) as setting:
        with pytest.raises(FatalError, match=r"cannot reach Port at http://port\.test: timeout"):
            await setting.port.authenticate()


async def test_answer_too_large_is_given_up_at_once_and_named() -> None:
    async def flood() -> AsyncIterator[bytes]:
        for _ in range(65):
            yield bytes(1024 * 1024)

    def answer(request: httpx.Request) -> httpx.Response:
        return (
            httpx.Response(200, json=TOKEN)
            if request.url.path == TOKEN_ROUTE
            else httpx.Response(200, content=flood())
        )

    async with port_setting(handler=answer) as setting:
        with pytest.raises(RetryableError, match="answer too large: larger than 64 MiB"):
            await setting.port.get_blueprint("app")
        assert setting.transport.requests["blueprint"] == 1


async def test_write_whose_answer_was_lost_is_repeated() -> None:
    async with port_setting() as setting:
        await setting.script({"match": {"path": BULK}, "times": 1, "action": {"drop_after_store": True}})
        answer = await setting.port.bulk_upsert("app", [A], merge=True, create_missing=True)
        assert answer.data is not None
        assert answer.data["entities"] == [{"created": False, "identifier": "a", "index": 0}]


async def test_search_is_read_to_its_last_page() -> None:
    pages = {
        None: {"ok": True, "entities": [{"identifier": "a"}], "next": "p2"},
        "p2": {"ok": True, "entities": [{"identifier": "b"}], "next": "p3"},
        "p3": {"ok": True, "entities": [{"identifier": "c"}]},
    }
    bodies: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == TOKEN_ROUTE:
            return httpx.Response(200, json=TOKEN)
        bodies.append(orjson.loads(request.content))
        return httpx.Response(200, json=pages[bodies[-1].get("from")])

    async with port_setting(handler=answer) as setting:
        found = await setting.port.search_entities("app", ["a", "b", "c", "d"])
        assert found == {"a": {"identifier": "a"}, "b": {"identifier": "b"}, "c": {"identifier": "c"}}
        rule = {"property": "$identifier", "operator": "in", "value": ["a", "b", "c", "d"]}
        assert bodies[0] == {"query": {"combinator": "and", "rules": [rule]}, "limit": 4}


async def test_search_pages_that_turn_in_a_circle_end() -> None:
    page = httpx.Response(200, json={"ok": True, "entities": [], "next": "same"})
    async with port_setting(handler=scripted(page)) as setting:
        assert await setting.port.search_entities("app", ["a"]) == {}
        assert setting.transport.requests["search"] == 2


@pytest.mark.parametrize("status", [404, 405, 422])
async def test_refused_search_says_that_it_cannot_look(status: int) -> None:
    async with port_setting() as setting:
        refusal = {"status": status, "body": {"ok": False, "error": "not_found"}}
        await setting.script({"match": {"path": SEARCH}, "action": refusal})
        assert await setting.port.search_entities("app", ["a"]) is None


async def test_only_entities_written_by_this_installation_are_ours() -> None:
    async with port_setting() as setting:
        await setting.port.bulk_upsert("app", [A], merge=True, create_missing=True)
        for agent, name in (
            ("pagerport/1/other/exporter", "theirs"),
            ("x/pagerport/1/my-pagerduty/exporter", "fake"),
        ):
            token = (await setting.transport._tokens.get(None)).header
            await setting.http.post(
                "http://port.test/v1/blueprints/app/entities?upsert=true",
                json={"identifier": name},
                headers={"authorization": token, "user-agent": agent},
            )
        every = ["a", "theirs", "fake", "nobody"]
        assert set(await setting.port.search_entities("app", every) or ()) == {"a", "theirs", "fake"}
        assert set(await setting.port.search_entities("app", every, only_ours=True) or ()) == {"a"}


async def test_what_is_missing_is_none() -> None:
    async with port_setting() as setting:
        assert await setting.port.get_blueprint("nope") is None
        assert await setting.port.get_blueprint("..") is None
        assert await setting.port.get_entity("app", "no/such: one+") is None
        assert await setting.port.get_integration("nope") is None


async def test_blueprint_is_created_unless_it_exists() -> None:
    async with port_setting() as setting:
        blueprint = {"identifier": "new/one", "title": "New", "schema": {"properties": {}}}
        assert await setting.port.create_blueprint(blueprint) is True
        assert await setting.port.create_blueprint(blueprint) is False
        found = await setting.port.get_blueprint("new/one")
        assert found is not None
        assert found["identifier"] == "new/one"


async def test_wait_ends_when_asked_to_leave() -> None:
    leaving = asyncio.Event()

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == TOKEN_ROUTE:
            return httpx.Response(200, json=TOKEN)
        leaving.set()
        return httpx.Response(503)

    async with port_setting(handler=answer) as setting:
        with pytest.raises(LeavingError):
            await setting.port.bulk_upsert("app", [A], merge=True, create_missing=True, leaving=leaving)
        assert setting.transport.requests["bulk upsert"] == 1


async def test_secrets_are_taken_out_of_what_port_says() -> None:
    message = "token t0k3n-value, Bearer abc.def, s3cret-one, eyJhbGciOiJI.eyJzdWIi.sig"
    refused = httpx.Response(403, json={"ok": False, "message": message})
    async with port_setting(handler=scripted(refused), secret="s3cret-one") as setting:
        with pytest.raises(FatalError) as caught:
            await setting.port.get_blueprint("app")
        for secret in ("t0k3n-value", "abc.def", "s3cret-one", "eyJ"):
            assert secret not in str(caught.value)


async def test_every_request_says_who_we_are() -> None:
    agents: set[str] = set()

    def answer(request: httpx.Request) -> httpx.Response:
        agents.add(request.headers["user-agent"])
        return scripted(found_blueprint())(request)

    async with port_setting(handler=answer) as setting:
        await setting.port.get_blueprint("app")
    assert agents == {f"pagerport/1.2.3/{IDENTIFIER}/exporter"}


@pytest.mark.parametrize("identifier", ["", "a/b", "ä", "a\nb"])
def test_identifier_that_would_blur_ownership_is_refused(identifier: str) -> None:
    with pytest.raises(ConfigurationError, match="OCEAN__INTEGRATION__IDENTIFIER"):
        user_agent("1", identifier)
