"""Runs `pagerport sync` to bad ends: what did not arrive is kept and named, and nothing where all arrived."""

import json
import os
import pty
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.harness import PROGRAM, Ended, Stage, pagerduty, port
from tests.pipeline.mappings import SPINE

pytestmark = pytest.mark.pipeline
Json = Any
BULK = "/v1/blueprints/.*/bulk"
STOP_S = 2
NAMELESS = SPINE.replace("identifier: .id\n", "identifier: if .id then null else .id end\n", 1)
"""The first kind of the mapping gives no entity an identifier, so each of its objects is a dead letter."""
HELD_UP = {"match": {"path": BULK}, "action": {"delay_ms": 20_000}}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with pagerduty("--account", "small", "--incidents", "120") as source, port(tmp_path) as target:
        yield Stage(source, target, tmp_path)


def kept(stage: Stage) -> list[Path]:
    return sorted(stage.folder.glob("pagerport-*.db"))


def hint(ended: Ended) -> list[str]:
    return [line for line in ended.err.splitlines() if "pagerport dlq list" in line]


def letters(stage: Stage, *arguments: str | Path) -> Json:
    ended = stage.run("dlq", "list", "--json", *arguments)
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


def interrupted(stage: Stage, *options: str) -> Ended:
    """Interrupt a sync whose mapper has failed while its writer waits for Port."""
    stage.port.script(HELD_UP)
    with stage.start("sync", "--mapping", stage.mapping(NAMELESS), *options) as process:
        while not any(one["path"].endswith("/bulk") for one in stage.port.requests()):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=2 * STOP_S)
        return Ended(process.returncode, out, err)


def test_nothing_is_kept_of_a_sync_whose_listing_failed_but_that_has_no_letter(stage: Stage) -> None:
    stage.pagerduty.script({"match": {"path": "/users"}, "action": {"status": 403}})

    ended = stage.run("sync", "--mapping", stage.mapping(SPINE))

    assert ended.code == 1, ended.err
    assert (kept(stage), hint(ended)) == ([], [])


def test_interrupted_sync_keeps_what_failed_and_says_where(stage: Stage) -> None:
    ended = interrupted(stage)

    assert ended.code == 130, ended.err
    assert len(kept(stage)) == 1
    assert hint(ended) == [
        f"what did not arrive is kept in {kept(stage)[0].name}; "
        f"look at it with: pagerport dlq list --log {kept(stage)[0].name}"
    ]
    assert {one["failures"][0]["reason"] for one in letters(stage, "--log", kept(stage)[0])} == {
        "identifier_null"
    }
    assert list(stage.temporary.iterdir()) == []


def test_interrupted_sync_keeps_nothing_when_asked_not_to(stage: Stage) -> None:
    ended = interrupted(stage, "--no-keep")

    assert (ended.code, kept(stage), hint(ended)) == (130, [], [])
    assert list(stage.temporary.iterdir()) == []


def test_stalled_sync_keeps_what_failed(stage: Stage) -> None:
    stage.port.script(HELD_UP)

    ended = stage.run("sync", "--mapping", stage.mapping(NAMELESS), OCEAN__SYNC__STALL_TIMEOUT_S="2")

    assert ended.code == 3, ended.err
    assert [len(kept(stage)), len(hint(ended))] == [1, 1]
    assert letters(stage, "--log", kept(stage)[0]) != []
    assert list(stage.temporary.iterdir()) == []


def test_letters_of_a_log_of_ones_own_are_told_apart_by_their_run(stage: Stage) -> None:
    mapping = stage.mapping(NAMELESS)
    runs = [
        stage.run("sync", "--mapping", mapping, "--json", *options, OCEAN__LOG__FILE="own.db")
        for options in ((), ("--no-keep",))
    ]
    ids = [one.result["run_id"] for one in runs]

    assert [one.code for one in runs] == [1, 1]
    assert [hint(one) for one in runs] == [
        [
            "what did not arrive is in own.db (OCEAN__LOG__FILE); look at it with: "
            f"pagerport dlq list --log own.db --run {run}"
        ]
        for run in ids
    ]
    for run in ids:
        found = letters(stage, "--log", "own.db", "--run", run, "--limit", "9999")
        assert {one["run_id"] for one in found} == {run}
    assert kept(stage) == []


def test_start_that_is_refused_gives_machines_one_document(stage: Stage) -> None:
    ended = stage.run(
        "sync", "--mapping", stage.mapping(SPINE), "--json", OCEAN__PORT__CLIENT_SECRET="wrong-secret-1"
    )

    errors = [line.removeprefix("error: ") for line in ended.err.splitlines() if line.startswith("error:")]
    assert ended.code == 3
    assert ended.result == {"state": "failed", "error": "\n".join(errors)}


@pytest.mark.parametrize(
    ("mapping", "options", "code"), [(SPINE, (), 0), (NAMELESS, (), 1), (SPINE, ("--json",), 0)]
)
def test_reader_that_leaves_early_does_not_change_how_a_sync_ends(
    stage: Stage, mapping: str, options: tuple[str, ...], code: int
) -> None:
    with stage.start("sync", "--mapping", stage.mapping(mapping), *options, "--no-keep") as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        said = process.stderr.read()
        assert (process.wait(timeout=60), "Traceback" in said, "error:" in said) == (code, False, False)


def test_sync_on_a_narrow_terminal_shows_every_number(stage: Stage) -> None:
    ours, theirs = pty.openpty()
    environment = stage.environment(COLUMNS="60", TERM="xterm")
    with subprocess.Popen(
        [PROGRAM, "sync", "--mapping", stage.mapping(SPINE)],
        env=environment,
        cwd=stage.folder,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown = b""
        while block := _read(ours):
            shown += block
        assert process.wait(timeout=60) == 0
    os.close(ours)
    text = shown.decode()
    assert "…" not in text
    assert "incidents" in text
    assert "120" in text


def _read(terminal: int) -> bytes:
    """Return what the program has written; nothing: it has ended, which a terminal tells by an error."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""
