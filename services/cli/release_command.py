"""Is `pagerport release`: has live deletes that the breaker holds confirmed, and carried out where due."""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

from services.cli.json_option import AS_JSON
from services.cli.log_option import LOG
from shared.visible import visible


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("release")(release)


def release(
    *,
    blueprint: Annotated[
        str, typer.Option(help="Only deletes of entities of this blueprint.", show_default=False)
    ] = "",
    log: Annotated[Path | None, LOG] = None,
    as_json: Annotated[bool, AS_JSON] = False,
) -> None:
    """Release live deletes that are held because there were too many at once.

    Each object is asked for at PagerDuty first: only what is gone there is deleted in Port.
    """
    from services.cli.releasing import release_held

    held = asyncio.run(release_held(log, blueprint))
    if as_json:
        print(json.dumps({"held": held}, indent=2))
        return
    for name, number in held.items():
        deletes = "delete is" if number == 1 else "deletes are"
        says = "released; what is gone in PagerDuty is deleted, the rest stays"
        print(f"{visible(name)}: {number} {deletes} {says}")
    if not held:
        print("no delete is held" + (f" of {blueprint}" if blueprint else ""))
