"""What the program reads and writes through: streams of any encoding, and a stdin that gives nothing."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
from pathlib import Path
from typing import IO

import pytest

PROGRAM = Path(sys.executable).with_name("pagerport")
TITLE = "Zürich 🔥 – 停电"
MAPPING = """\
resources:
  - kind: incidents
    port:
      entity: {mappings: {identifier: .id, title: .title, blueprint: '"pagerdutyIncident"'}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mapping.yaml").write_text(MAPPING)
    (tmp_path / "incident.json").write_text(json.dumps({"id": "Q1", "title": TITLE}))
    return tmp_path


def environment(**more: str) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.upper().startswith("OCEAN__")}
    return ours | more


def written(folder: Path, encoding: str, *arguments: str | bytes) -> tuple[int, str, str]:
    """Run the program with a stdout of an encoding, and return its exit code, stdout and stderr."""
    done = subprocess.run(
        [PROGRAM, *arguments],
        cwd=folder,
        env=environment(PYTHONIOENCODING=encoding),
        capture_output=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout.decode(encoding), done.stderr.decode(encoding)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_document_is_whole_json_on_a_stdout_that_cannot_hold_all_signs(folder: Path, encoding: str) -> None:
    given = ("mapping", "apply", "mapping.yaml", "--kind", "incidents", "--input", "incident.json", "--json")

    code, out, err = written(folder, encoding, *given)

    assert (code, err) == (0, "")
    assert json.loads(out)[0]["entities"][0]["values"]["title"] == TITLE


def test_signs_that_stdout_cannot_hold_are_shown_as_escapes(folder: Path) -> None:
    given = ("mapping", "apply", "mapping.yaml", "--kind", "incidents", "--input", "incident.json")

    code, out, err = written(folder, "latin-1", *given)

    assert (code, err) == (0, "")
    assert r"Zürich \ud83d\udd25 \u2013 \u505c\u7535" in out


def test_file_whose_name_is_no_utf8_is_named(folder: Path) -> None:
    name = b"m\xff.yaml"
    (folder / os.fsdecode(name)).write_text(MAPPING)

    code, out, err = written(folder, "utf-8", "mapping", "check", name)

    assert (code, out, err) == (0, "m\\udcff.yaml: 1 entry, 0 errors, 0 warnings\n", "")


@pytest.mark.parametrize("options", [(), ("--json",)], ids=["plain", "document"])
def test_error_keeps_its_exit_code_where_nobody_reads_stdout(folder: Path, options: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [PROGRAM, "sync", "--kind", "a,b", *options],
            cwd=folder,
            env=environment(
                OCEAN__PORT__CLIENT_ID="any",
                OCEAN__PORT__CLIENT_SECRET="any-value",
                OCEAN__INTEGRATION__CONFIG__TOKEN="any-value",
            ),
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(writing)

    assert (done.returncode, done.stderr) == (
        2,
        "error: --kind a,b: takes one kind, repeat it for more: --kind a --kind b\n",
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("apply", "mapping.yaml", "--kind", "incidents", "--input", "-"),
        ("apply", "webhooks.yaml", "--webhook", "--input", "-"),
        ("diff", "mapping.yaml", "mapping.yaml", "--kind", "incidents", "--input", "-"),
        ("check", "mapping.yaml", "--plan", "--kind", "incidents", "--input", "-"),
    ],
    ids=" ".join,
)
def test_ctrl_c_ends_a_command_that_waits_for_its_stdin(folder: Path, arguments: tuple[str, ...]) -> None:
    (folder / "webhooks.yaml").write_text(
        "webhookMappings:\n"
        "  - {blueprint: pagerdutyIncident, filter: 'true', entity: {identifier: .body.event.data.id}}\n"
    )
    with subprocess.Popen(
        [PROGRAM, "mapping", *arguments],
        cwd=folder,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        wait_until_it_reads(process.stdin)
        os.killpg(process.pid, signal.SIGINT)
        # Its stdin stays open meanwhile.
        assert process.wait(timeout=5) == 130
        assert process.stderr.read() == b"interrupted\n"


def wait_until_it_reads(stdin: IO[bytes]) -> None:
    """Give a process the beginning of a document, and wait until it has taken that."""
    stdin.write(b"[")
    stdin.flush()
    while int.from_bytes(fcntl.ioctl(stdin, termios.FIONREAD, bytes(4)), sys.byteorder):
        os.sched_yield()
