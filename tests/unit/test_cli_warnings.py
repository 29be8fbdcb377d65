"""What the commands warn of at their start: each thing once, and only where it matters."""

import os
from pathlib import Path

import pytest

from services.cli.app import main

SETTINGS = ("OCEAN__PORT__CLIENT_ID", "OCEAN__PORT__CLIENT_SECRET", "OCEAN__INTEGRATION__CONFIG__TOKEN")
LISTENER = "OCEAN__EVENT_LISTENER: WEBHOOK is run as POLLING"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.upper().startswith("OCEAN__")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    for name in SETTINGS:
        monkeypatch.setenv(name, "any-value")


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert isinstance(caught.value.code, int)
    return caught.value.code, capsys.readouterr().err


def test_run_beside_kafka_says_that_it_is_an_installation_of_its_own(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCEAN__KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("OCEAN__LOG__FILE", "my.db")
    Path("broken.yaml").write_text("")

    code, err = said(capsys, "run", "--mapping", "broken.yaml")

    warnings = [line for line in err.splitlines() if "OCEAN__KAFKA__BOOTSTRAP_SERVERS is set" in line]
    assert (code, len(warnings)) == (2, 1)
    assert "`run` does not use Kafka: this is an installation of its own over my.db" in warnings[0]


@pytest.mark.parametrize(
    ("command", "times"),
    [("sync --mapping none.yaml", 1), ("run --mapping none.yaml", 1), ("runs", 0), ("refresh users P1", 0)],
)
def test_event_listener_is_spoken_of_only_where_something_runs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str, times: int
) -> None:
    monkeypatch.setenv("OCEAN__EVENT_LISTENER", "WEBHOOK")

    code, err = said(capsys, *command.split())

    assert (code, err.count(LISTENER)) == (2, times)


def test_slip_in_a_name_is_said_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCEAN__LOG__FIEL", "my.db")

    for command in ("runs", "dlq redrive --all", "release", "resync"):
        assert said(capsys, *command.split())[1].count("OCEAN__LOG__FIEL") == 1
