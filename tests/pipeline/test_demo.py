"""`pagerport demo`, the first thing that a visitor runs, on a machine of any company."""

import os
import re
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(sys.executable).with_name("pagerport")
OF_A_COMPANY = {
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "ALL_PROXY": "http://127.0.0.1:9",
    "no_proxy": "intranet.example",
    "OCEAN__PORT__BASE_URL": "https://port.invalid",
    "OCEAN__MAPPING__FILE": "/no/such/mapping.yaml",
}


def test_demo_shows_two_syncs_and_what_port_holds_also_behind_a_proxy(tmp_path: Path) -> None:
    done = subprocess.run(
        [PROGRAM, "demo"],
        cwd=tmp_path,
        env=os.environ | OF_A_COMPANY,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    steps = re.split(r"^\d\. .*$", done.stdout, flags=re.MULTILINE)[1:]
    assert [re.findall(r"^run \S+ (completed)", step, re.MULTILINE) for step in steps] == [
        ["completed"],
        ["completed"],
        [],
    ]
    assert "pagerdutyService: " in steps[2]
    assert list(tmp_path.iterdir()) == []
