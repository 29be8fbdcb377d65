"""What `/health/ready` says in words: of which service a check is, and which mapping is in force."""

import asyncio
import logging
import socket
from pathlib import Path

import pytest

from services.fetcher.assembly import refusal
from services.standalone.http import Router, serve_http
from services.standalone.run import _checks, _of_members, run_always
from services.webhook_gateway.counters import GatewayCounters, Refusal
from services.webhook_gateway.service import log_check
from shared.errors import ConfigurationError
from shared.log.sqlite import SqliteLog
from shared.membership import Membership
from shared.service.address import bound_socket
from shared.service.readiness import Check
from shared.service.running import Running
from shared.settings import Settings


def test_each_check_is_named_with_its_service() -> None:
    held = Running(checks=lambda: [Check("held", is_ok=True)])

    async def checks() -> list[Check]:
        return _checks({"writer": held, "mapper": held})

    assert asyncio.run(checks()) == [Check("writer held", is_ok=True), Check("mapper held", is_ok=True)]


def test_checks_of_several_places_in_a_group_are_numbered() -> None:
    one = Membership(
        group="writer", owned=0, is_joined=True, left_at_s=0.0, polled_at_s=None, is_handling=False
    )

    assert [check.name for check in _of_members([one], 5.0)] == ["assignment", "held"]
    assert [check.name for check in _of_members([one, one], 5.0)] == [
        "assignment 1",
        "held 1",
        "assignment 2",
        "held 2",
    ]


def test_gateway_says_what_the_log_took_of_webhooks() -> None:
    counters = GatewayCounters()
    assert log_check(counters) == Check("log", is_ok=True, detail="no webhook yet")
    counters.published = 3
    assert log_check(counters).detail == "it took 3 webhooks"
    counters.refused[Refusal.LOG_SLOW] = 2
    assert log_check(counters).detail == "it took 3 webhooks; 2 refused because it was slow or failed"


def test_refused_mapping_says_that_the_last_good_one_is_in_force() -> None:
    assert refusal("", has_good=True) == ""
    assert refusal("line 1", has_good=True) == "last good mapping in force; refused: line 1"
    assert refusal("line 1", has_good=False) == "refused: line 1"


async def test_address_that_is_taken_is_a_mistake_of_the_configuration() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        with (
            pytest.raises(ConfigurationError, match=f"cannot listen on 127.0.0.1:{number}"),
            bound_socket("127.0.0.1", number),
        ):
            pass


async def test_address_that_another_one_was_quicker_to_listen_at_is_one_too() -> None:
    with bound_socket("127.0.0.1", 0) as other:
        number = other.getsockname()[1]
        settings = Settings.model_validate({"http": {"host": "127.0.0.1", "port": number}})
        with bound_socket("127.0.0.1", number) as address:
            other.listen()
            async with serve_http(Router({}), settings, address) as serving:
                with pytest.raises(ConfigurationError, match=f"cannot listen on 127.0.0.1:{number}"):
                    await serving


@pytest.mark.parametrize("is_new", [True, False])
async def test_run_whose_address_is_taken_ends_before_it_says_that_all_is_well(
    *, is_new: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "p.db"
    if not is_new:
        await (await SqliteLog.open(file, durable=True, consuming=True)).close()
    with socket.create_server(("127.0.0.1", 0)) as taken, caplog.at_level(logging.INFO):
        number = taken.getsockname()[1]
        values = {"http": {"host": "127.0.0.1", "port": number}, "log": {"file": file}}
        with pytest.raises(ConfigurationError, match=f"cannot listen on 127.0.0.1:{number}"):
            await run_always(Settings.model_validate(values))
    assert [one.getMessage() for one in caplog.records if "HTTP" in one.getMessage()] == []
    assert file.exists() is not is_new
