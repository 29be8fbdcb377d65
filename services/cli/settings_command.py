"""Shows every setting with what is in force, secrets masked: `pagerport settings`."""

import json
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("settings")(show_settings)


def show_settings(
    *, as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False
) -> None:
    """Show all settings: value, default, where it was set. Secrets are masked."""
    from dataclasses import asdict

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from services.cli.start import start
    from shared.settings import settings_table

    rows = settings_table(start())
    if as_json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return
    table = Table(header_style="bold", box=None, pad_edge=False)
    table.add_column("variable", overflow="fold")
    table.add_column("value", overflow="fold")
    table.add_column("from")
    table.add_column("what it is", overflow="fold")
    for row in rows:
        shown = Text(row.value) if row.value else Text("(not set)", style="dim")
        default = f" Default: {row.default}." if row.default and row.source != "default" else ""
        table.add_row(row.name, shown, row.source, Text(f"{row.description} Takes {row.takes}.{default}"))
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, 200)
    console.print(table)
