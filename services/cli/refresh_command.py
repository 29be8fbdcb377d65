"""Is `pagerport refresh`: has PagerDuty asked for one object now."""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

from services.cli.json_option import AS_JSON
from services.cli.log_option import LOG


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("refresh")(refresh)


def refresh(
    kind: Annotated[str, typer.Argument(help="PagerDuty kind, e.g. `services`.")],
    object_id: Annotated[str, typer.Argument(help="Id of the object, e.g. `PGJL5Q1`.")],
    *,
    log: Annotated[Path | None, LOG] = None,
    as_json: Annotated[bool, AS_JSON] = False,
) -> None:
    """Ask PagerDuty for one object now, and bring its entities up to date."""
    from services.cli.refreshing import request_refresh

    request, position = asyncio.run(request_refresh(log, kind, object_id))
    place = f"{position.topic}/{position.partition}/{position.offset}"
    if as_json:
        print(json.dumps({"kind": request.kind, "object_id": request.object_id, "record": place}, indent=2))
        return
    gone = "one that is not visible stays" if kind == "incidents" else "if it is gone, so are its entities"
    print(f"asked for {kind} {object_id} ({place}): its entities follow once the fetcher has read it; {gone}")
