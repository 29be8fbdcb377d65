"""Builds the command line out of the `*_command.py` files beside it."""

import pkgutil
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version as installed_version
from typing import Annotated, NoReturn

import typer

import services.cli
from services.cli.ending import Guard
from services.cli.help_order import OrderedGroup, into_panels
from services.cli.help_text import unwrap_help
from shared.quick_start import quick_start

PROGRAM = "pagerport"


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process with its exit code.

    Args:
        arguments: What follows the program's name; None: the process's own.
    """
    quick_start()
    arguments = sys.argv[1:] if arguments is None else arguments
    with Guard(debug="--debug" in arguments, arguments=arguments):
        build()(args=list(arguments), prog_name=PROGRAM)
    sys.exit(0)


def build() -> typer.Typer:
    """Return the program with all its commands. Each command imports what it needs when it is called."""
    app = typer.Typer(
        name=PROGRAM,
        cls=OrderedGroup,
        help="Keeps a Port software catalog true to PagerDuty.",
        epilog="Exit codes: 0 done, 1 finished with failures, 2 wrong configuration or usage, "
        "3 refused by or no way to reach PagerDuty, Port or Kafka, 130 interrupted.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for module in sorted(pkgutil.iter_modules(services.cli.__path__), key=lambda one: one.name):
        if module.name.endswith("_command"):
            import_module(f"{services.cli.__name__}.{module.name}").register(app)
    into_panels(app)
    unwrap_help(app)
    return app


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"{PROGRAM} {installed_version(PROGRAM)}")
        raise typer.Exit


def _root(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an unexpected error.")
    ] = False,
) -> None:
    """Keep a Port software catalog true to PagerDuty."""
