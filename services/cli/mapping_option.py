"""Is the option `--mapping` of what brings Port up to date: `sync` and `run`."""

from typing import Final

import typer

MAPPING: Final = typer.Option(
    "--mapping",
    "-m",
    help="Mapping file (YAML or JSON). Default: OCEAN__MAPPING__FILE, else Port's, else the default one.",
)
