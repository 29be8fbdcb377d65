"""Shows what can be read from PagerDuty: `pagerport kinds`."""

import json
from typing import Annotated

import typer

from services.cli.json_option import AS_JSON


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("kinds")(list_kinds)


def list_kinds(*, as_json: Annotated[bool, AS_JSON] = False) -> None:
    """List all kinds that a mapping may name: path, what `apiQueryParams` takes, what `include` adds."""
    from services.cli.layout import Column, Sheet, output_console, print_sheet
    from shared.kinds import KINDS

    if as_json:
        documents = [
            {
                "kind": kind.name,
                "path": kind.path,
                "parameters": {name: str(form) for name, form in kind.parameters.items()},
                "includes": list(kind.includes),
            }
            for kind in KINDS.values()
        ]
        print(json.dumps(documents, indent=2))
        return
    columns = (
        Column(title="kind"),
        Column(title="path"),
        Column(title="parameters", fold_from=30),
        Column(title="includes", fold_from=24),
    )
    rows = [
        (one.name, one.path, ", ".join(one.parameters), ", ".join(one.includes)) for one in KINDS.values()
    ]
    print_sheet(output_console(), Sheet(columns=columns, rows=rows))
