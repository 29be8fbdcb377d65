"""Is the option `--log`, which every command has that reads or appends to a log."""

from typing import Final

import typer

LOG: Final = typer.Option(
    "--log",
    help="Log file of `pagerport run`, or one that a sync kept. Default: Kafka where its servers are set, "
    "else OCEAN__LOG__FILE, else pagerport.db.",
    show_default=False,
)
