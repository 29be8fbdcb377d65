"""Checks a mapping file without asking anybody: `pagerport mapping check`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from shared.mapping_check import Problem

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
    from shared.mapping_file import MappingRefusedError, check_mapping, load_mapping

    entries = 0
    try:
        loaded = load_mapping(file)
    except MappingRefusedError as error:
        problems = list(error.problems)
    else:
        problems = check_mapping(loaded)
        entries = len(loaded.config.resources) + len(loaded.config.webhook_mappings)
    errors = sum(problem.severity == "error" for problem in problems)
    if as_json:
        print(json.dumps(_document(file, problems), indent=2))
    else:
        _print(file, problems, entries, errors)
    if errors:
        raise typer.Exit(USAGE)


def _print(file: Path, problems: Sequence["Problem"], entries: int, errors: int) -> None:
    from shared.mapping_check import line_of

    for problem in problems:
        print(f"{problem.severity}: {line_of(str(file), problem)}")
    numbers = (
        (entries, "entry", "entries"),
        (errors, "error", "errors"),
        (len(problems) - errors, "warning", "warnings"),
    )
    # Of a mapping that could not be read to its end the entries are not known.
    counted = numbers if entries or not errors else numbers[1:]
    print(
        f"{file}: " + ", ".join(f"{number} {one if number == 1 else many}" for number, one, many in counted)
    )


def _document(file: Path, problems: Sequence["Problem"]) -> dict[str, object]:
    from dataclasses import asdict

    return {
        "file": str(file),
        "sound": all(problem.severity != "error" for problem in problems),
        "problems": [asdict(problem) for problem in problems],
    }
