"""A command that is interrupted while the program imports says so, and gives machines their document."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

INTERRUPTED_AT = """
import sys
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupt())
from services.cli import main
main(sys.argv[2:])
"""
NOTHING_READ = "interrupted before anything was read; no entity was written"
SETTINGS = ("OCEAN__PORT__CLIENT_ID", "OCEAN__PORT__CLIENT_SECRET", "OCEAN__INTEGRATION__CONFIG__TOKEN")


def ended(folder: Path, module: str, *arguments: str) -> tuple[int, str, str]:
    """Run the program as if Ctrl-C were pressed while it imports a module."""
    given = [sys.executable, "-c", INTERRUPTED_AT, module, *arguments]
    environment = {**os.environ, **dict.fromkeys(SETTINGS, "any-value")}
    done = subprocess.run(
        given, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "module", ["typer", "services.cli.sync_command", "pydantic", "services.cli.sync_run"]
)
def test_sync_that_is_interrupted_while_it_starts_gives_one_document(tmp_path: Path, module: str) -> None:
    code, out, err = ended(tmp_path, module, "sync", "--json")

    assert (code, json.loads(out), err) == (
        130,
        {"state": "interrupted", "error": NOTHING_READ},
        f"{NOTHING_READ}\n",
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(("sync",), NOTHING_READ), (("status", "--json"), "interrupted"), (("--debug", "runs"), "interrupted")],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_whoever_looks_on_gets_a_word(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    assert ended(tmp_path, "pydantic", *arguments) == (130, "", f"{says}\n")


@pytest.mark.parametrize("module", ["typer", "pydantic"])
def test_ctrl_c_that_ends_the_reader_of_the_document_too_is_no_traceback(tmp_path: Path, module: str) -> None:
    given = [sys.executable, "-c", INTERRUPTED_AT, module, "sync", "--json"]
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            given, cwd=tmp_path, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
    finally:
        os.close(writing)

    assert (done.returncode, done.stderr) == (130, f"{NOTHING_READ}\n")
