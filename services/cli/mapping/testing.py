"""Is `pagerport mapping test`: runs the cases that people write for their mapping."""

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.json_option import AS_JSON

if TYPE_CHECKING:
    from services.cli.mapping.cases_run import CaseResult

WITH_FAILURES = 1


def run_tests(
    files: Annotated[list[Path], typer.Argument(help="Files of cases, YAML or JSON.")],
    *,
    mapping: Annotated[
        Path | None,
        typer.Option("--mapping", "-m", help="Mapping file, instead of the one that the cases name."),
    ] = None,
    as_json: Annotated[bool, AS_JSON] = False,
) -> None:
    """Run test cases of a mapping: an object in, the entities expected. Exits 1 if a case fails."""
    from services.cli.mapping.cases_run import run_files

    results = asyncio.run(run_files(files, mapping))
    if as_json:
        print(json.dumps([one.document() for one in results], indent=2, ensure_ascii=False))
    else:
        _print(results)
    if any(one.differences for one in results):
        raise typer.Exit(WITH_FAILURES)


def _print(results: "list[CaseResult]") -> None:
    from rich.text import Text

    from services.cli.layout import output_console
    from services.cli.mapping.judging import NOTHING

    console = output_console()

    def line(*parts: str | tuple[str, str]) -> None:
        console.print(Text.assemble(*parts), soft_wrap=console.soft_wrap)

    for one in results:
        state = ("FAIL", "bold red") if one.differences else ("ok  ", "green")
        line(state, f"  {one.case.name}", (f"  ({one.place})", "dim") if one.differences else "")
        about = None
        for difference in one.differences:
            if difference.about != about and difference.about:
                line("      ", (difference.about, "bold"))
            about = difference.about
            name = f"{difference.path}: " if difference.path else ""
            if difference.expected and difference.expected != NOTHING:
                line("      ", (f"- {name}{difference.expected}", "red"))
            if difference.got and difference.got != NOTHING:
                line("      ", (f"+ {name}{difference.got}", "green"))
            if difference.note:
                line("        ", (difference.note, "dim"))
    failed = sum(bool(one.differences) for one in results)
    cases = f"{len(results)} case{'' if len(results) == 1 else 's'}"
    line(f"{cases}, ", (f"{failed} failed", "bold red") if failed else ("all as expected", "green"))
