"""Is `pagerport mapping apply`: an object in, its entities out, value by value."""

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.json_option import AS_JSON

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.cli.mapping.apply_view import Texts
    from services.cli.mapping.inputs import Json
    from services.cli.mapping.tried import Trial, TrialObject
    from shared.mapping_file import LoadedMapping

WITH_FAILURES = 1


def apply(
    file: Annotated[Path, typer.Argument(help="Mapping file, YAML or JSON.")],
    *,
    kind: Annotated[
        str, typer.Option("--kind", "-k", help="Kind of the object, as in the mapping.", show_default=False)
    ] = "",
    object_id: Annotated[
        str, typer.Option("--id", help="Ask PagerDuty for the object with this id.", show_default=False)
    ] = "",
    given: Annotated[
        Path | None,
        typer.Option(
            "--input",
            help="JSON file with one object, several, or an answer of PagerDuty; - is stdin. Asks nobody.",
            show_default=False,
        ),
    ] = None,
    webhook: Annotated[
        bool,
        typer.Option("--webhook", help="The input is a webhook request; apply webhookMappings."),
    ] = False,
    deleted: Annotated[
        bool, typer.Option("--deleted", help="As if the object were gone: show what would be deleted.")
    ] = False,
    as_json: Annotated[bool, AS_JSON] = False,
) -> None:
    """Show what a mapping makes of an object, value by value. Exits 1 if something of it failed."""
    _check_usage(kind, object_id, given, webhook=webhook, deleted=deleted)
    from services.cli.mapping.inputs import read_documents, read_objects
    from shared.mapping_file import load_mapping, require_sound

    loaded = load_mapping(file)
    require_sound(loaded)
    # Read before there is an event loop: within one, Ctrl-C does not end a wait for stdin.
    if webhook and given is not None:
        trials = asyncio.run(_of_events(loaded, read_documents(given), as_json=as_json))
    else:
        objects = None if given is None else read_objects(given, kind)
        trials = asyncio.run(_of_objects(loaded, kind, object_id, objects, deleted=deleted, as_json=as_json))
    if any(trial.failures for trial in trials):
        raise typer.Exit(WITH_FAILURES)


def _check_usage(kind: str, object_id: str, given: Path | None, *, webhook: bool, deleted: bool) -> None:
    if webhook and (kind or object_id or deleted or given is None):
        raise typer.BadParameter("takes --input FILE and nothing else", param_hint="--webhook")
    if not webhook and bool(object_id) == (given is not None):
        raise typer.BadParameter("give either --id or --input, so that there is an object")
    if object_id and not kind:
        raise typer.BadParameter("--id needs it", param_hint="--kind")
    if kind:
        from shared.kinds import kind_named

        kind_named(kind)


async def _of_objects(
    loaded: "LoadedMapping",
    kind: str,
    object_id: str,
    given: "list[TrialObject] | None",
    *,
    deleted: bool,
    as_json: bool,
) -> "Sequence[Trial]":
    """Map the objects that are given, or, where none are, the one that PagerDuty has of an id."""
    from dataclasses import replace
    from datetime import UTC, datetime

    from services.cli.mapping.trial import TrialMapper
    from services.cli.mapping.tried import TrialObject
    from services.cli.mapping.workers import open_workers

    async with open_workers() as pool:
        mapper = TrialMapper(loaded.config, pool, now=datetime.now(UTC))
        if given is not None:
            objects = given
            for name in dict.fromkeys(one.kind for one in objects):
                mapper.require_kind(name)
        else:
            from services.cli.mapping.fetch import fetch_object
            from services.cli.start import start

            mapper.require_kind(kind)
            sources = mapper.sources_of(TrialObject(kind, None, object_id=object_id))
            objects = await fetch_object(start("pagerduty"), sources, object_id)
        trials = await mapper.run([replace(one, deleted=deleted) for one in objects])
        _show(trials, lambda trial, index: mapper.texts(trial.topic, index), "resources", as_json=as_json)
    return trials


async def _of_events(loaded: "LoadedMapping", documents: "list[Json]", *, as_json: bool) -> "Sequence[Trial]":
    from services.cli.mapping.event_trial import EventTrialMapper, event_from
    from services.cli.mapping.workers import open_workers

    async with open_workers() as pool:
        mapper = EventTrialMapper(loaded.config, pool)
        trials = await mapper.run([event_from(one) for one in documents])
        _show(trials, lambda _, index: mapper.texts(index), "webhookMappings", as_json=as_json)
    return trials


def _show(trials: "Sequence[Trial]", texts: "Texts", root: str, *, as_json: bool) -> None:
    from services.cli.layout import output_console
    from services.cli.mapping.apply_view import print_trials, trial_document

    if as_json:
        print(json.dumps([trial_document(trial) for trial in trials], indent=2, ensure_ascii=False))
    else:
        print_trials(output_console(), trials, texts, root)
