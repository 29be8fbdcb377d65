"""Checks a mapping file without asking anybody: `pagerport mapping check`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from shared.mapping_file import LoadedMapping, Problem

USAGE = 2


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    mapping = typer.Typer(help="The mapping: what becomes which entity.", no_args_is_help=True)
    mapping.callback()(_group)
    mapping.command("check")(check)
    app.add_typer(mapping, name="mapping")


def _group() -> None:
    """Keep `check` a command of its own while it is the only one."""


def check(
    file: Annotated[Path, typer.Argument(help="Mapping file, YAML or JSON.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Check a mapping file: its form, its kinds and parameters, every JQ expression. Exits 2 on errors."""
    from shared.errors import ConfigurationError
    from shared.mapping_file import load_mapping

    try:
        loaded = load_mapping(file)
    except ConfigurationError as error:
        if not as_json:
            raise
        problems = [{"severity": "error", "message": line} for line in str(error).splitlines()]
        print(json.dumps({"file": str(file), "sound": False, "problems": problems}, indent=2))
        raise typer.Exit(USAGE) from None
    problems_found = _judge(loaded)
    errors = sum(problem.severity == "error" for problem in problems_found)
    if as_json:
        print(json.dumps(_document(loaded, problems_found), indent=2))
    else:
        for problem in problems_found:
            print(f"{problem.severity}: {loaded.line(problem)}")
        print(f"{file}: {_summary(loaded, errors, len(problems_found) - errors)}")
    if errors:
        raise typer.Exit(USAGE)


def _judge(loaded: "LoadedMapping") -> list["Problem"]:
    """Return what is wrong with the mapping, and when all else is right, with what it asks PagerDuty for."""
    from datetime import UTC, datetime

    from shared.errors import ConfigurationError
    from shared.mapping_file import Problem, check_mapping
    from shared.sources import plan_sources

    found = check_mapping(loaded)
    if all(problem.severity != "error" for problem in found):
        try:
            plan_sources(loaded.config, now=datetime.now(UTC))
        except ConfigurationError as error:
            path, _, rest = str(error).partition(" ")
            path = path.rstrip(":")
            if place := loaded.places.get(path):
                found.append(Problem("error", place.line, place.column, path, rest))
            else:
                found.append(Problem("error", 0, 0, "", str(error)))
    return found


def _document(loaded: "LoadedMapping", problems: list["Problem"]) -> dict[str, object]:
    from dataclasses import asdict

    return {
        "file": loaded.name,
        "sound": all(problem.severity != "error" for problem in problems),
        "problems": [asdict(problem) for problem in problems],
    }


def _summary(loaded: "LoadedMapping", errors: int, warnings: int) -> str:
    entries = len(loaded.config.resources) + len(loaded.config.webhook_mappings)
    counted = ((entries, "entry", "entries"), (errors, "error", "errors"), (warnings, "warning", "warnings"))
    return ", ".join(f"{number} {one if number == 1 else many}" for number, one, many in counted)
