"""Is `pagerport mapping diff`: which entities a new mapping would change, make or no longer make."""

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.json_option import AS_JSON
from services.cli.log_option import LOG

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection
    from contextlib import AbstractAsyncContextManager

    from services.cli.mapping.difference import BlueprintDifference, Differences
    from services.cli.mapping.trial import TrialMapper
    from services.cli.mapping.tried import TrialObject
    from shared.mapping_file import LoadedMapping

DIFFERS = 1
SHOWN = 10
_SIGNS = {"changes": ("~", "yellow"), "appears": ("+", "green"), "vanishes": ("-", "red")}


def diff(
    old: Annotated[Path, typer.Argument(help="The mapping as it is.")],
    new: Annotated[Path, typer.Argument(help="The mapping as it is to be.")],
    *,
    given: Annotated[
        Path | None,
        typer.Option("--input", help="JSON file with objects; - is stdin.", show_default=False),
    ] = None,
    log: Annotated[Path | None, LOG] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--kind",
            "-k",
            help="Kind of the input's objects; of a log, only this kind, repeat it for more.",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=0, help="Show so many entities at most, per blueprint and thing.")
    ] = SHOWN,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit 1 if the mappings differ, like `diff`.")
    ] = False,
    as_json: Annotated[bool, AS_JSON] = False,
) -> None:
    """Compare what two mappings make of the same objects: of a file, or of those that a log holds."""
    kinds = _checked(kind or [], given, log)
    from services.cli.mapping.difference import Differences
    from services.cli.mapping.inputs import read_objects

    found = Differences(limit)
    mappings = (_sound(old), _sound(new))
    # Read before there is an event loop: within one, Ctrl-C does not end a wait for stdin.
    objects = None if given is None else read_objects(given, kinds[0] if kinds else "")
    notes = asyncio.run(compare(*mappings, objects, log, kinds, found))
    blueprints = found.result()
    if as_json:
        print(json.dumps(_document(found, blueprints, notes), indent=2, ensure_ascii=False))
    else:
        _print(found, blueprints, notes)
    if exit_code and (found.failures or any(one.differs for one in blueprints.values())):
        raise typer.Exit(DIFFERS)


def _checked(kinds: list[str], given: Path | None, log: Path | None) -> list[str]:
    from shared.kinds import kind_named

    if given is not None and log is not None:
        raise typer.BadParameter("give one of --input and --log")
    if given is not None and len(kinds) > 1:
        raise typer.BadParameter("of an input it names one kind", param_hint="--kind")
    for one in kinds:
        kind_named(one)
    return kinds


async def compare(
    old: "LoadedMapping",
    new: "LoadedMapping",
    objects: "list[TrialObject] | None",
    log: Path | None,
    kinds: list[str],
    found: "Differences",
) -> list[str]:
    """Compare object by object; return what could not be compared.

    Args:
        old: The mapping as it is, sound.
        new: The mapping as it is to be, sound.
        objects: What both are applied to; None: what a log holds.
        log: The log; None: that of the settings.
        kinds: Of a log, only these; none: all.
        found: Takes the differences.
    """
    from datetime import UTC, datetime

    from services.cli.mapping.trial import TrialMapper
    from services.cli.mapping.workers import open_workers

    at = datetime.now(UTC)
    # A pool each: one that is asked for two plans in turn compiles them in turn.
    async with (
        open_workers() as of_old,
        open_workers() as of_new,
        _opened(objects, log, kinds) as (batches, topics),
    ):
        before, after = (
            TrialMapper(mapping.config, pool, now=at)
            for mapping, pool in zip((old, new), (of_old, of_new), strict=True)
        )
        async for batch in batches:
            await _add(batch, before, after, found)
        return [] if topics is None else _missing(after, topics, kinds)


def _sound(path: Path) -> "LoadedMapping":
    from shared.mapping_file import load_mapping, require_sound

    loaded = load_mapping(path)
    require_sound(loaded)
    return loaded


