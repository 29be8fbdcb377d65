"""Is `pagerport explain`: what made an entity, what became of it, and what Port holds of it now."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from services.cli.json_option import AS_JSON
from services.cli.log_option import LOG


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("explain")(explain)


def explain(
    blueprint: Annotated[str, typer.Argument(help="Blueprint of the entity.")],
    identifier: Annotated[str, typer.Argument(help="Identifier of the entity.")],
    *,
    log: Annotated[Path | None, LOG] = None,
    without_port: Annotated[bool, typer.Option("--without-port", help="Do not ask Port.")] = False,
    as_json: Annotated[bool, AS_JSON] = False,
) -> None:
    """Explain one entity: the object it is made of, its changes and letters, and what Port holds.

    Ends with 1 where neither the log nor Port knows of it.
    """
    from services.cli.answerable import reads_requests
    from services.cli.explain.document import document
    from services.cli.explain.port import Unasked, ask_port
    from services.cli.explain.report import print_log, print_port
    from services.cli.explain.story import Story, tell
    from services.cli.next_steps import Remedy
    from services.cli.open_log import open_log
    from services.cli.start import start

    settings = start()

    async def gather() -> Story:
        async with open_log(log, settings) as opened:
            told = await tell(opened, blueprint, identifier, installation=settings.integration.identifier)
            told.remedy = Remedy(log=str(log or ""), is_read=await reads_requests(opened))
            return told

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    story = asyncio.run(gather())
    if not as_json:
        # What is known is shown before Port, which may be slow, is asked.
        print_log(story)
        sys.stdout.flush()
    held = Unasked("as asked") if without_port else asyncio.run(ask_port(settings, story, say))
    if as_json:
        print(json.dumps(document(story, held), indent=2))
    else:
        print_port(story, held)
    if isinstance(held, Unasked) and held.exit_code:
        raise typer.Exit(held.exit_code)
    in_port = not isinstance(held, Unasked) and held.entity is not None
    if not story.objects and not story.changes and not in_port:
        raise typer.Exit(1)
