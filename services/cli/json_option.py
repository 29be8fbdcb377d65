"""Is the option `--json` of every command that has a result for machines."""

from typing import Final

import typer

AS_JSON: Final = typer.Option("--json", help="One JSON document on stdout.")
