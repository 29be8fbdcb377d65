"""Is `pagerport demo`: a whole sync of an invented account against the bundled simulators."""

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo", help=_demo.__doc__)(_demo)


def _demo() -> None:
    """Show a whole sync without any account: two simulators, one run, some of the entities it made."""
    import sys

    from services.cli.demo_run import run_demo

    sys.exit(run_demo())
