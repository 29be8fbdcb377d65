"""Adds `pagerport mapping`: what a mapping does, before it is in force."""

import typer

from services.cli.mapping.apply import apply
from services.cli.mapping.check import check
from services.cli.mapping.diff import diff
from services.cli.mapping.schema import schema
from services.cli.mapping.testing import run_tests


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    mapping = typer.Typer(help="The mapping: what becomes which entity.", no_args_is_help=True)
    mapping.command("check")(check)
    mapping.command("apply")(apply)
    mapping.command("test")(run_tests)
    mapping.command("diff")(diff)
    mapping.command("schema")(schema)
    app.add_typer(mapping, name="mapping")
