"""The simulator runs in its own process, says where, and ends with its parent."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import orjson
import pytest

from simulators.pagerduty.__main__ import main, parser, read_sizes
from simulators.pagerduty.account import SMALL, Sizes, generate_account
from tests.unit.sim_pagerduty_client import HEADERS, NOW

ROOT = Path(__file__).parents[2]
PATIENCE_S = 30


@contextmanager
def simulator_process(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [
        sys.executable,
        "-m",
        "simulators.pagerduty",
        "--port",
        "0",
        "--token",
        "account-key",
        *options,
    ]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())["url"]
        finally:
            process.kill()


def client(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, headers=HEADERS, trust_env=False)


def test_process_answers_and_ends_in_order_on_sigterm() -> None:
    with simulator_process("--account", "small", "--seed", "3") as (process, url):
        with client(url) as pagerduty:
            answer = pagerduty.get("/services?total=true")
            process.terminate()
            code = process.wait(PATIENCE_S)
        assert process.stdout is not None
        assert process.stderr is not None
        rest, errors = process.stdout.read(), process.stderr.read()

    assert (answer.status_code, answer.json()["total"], code) == (200, SMALL.services, 0)
    assert (rest, errors) == ("", "")
    assert url.startswith("http://127.0.0.1:")


def test_process_resets_the_connection_when_the_script_says_so() -> None:
    rules = [{"times": 1, "action": {"drop": "before"}}, {"times": 1, "action": {"drop": "mid_body"}}]
    with simulator_process("--account", "small") as (_, url), client(url) as pagerduty:
        pagerduty.put("/_sim/script", json=rules)
        for _ in range(2):
            with pytest.raises(httpx.TransportError):
                pagerduty.get("/services")
        answer = pagerduty.get("/services")
        counters = pagerduty.get("/_sim/counters").json()

    assert answer.status_code == 200
    assert counters["counters"] == [
        {"method": "GET", "route": "/services", "status": None, "count": 2},
        {"method": "GET", "route": "/services", "status": 200, "count": 1},
    ]


def test_process_ends_when_its_parent_is_gone() -> None:
    with (
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as parent,
        simulator_process("--account", "small", "--parent-pid", str(parent.pid)) as (process, _),
    ):
        still_there = process.poll()
        parent.kill()
        parent.wait(PATIENCE_S)
        code = process.wait(PATIENCE_S)

    assert (still_there, code) == (None, 0)


def test_stored_account_is_served(tmp_path: Path) -> None:
    account = generate_account(9, SMALL, NOW)
    state = tmp_path / "state.json"
    state.write_bytes(orjson.dumps(account))
    with simulator_process("--state", str(state)) as (_, url), client(url) as control:
        served = control.get("/_sim/state").json()

    assert served == account


def test_account_file_that_is_not_there_ends_the_command_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["--state", str(tmp_path / "none.json")])

    assert (code, "none.json" in capsys.readouterr().err) == (2, True)


def test_sizes_given_take_the_place_of_those_of_the_account() -> None:
    options = parser().parse_args(
        ["--account", "bench", "--services", "200", "--incidents", "9000", "--oncalls", "300"]
    )

    assert read_sizes(options) == Sizes(
        services=200,
        incidents=9000,
        users=SMALL.users,
        teams=SMALL.teams,
        schedules=SMALL.schedules,
        v3_schedules=SMALL.v3_schedules,
        policies=SMALL.policies,
        oncalls=300,
    )
