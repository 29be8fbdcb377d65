"""Docs: what they name exists, what they show can be run, what is generated is up to date."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from services.cli.app import build
from shared.mapping_file import check_mapping, parse_mapping
from shared.settings.names import groups, variables
from tools.readme_tables import main as readme_tables
from tools.readme_tables import rewritten

ROOT = Path(__file__).parents[2]
DOCS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCED = re.compile(
    r"(?P<mark><!-- run -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)
TARGETS = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))


def name_of(file: Path) -> str:
    return str(file.relative_to(ROOT))


def prose(file: Path) -> str:
    """Return the text without its fenced blocks."""
    return FENCED.sub("", file.read_text(encoding="utf-8"))


def code(file: Path) -> list[str]:
    """Return every code span and every line of code, without what commands print."""
    lines = [
        line.removeprefix("$ ").strip()
        for block in FENCED.finditer(file.read_text(encoding="utf-8"))
        for line in block["text"].splitlines()
        if block["language"] != "console" or line.startswith("$ ")
    ]
    return [*lines, *re.findall(r"`([^`\n]+)`", prose(file))]


def anchors(file: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", prose(file), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def shown_commands() -> Iterator[tuple[str, str, list[str]]]:
    """Return each block that is marked to be run: file, command, the lines it must print."""
    for file in DOCS:
        for block in FENCED.finditer(file.read_text(encoding="utf-8")):
            if block["mark"]:
                for part in re.split(r"^\$ ", block["text"], flags=re.MULTILINE)[1:]:
                    command, *output = part.splitlines()
                    yield name_of(file), command, output


def blocks(language: str) -> Iterator[tuple[str, str]]:
    for file in DOCS:
        for block in FENCED.finditer(file.read_text(encoding="utf-8")):
            if block["language"] == language:
                yield name_of(file), block["text"]


@pytest.mark.parametrize("file", DOCS, ids=name_of)
def test_links_lead_somewhere(file: Path) -> None:
    dead = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(file)):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        there = (file.parent / path).resolve() if path else file
        if not there.exists() or (anchor and anchor not in anchors(there)):
            dead.append(target)

    assert dead == []


@pytest.mark.parametrize("file", DOCS, ids=name_of)
def test_files_that_are_named_exist(file: Path) -> None:
    named = [
        one
        for one in code(file)
        if re.fullmatch(r"(services|shared|schemas|simulators|tests|tools|docs)/[\w./-]*", one)
    ]

    assert [one for one in named if not (ROOT / one).exists()] == []


@pytest.mark.parametrize("file", DOCS, ids=name_of)
def test_make_targets_that_are_named_exist(file: Path) -> None:
    named = {match for one in code(file) for match in re.findall(r"^make ([\w-]+)", one)}

    assert named - TARGETS == set()


def test_every_make_target_is_documented_in_the_readme() -> None:
    assert {
        *("help", "setup", "demo", "up", "down", "logs", "test", "check", "fmt", "clean"),
        *(
            "bench",
            "bench-memory",
            "bench-limit",
            "bench-live",
            "bench-gateway",
            "bench-mapping",
            "bench-kafka",
            "torture",
            "torture-mapping",
        ),
    } == TARGETS
    assert {one for one in TARGETS if f"make {one}" not in (ROOT / "README.md").read_text()} == set()


@pytest.mark.parametrize("file", DOCS, ids=name_of)
def test_commands_and_options_that_are_named_exist(file: Path) -> None:
    unknown = []
    for one in code(file):
        if match := re.match(r"(?:\.venv/bin/)?pagerport( .*)?$", one):
            unknown += [f"{one}: {wrong}" for wrong in _unknown_words(shlex.split(match[1] or ""))]

    assert unknown == []


def _unknown_words(words: list[str]) -> Iterator[str]:
    command: Any = typer.main.get_command(build())
    for word in words:
        subcommands = getattr(command, "commands", None)
        if word.startswith("-"):
            if word not in {option for one in command.params for option in one.opts} | {"--help", "-h"}:
                yield word
        elif subcommands is not None:
            if word not in subcommands:
                yield word
                return
            command = subcommands[word]


@pytest.mark.parametrize("file", [*DOCS, ROOT / ".env.example"], ids=name_of)
def test_settings_that_are_named_exist(file: Path) -> None:
    named = set(re.findall(r"OCEAN__[A-Z][A-Z_]+", file.read_text(encoding="utf-8")))

    assert named - {one.name for one in variables()} - set(groups()) == set()


def test_tables_of_the_readme_are_as_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert (readme_tables(["--check"]), capsys.readouterr().err) == (0, "")


def test_table_that_is_out_of_date_is_made_anew() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")

    assert rewritten(text.replace("| `port.entities` | 6 |", "| `port.entities` | 7 |")) == text
    with pytest.raises(ValueError, match="markers"):
        rewritten(text.replace("<!-- topics: end -->", ""))


@pytest.mark.parametrize(("file", "command", "output"), list(shown_commands()))
def test_command_that_is_shown_prints_what_is_shown(
    file: str, command: str, output: list[str], tmp_path: Path
) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ended = subprocess.run(
        shlex.split(command),
        cwd=ROOT,
        env={"PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    printed = ended.stdout.splitlines()
    for line in output:
        start = line.removesuffix("…").rstrip()
        assert [one for one in printed if (one.startswith(start) if line.endswith("…") else one == line)], (
            line
        )


@pytest.mark.parametrize(("file", "text"), [one for one in blocks("yaml") if "resources:" in one[1]])
def test_mapping_that_is_shown_is_sound(file: str, text: str) -> None:
    assert check_mapping(parse_mapping(text, file)) == []


def test_readme_shows_a_mapping_and_commands_that_are_run() -> None:
    assert [file for file, _ in blocks("yaml")] == ["README.md", "docs/mapping.md"]
    assert {command.split()[0] for _, command, _ in shown_commands()} == {"make", "pagerport"}


def test_decisions_have_their_parts_and_are_numbered_without_a_gap() -> None:
    files = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    parts = ["Context", "Decision", "Rejected", "What would violate it", "What would reopen it"]

    assert [int(file.name[:4]) for file in files] == list(range(1, len(files) + 1))
    for number, file in enumerate(files, start=1):
        text = file.read_text(encoding="utf-8")
        assert text.startswith(f"# {number}. ")
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == parts


def test_glossary_is_sorted_and_says_each_word_once() -> None:
    words = re.findall(r"^\| (\w[\w ]*) \|", (ROOT / "docs" / "glossary.md").read_text(), re.MULTILINE)[1:]

    assert words == sorted(set(words))


def test_every_package_is_on_the_walk() -> None:
    walk = (ROOT / "docs" / "architecture.md").read_text()
    packages = [
        name_of(file.parent)
        for top in ("services", "shared")
        for file in sorted((ROOT / top).glob("*/**/__init__.py"))
    ]

    assert [one for one in packages if f"{one}/" not in walk] == []


def test_hooks_fetch_nothing() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())

    assert {repository["repo"] for repository in config["repos"]} == {"local"}


def test_constraints_pin_every_dependency_and_name_no_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(one for extra in project["optional-dependencies"].values() for one in extra),
    ]
    names = {re.split(r"[\[><=]", one)[0].lower().replace("_", "-") for one in wanted} - {"pagerport"}
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]

    assert [line for line in lines if not re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", line)] == []
    assert names - {line.split("==")[0] for line in lines} == set()
