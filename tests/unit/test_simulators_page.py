"""What docs/simulators.md shows is taken by the simulators as it stands there."""

import json
import re
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from simulators.pagerduty.app import DEFAULT_TOKEN
from simulators.pagerduty.live import Burst
from simulators.port.app import DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET
from simulators.port.script_action import PortAction
from simulators.script import Rule

PAGE = (Path(__file__).parents[2] / "docs" / "simulators.md").read_text(encoding="utf-8")
SHOWN = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]


def test_variables_that_are_shown_are_those_of_simulators_started_as_shown() -> None:
    shown = dict(re.findall(r"^export OCEAN__(\w+)=(\S+)$", PAGE, re.MULTILINE))
    ports = dict(re.findall(r"-m simulators\.(\w+) .*--port (\d+)", PAGE))

    assert shown == {
        "INTEGRATION__CONFIG__API_URL": f"http://127.0.0.1:{ports['pagerduty']}",
        "INTEGRATION__CONFIG__TOKEN": DEFAULT_TOKEN,
        "PORT__BASE_URL": f"http://127.0.0.1:{ports['port']}",
        "PORT__CLIENT_ID": DEFAULT_CLIENT_ID,
        "PORT__CLIENT_SECRET": DEFAULT_CLIENT_SECRET,
    }


@pytest.mark.parametrize("shown", SHOWN, ids=str)
def test_documents_that_are_shown_are_of_their_form(shown: object) -> None:
    if isinstance(shown, list):
        TypeAdapter(list[Rule[PortAction]]).validate_python(shown)
    else:
        Burst.model_validate(shown)


def test_page_shows_a_script_a_change_and_changes_by_chance() -> None:
    assert [sorted(one) if isinstance(one, dict) else "script" for one in SHOWN] == [
        "script",
        ["changes"],
        ["copies", "late_copies", "made"],
    ]
