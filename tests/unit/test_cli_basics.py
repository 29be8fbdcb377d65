"""The command line: help and version, settings, mapping check, and how every kind of error ends."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from schemas.outcome import Reason
from schemas.topics import TOPICS
from services.cli.app import build, main
from services.cli.ending import Guard
from services.cli.help_order import PANELS
from shared.errors import (
    ConfigurationError,
    FatalError,
    InterruptedRunError,
    LostError,
    PagerportError,
    RejectedError,
    RetryableError,
)
from shared.kinds import KINDS

PROGRAM = Path(sys.executable).with_name("pagerport")
HEAVY = ("aiokafka", "faststream", "httpx", "jq", "pydantic", "uvicorn")


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.upper().startswith("OCEAN__")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def end_of(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert isinstance(caught.value.code, int)
    return caught.value.code


def end_with(error: BaseException, *, debug: bool = False) -> int:
    with pytest.raises(SystemExit) as caught, Guard(debug=debug):
        raise error
    assert isinstance(caught.value.code, int)
    return caught.value.code


@pytest.mark.parametrize(
    ("error", "code", "lines"),
    [
        (ConfigurationError("a: is wrong\nb: is wrong"), 2, ["error: a: is wrong", "error: b: is wrong"]),
        (FatalError("Port refuses the client id"), 3, ["error: Port refuses the client id"]),
        (RetryableError("Port: no connection"), 3, ["error: Port: no connection"]),
        (RejectedError(Reason.REFUSED, "refused"), 1, ["error: refused"]),
        (LostError("offset 3 is gone"), 1, ["error: offset 3 is gone"]),
        (InterruptedRunError("stopped after 3 objects"), 130, ["error: stopped after 3 objects"]),
        (FatalError(), 3, ["error: FatalError"]),
        (KeyboardInterrupt(), 130, ["interrupted"]),
        (
            ZeroDivisionError("odd"),
            1,
            [
                "error: unexpected ZeroDivisionError: odd; this is a fault of pagerport, "
                "`pagerport --debug …` shows where"
            ],
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_error_ends_in_a_line_per_mistake_and_its_exit_code(
    capsys: pytest.CaptureFixture[str], error: BaseException, code: int, lines: list[str]
) -> None:
    assert end_with(error) == code
    out, err = capsys.readouterr()
    assert (out, err.splitlines()) == ("", lines)


def test_every_error_of_the_tree_has_an_exit_code_that_is_documented() -> None:
    def below(error: type[PagerportError]) -> set[type[PagerportError]]:
        return {error}.union(*(below(one) for one in error.__subclasses__()))

    assert {error.exit_code for error in below(PagerportError)} == {1, 2, 3, 130}


def test_traceback_is_shown_with_debug_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert end_with(ZeroDivisionError("odd"), debug=True) == 1

    assert "Traceback (most recent call last)" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [("nope",), ("topics", "list", "--nope"), ("dlq", "show")], ids=" ".join
)
def test_wrong_usage_ends_with_2_and_a_hint(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    assert end_of(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Usage: pagerport" in err


def test_help_names_every_command_and_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert end_of("--help") == 0

    shown = capsys.readouterr().out
    commands = typer.main.get_command(build()).commands  # type: ignore[attr-defined]
    assert {"settings", "topics", "mapping", "dlq"} <= set(commands)
    assert [name for name in commands if f" {name} " not in shown] == []
    assert "130 interrupted" in shown


def test_help_begins_with_what_a_newcomer_runs_and_groups_the_rest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert end_of("--help") == 0
    lines = capsys.readouterr().out.splitlines()

    headings = [line.split("─ ")[1].split(" ─")[0] for line in lines if line.startswith("╭─ ")]
    assert headings == ["Options", *PANELS]
    known = {name for names in PANELS.values() for name in names}
    first_words = [line.split()[1] for line in lines if line.startswith("│ ") and line[2] != " "]
    assert [word for word in first_words if word in known] == [
        name for names in PANELS.values() for name in names
    ]


def test_every_command_and_option_has_a_help_text() -> None:
    def bare(command: object, path: str) -> list[str]:
        found = [] if getattr(command, "help", "") else [path]
        found += [
            f"{path} {one.name}"
            for one in command.params  # type: ignore[attr-defined]
            if not getattr(one, "help", "")
        ]
        for name, one in getattr(command, "commands", {}).items():
            found += bare(one, f"{path} {name}")
        return found

    assert bare(typer.main.get_command(build()), "pagerport") == []


@pytest.mark.parametrize("command", ["topics create", "topics check", "explain", "release", "sweep"])
def test_help_breaks_lines_only_where_the_terminal_does(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("COLUMNS", "400")

    assert end_of(*command.split(), "--help") == 0
    text = capsys.readouterr().out.split("╭─")[0].split("Usage: ")[1]
    said = [line.strip() for line in text.splitlines()[1:] if line.strip()]
    assert said
    assert [line for line in said if not line.endswith(".")] == []


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from services.cli import main\n"
        "try:\n    main(['--help'])\n"
        f"finally:\n    print(sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )

    assert (ended.returncode, ended.stderr) == (0, "[]\n")


def test_installed_program_says_its_version() -> None:
    ended = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, timeout=60, check=False)

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "pagerport 0.1.0\n", "")


@pytest.mark.parametrize("options", [(), ("--json",)], ids=["table", "json"])
def test_reader_that_leaves_early_ends_it_without_a_word(options: tuple[str, ...]) -> None:
    with subprocess.Popen(
        [PROGRAM, "topics", "list", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert (process.stderr.read(), process.wait(timeout=60)) == ("", 1)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shell_completion_offers_the_commands(shell: str) -> None:
    words = {"COMP_WORDS": "pagerport top", "COMP_CWORD": "1", "_TYPER_COMPLETE_ARGS": "pagerport top"}
    environment = {**os.environ, **words, "_PAGERPORT_COMPLETE": f"complete_{shell}"}
    if shell == "fish":
        environment["_TYPER_COMPLETE_FISH_ACTION"] = "get-args"

    ended = subprocess.run(
        [PROGRAM], env=environment, capture_output=True, text=True, timeout=60, check=False
    )

    assert "topics" in ended.stdout


def test_settings_are_shown_with_secrets_masked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCEAN__PORT__CLIENT_SECRET", "hunter2")
    monkeypatch.setenv("OCEAN__HTTP__PORT", "9000")

    assert end_of("settings") == 0
    shown = capsys.readouterr().out
    assert end_of("settings", "--json") == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}

    assert "hunter2" not in shown + json.dumps(rows)
    assert [name for name in rows if name not in shown] == []
    assert rows["OCEAN__HTTP__PORT"] == {
        "name": "OCEAN__HTTP__PORT",
        "value": "9000",
        "default": "8000",
        "source": "environment",
        "takes": "a whole number from 1 to 65535",
        "description": "Port for health, metrics and webhooks. Unused by `sync`.",
    }


def test_settings_with_a_mistake_end_with_2_and_its_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCEAN__HTTP__PORT", "eighty")

    assert end_of("settings") == 2
    out, err = capsys.readouterr()
    line = "error: OCEAN__HTTP__PORT: 'eighty' must be a whole number from 1 to 65535; correct or unset it\n"
    assert (out, err) == ("", line)


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        (".name |", ":6:", "title"),
        ("tpyo(.)", ":6:", "title"),
    ],
)
def test_mapping_of_topics_create_is_refused_with_file_line_and_column(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, place: str, says: str
) -> None:
    file = tmp_path / "m.yaml"
    file.write_text(
        "resources:\n"
        "  - kind: services\n"
        "    port:\n"
        "      entity:\n"
        "        mappings:\n"
        f"          title: {text}\n"
        "          identifier: .id\n"
        "          blueprint: '\"app\"'\n"
    )

    assert end_of("topics", "create", "--mapping", str(file)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {file}{place}")
    assert says in line


def test_topics_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert end_of("topics", "list") == 0
    shown = capsys.readouterr().out
    assert end_of("topics", "list", "--json") == 0
    listed = [topic["name"] for topic in json.loads(capsys.readouterr().out)]

    assert listed == [topic.name for topic in TOPICS]
    assert [name for name in listed if name not in shown] == []


def test_kinds_are_listed_with_what_they_take(capsys: pytest.CaptureFixture[str]) -> None:
    assert end_of("kinds") == 0
    shown = capsys.readouterr().out
    assert end_of("kinds", "--json") == 0
    listed = {one["kind"]: one for one in json.loads(capsys.readouterr().out)}

    assert list(listed) == list(KINDS)
    assert {line.split()[0] for line in shown.splitlines()[1:]} == set(KINDS)
    assert listed["teams"] == {
        "kind": "teams",
        "path": "/teams",
        "parameters": {"query": "text"},
        "includes": [],
    }


@pytest.mark.parametrize(
    "arguments", [("topics", "list"), ("kinds",), ("settings",), ("dlq", "list", "--help")], ids=" ".join
)
def test_nothing_is_wider_than_a_narrow_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")

    assert end_of(*arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 60
    assert [line for line in lines if "…" in line] == []


@pytest.mark.parametrize("options", [(), ("--json",)], ids=["table", "json"])
def test_full_disk_behind_stdout_is_one_line(options: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [PROGRAM, "settings", *options],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )

    said = "error: the output cannot be written (No space left on device); send it elsewhere\n"
    assert (ended.returncode, ended.stderr) == (1, said)


@pytest.mark.parametrize(
    ("arguments", "code"), [("topics list", 0), ("sync --json", 2), ("sync", 2), ("--version", 0)]
)
def test_program_without_stdout_ends_as_it_would_with_one(arguments: str, code: int) -> None:
    ended = subprocess.run(
        ["/bin/sh", "-c", f'"$0" {arguments} >&-', PROGRAM],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == code, ended.stderr
    assert [line for line in ended.stderr.splitlines() if not line.startswith("error: OCEAN__")] == []


def sync_ended(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str, **environment: str
) -> tuple[int, str, list[str]]:
    """Run a sync that is refused before it asks anybody."""
    for name in ("PORT__CLIENT_ID", "PORT__CLIENT_SECRET", "INTEGRATION__CONFIG__TOKEN"):
        monkeypatch.setenv(f"OCEAN__{name}", "any-value")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    code = end_of("sync", *arguments)
    out, err = capsys.readouterr()
    return code, out, err.splitlines()


def test_sync_that_cannot_start_gives_machines_one_document_with_every_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert end_of("sync", "--json") == 2
    out, err = capsys.readouterr()
    document, lines = json.loads(out), err.splitlines()

    assert (list(document), document["state"], len(lines)) == (["state", "error"], "failed", 3)
    assert [f"error: {line}" for line in document["error"].splitlines()] == lines


@pytest.mark.parametrize("options", [(), ("--json",)], ids=["report", "json"])
def test_kinds_of_sync_are_given_one_by_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    says = "--kind schedules,services: takes one kind, repeat it for more: --kind schedules --kind services"

    code, out, err = sync_ended(capsys, monkeypatch, "--kind", "schedules,services", *options)

    assert (code, err) == (2, [f"error: {says}"])
    assert (json.loads(out) if options else out) == ({"state": "failed", "error": says} if options else "")


def test_mapping_that_a_variable_names_is_said_to_be_named_by_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, err = sync_ended(capsys, monkeypatch, "--json", OCEAN__MAPPING__FILE="nope.yaml")

    says = (
        "nope.yaml: cannot be read: No such file or directory; name the mapping file "
        "(OCEAN__MAPPING__FILE names this file)"
    )
    assert (code, json.loads(out), err) == (2, {"state": "failed", "error": says}, [f"error: {says}"])


def test_file_of_authorities_that_cannot_be_used_is_said_with_its_variable(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("m.yaml").write_text(SOUND)

    code, _, err = sync_ended(capsys, monkeypatch, "--mapping", "m.yaml", OCEAN__HTTP__CA_FILE="none.pem")

    assert (code, len(err)) == (2, 1)
    assert err[0].startswith("error: OCEAN__HTTP__CA_FILE: none.pem cannot be used (")


SOUND = """
resources:
  - kind: services
    port:
      entity:
        mappings:
          identifier: .id
          blueprint: '"service"'
