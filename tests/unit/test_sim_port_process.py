"""The simulated Port as a process: starts, says where, keeps its state, ends with its parent."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.unit.sim_port_client import BLUEPRINTS, CREDENTIALS

ROOT = Path(__file__).parents[2]


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "simulators.port", *arguments], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )


def url_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    url: str = json.loads(process.stdout.readline())["url"]
    return url


def test_process_serves_and_keeps_its_state_in_the_file(tmp_path: Path) -> None:
    blueprints, state = tmp_path / "blueprints.json", tmp_path / "state.json"
    blueprints.write_text(json.dumps(BLUEPRINTS))
    for expected_count, arguments in ((0, ["--blueprints", str(blueprints)]), (1, [])):
        with start("--state", str(state), *arguments) as process:
            url = url_of(process)
            token = httpx.post(f"{url}/v1/auth/access_token", json=CREDENTIALS).json()["accessToken"]
            headers = {"authorization": f"Bearer {token}", "user-agent": "x/1"}
            with httpx.Client(base_url=f"{url}/v1", headers=headers) as port:
                answer = port.get("/blueprints/app/entities-count")
                assert answer.json() == {"ok": True, "count": expected_count}
                assert len(answer.headers.get_list("date")) == 1
                identifier = {"identifier": "a/b"}
                assert port.post("/blueprints/app/entities?upsert=true", json=identifier).status_code == 201
                assert port.get("/blueprints/app/entities/a%2Fb").status_code == 200
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=20) == 0
    assert [entity["identifier"] for entity in json.loads(state.read_text())["entities"]] == ["a/b"]


def test_process_ends_with_its_parent() -> None:
    with (
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as parent,
        start("--parent-pid", str(parent.pid)) as process,
    ):
        url_of(process)
        assert process.poll() is None
        parent.communicate(b"\n")
        assert process.wait(timeout=20) == 0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--requests-per-5-minutes", "nope=1"], "no family nope"),
        (["--requests-per-5-minutes", "many"], "many is no number"),
        (["--blueprints", "/nonexistent.json"], "No such file or directory"),
    ],
)
def test_wrong_argument_ends_the_process_with_2_and_says_why(arguments: list[str], text: str) -> None:
    command = [sys.executable, "-m", "simulators.port", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)
    assert done.returncode == 2
    assert text in done.stderr
