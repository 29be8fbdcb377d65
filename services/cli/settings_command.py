"""Shows every setting with what is in force, secrets masked: `pagerport settings`."""

import json
from typing import Annotated

import typer

from services.cli.json_option import AS_JSON


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("settings")(show_settings)


def show_settings(*, as_json: Annotated[bool, AS_JSON] = False) -> None:
    """Show all settings: value, default, where it was set. Secrets are masked."""
    from dataclasses import asdict

    from rich.text import Text

    from services.cli.layout import Column, Sheet, output_console, print_sheet
    from services.cli.start import start
    from shared.settings import settings_table

    rows = settings_table(start())
    if as_json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return
    sheet = Sheet(
        columns=(
            Column(title="variable"),
            Column(title="value", fold_from=26),
            Column(title="from"),
            Column(title="what it is", fold_from=32),
        ),
        rows=[
            (
                row.name,
                row.value or Text("(not set)", style="dim"),
                row.source,
                f"{row.description} Takes {row.takes}."
                + (f" Default: {row.default}." if row.default and row.source != "default" else ""),
            )
            for row in rows
        ],
    )
    print_sheet(output_console(), sheet)