def _opened(
    given: "list[TrialObject] | None", log: Path | None, kinds: list[str]
) -> "AbstractAsyncContextManager[tuple[AsyncIterator[list[TrialObject]], set[str] | None]]":
    """Open what holds the objects: they come in lists; of a log also which raw topics it has."""
    from collections.abc import AsyncIterator
    from contextlib import asynccontextmanager

    from services.cli.mapping.log_objects import newest_objects, raw_topics
    from services.cli.mapping.tried import TrialObject
    from services.cli.open_log import open_log

    async def in_parts(objects: list[TrialObject]) -> AsyncIterator[list[TrialObject]]:
        for start in range(0, len(objects), 500):
            yield objects[start : start + 500]

    @asynccontextmanager
    async def opened() -> AsyncIterator[tuple[AsyncIterator[list[TrialObject]], set[str] | None]]:
        if given is not None:
            yield in_parts(given), None
            return
        async with open_log(log) as held:
            yield newest_objects(held, kinds), await raw_topics(held)

    return opened()


async def _add(
    batch: "list[TrialObject]", before: "TrialMapper", after: "TrialMapper", found: "Differences"
) -> None:
    from services.cli.mapping.trial import grouped

    old, new = await asyncio.gather(before.entities(batch), after.entities(batch))
    results = [grouped(old), grouped(new)]
    for one in batch:
        of_old, of_new = (of_objects.get(id(one), []) for of_objects in results)
        found.add(f"{one.kind} {one.key or '(without id)'}", of_old, of_new)


def _missing(after: "TrialMapper", topics: "Collection[str]", kinds: list[str]) -> list[str]:
    return [
        f"{source.kind}: the log has no {source.topic}, so what the new mapping makes of it is not known; "
        "it needs a listing of its own"
        for source in after.sources
        if source.topic not in topics and (not kinds or source.kind in kinds)
    ]


def _print(found: "Differences", blueprints: "dict[str, BlueprintDifference]", notes: list[str]) -> None:
    from rich.text import Text

    from services.cli.layout import output_console

    console = output_console()

    def line(*parts: str | tuple[str, str]) -> None:
        console.print(Text.assemble(*parts), soft_wrap=console.soft_wrap)

    for name, one in blueprints.items():
        counts = f"{one.changes} changed, {one.appears} new, {one.vanishes} gone, {one.same} the same"
        line((name, "bold"), f": {counts}")
        for path, number in one.paths.most_common():
            line(f"  {path}: {number}")
        for example in one.examples:
            sign, style = _SIGNS[example.what]
            line((f"{sign} {example.key}", style), (f"  of {example.of}", "dim"))
            for value in example.values:
                if value.old:
                    line("    ", (f"- {value.path}: {value.old}", "red"))
                line("    ", (f"+ {value.path}: {value.new}", "green"))
        hidden = one.changes + one.appears + one.vanishes - len(one.examples)
        if hidden:
            line((f"  {hidden} more with a higher --limit", "dim"))
    for failure in found.failures:
        line(("fails with the new mapping", "bold red"), f": {failure}")
    for mended in found.mended:
        line(("fails no more", "green"), f": {mended}")
    for note in notes:
        line(("not compared", "yellow"), f": {note}")
    same = not found.failures and not any(one.differs for one in blueprints.values())
    objects = f"{found.objects} object{'' if found.objects == 1 else 's'}"
    line(f"{objects}: the mappings make the same of them" if same else f"{objects} compared")


def _document(
    found: "Differences", blueprints: "dict[str, BlueprintDifference]", notes: list[str]
) -> dict[str, object]:
    from dataclasses import asdict

    return {
        "objects": found.objects,
        "blueprints": {name: {**asdict(one), "paths": dict(one.paths)} for name, one in blueprints.items()},
        "failures": found.failures,
        "mended": found.mended,
        "not_compared": notes,
    }