"""


@pytest.mark.parametrize(
    ("text", "code", "lines"),
    [
        (SOUND, 0, ["m.yaml: 1 entry, 0 errors, 0 warnings"]),
        (
            SOUND.replace("kind: services", "kind: service"),
            2,
            [
                "error: m.yaml:3:11: resources[0].kind: 'service' is not a kind PagerDuty lists; "
                "did you mean services?",
                "m.yaml: 1 entry, 1 error, 0 warnings",
            ],
        ),
        (
            SOUND.replace("    port:", "    selector: {apiQueryParams: {foo: 1}}\n    port:"),
            2,
            [
                "error: m.yaml:4:38: resources[0].selector.apiQueryParams.foo: "
                "is not a parameter of PagerDuty's list of services; it takes: …",
                "m.yaml: 1 entry, 1 error, 0 warnings",
            ],
        ),
    ],
    ids=["sound", "unknown kind", "unknown parameter"],
)
def test_mapping_is_checked_with_the_place_of_each_mistake(
    capsys: pytest.CaptureFixture[str], text: str, code: int, lines: list[str]
) -> None:
    Path("m.yaml").write_text(text)

    assert end_of("mapping", "check", "m.yaml") == code
    out, err = capsys.readouterr()
    assert err == ""
    for line, wanted in zip(out.splitlines(), lines, strict=True):
        assert line.startswith(wanted[:-1]) if wanted.endswith("…") else line.startswith(wanted)


def test_mapping_check_has_a_document_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    Path("m.yaml").write_text(SOUND.replace(".id", ".id |"))
    Path("broken.yaml").write_text("resources: [")

    assert end_of("mapping", "check", "m.yaml", "--json") == 2
    document = json.loads(capsys.readouterr().out)
    assert end_of("mapping", "check", "broken.yaml", "--json") == 2
    broken = json.loads(capsys.readouterr().out)

    assert (document["file"], document["sound"], len(document["problems"])) == ("m.yaml", False, 1)
    problem = document["problems"][0]
    assert (problem["severity"], problem["path"]) == ("error", "resources[0].port.entity.mappings.identifier")
    assert problem["line"] == 7
    assert (broken["file"], broken["sound"]) == ("broken.yaml", False)
    assert broken["problems"] == [
        {
            "severity": "error",
            "line": 1,
            "column": 13,
            "path": "",
            "message": "not YAML: expected the node content, but found '<stream end>'; correct it there",
        }
    ]


@pytest.mark.parametrize(
    ("make", "name", "said"),
    [
        ("", "none.yaml", "error: none.yaml: cannot be read: "),
        ("", ".", "error: .: cannot be read: "),
        ("\tresources: [", "m.yaml", "error: m.yaml:1:"),
        ("", "empty.yaml", "error: empty.yaml: "),
    ],
)
def test_mapping_that_cannot_be_read_is_a_problem_like_any_other(
    capsys: pytest.CaptureFixture[str], make: str, name: str, said: str
) -> None:
    Path("m.yaml").write_text(make)
    Path("empty.yaml").write_text("")

    assert end_of("mapping", "check", name) == 2
    out, err = capsys.readouterr()
    line, summary = out.splitlines()
    assert (err, line[: len(said)], summary) == ("", said, f"{name}: 1 error, 0 warnings")
