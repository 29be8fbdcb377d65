"""Is `pagerport mapping check`: says what is wrong with a mapping file, and what it does in vain."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.json_option import AS_JSON

if TYPE_CHECKING:
    from services.cli.mapping.plan_view import PlannedExpression
    from shared.mapping_check import Problem
    from shared.mapping_file import LoadedMapping

USAGE = 2


def check(
    file: Annotated[Path, typer.Argument(help="Mapping file, YAML or JSON.")],
    *,
    port: Annotated[
        bool, typer.Option("--port", help="Compare with the blueprints that Port has; needs its credentials.")
    ] = False,
    plan: Annotated[bool, typer.Option("--plan", help="Show how each expression is run.")] = False,
    given: Annotated[
        Path | None,
        typer.Option(
            "--input",
            help="With --plan: JSON file with sample objects; show what each costs.",
            show_default=False,
        ),
    ] = None,
    kind: Annotated[
        str, typer.Option("--kind", "-k", help="Kind of the input's objects.", show_default=False)
    ] = "",
    as_json: Annotated[bool, AS_JSON] = False,
) -> None:
    """Check a mapping file: its form, kinds, expressions, and the fields they read. Exits 2 on errors."""
    from shared.errors import PagerportError
    from shared.mapping_file import MappingRefusedError, advise_mapping, check_mapping, load_mapping

    if given is not None and not plan:
        raise typer.BadParameter("goes with --plan", param_hint="--input")
    entries, planned = 0, None
    try:
        loaded = load_mapping(file)
    except MappingRefusedError as error:
        problems = list(error.problems)
    else:
        problems = [*check_mapping(loaded), *advise_mapping(loaded)]
        entries = len(loaded.config.resources) + len(loaded.config.webhook_mappings)
        is_sound = not _errors(problems)
        if port:
            try:
                problems += _of_port(loaded)
            except PagerportError:
                # What Port has no part in is said all the same.
                if not as_json:
                    _say(problems, file)
                raise
        planned = _planned(loaded, given, kind) if plan and is_sound else None
        problems.sort(key=lambda problem: (problem.line, problem.column))
    if as_json:
        print(json.dumps(_document(file, problems, planned), indent=2, ensure_ascii=False))
    else:
        _print(file, problems, entries, planned)
    if _errors(problems):
        raise typer.Exit(USAGE)


def _errors(problems: Sequence["Problem"]) -> int:
    return sum(problem.severity == "error" for problem in problems)


def _of_port(loaded: "LoadedMapping") -> list["Problem"]:
    from services.cli.mapping.blueprints import compare_with_port
    from services.cli.start import start
    from shared.mapping_file import placed

    return placed(loaded, asyncio.run(compare_with_port(loaded.config, start("port"))))


def _planned(loaded: "LoadedMapping", given: Path | None, kind: str) -> list["PlannedExpression"]:
    from services.cli.mapping.inputs import read_objects
    from services.cli.mapping.plan_view import planned_expressions, with_costs
    from shared.kinds import kind_named

    if kind:
        kind_named(kind)
    planned = list(planned_expressions(loaded.config))
    # Read before there is an event loop: within one, Ctrl-C does not end a wait for stdin.
    samples = [] if given is None else read_objects(given, kind)
    return asyncio.run(with_costs(planned, samples))


def _print(
    file: Path,
    problems: Sequence["Problem"],
    entries: int,
    planned: Sequence["PlannedExpression"] | None,
) -> None:
    if planned is not None:
        from services.cli.layout import output_console
        from services.cli.mapping.plan_view import print_plan

        print_plan(output_console(), planned)
    _say(problems, file)
    errors = _errors(problems)
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


def _say(problems: Sequence["Problem"], file: Path) -> None:
    from shared.mapping_check import line_of
    from shared.visible import visible

    for problem in problems:
        print(visible(f"{problem.severity}: {line_of(str(file), problem)}"))


def _document(
    file: Path, problems: Sequence["Problem"], planned: Sequence["PlannedExpression"] | None
) -> dict[str, object]:
    from dataclasses import asdict

    document: dict[str, object] = {
        "file": str(file),
        "sound": not _errors(problems),
        "problems": [asdict(problem) for problem in problems],
    }
    if planned is not None:
        document["plan"] = [asdict(one) for one in planned]
    return document
