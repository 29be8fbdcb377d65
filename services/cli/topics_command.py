"""Is `pagerport topics`: shows the registry of topics, creates them on Kafka, and checks them there."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from services.cli.json_option import AS_JSON

MAPPING = typer.Option(
    "--mapping",
    "-m",
    help="Mapping file whose raw topics are meant too. Default: OCEAN__MAPPING__FILE.",
    show_default=False,
)


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    topics = typer.Typer(help="The topics in which the services meet.", no_args_is_help=True)
    topics.command("list")(list_topics)
    topics.command("create")(create_topics)
    topics.command("check")(check_topics)
    app.add_typer(topics, name="topics")


def list_topics(*, as_json: Annotated[bool, AS_JSON] = False) -> None:
    """List all topics: partitions, key, value, who writes and reads them, how they forget."""
    from dataclasses import asdict

    from schemas.topics import TOPICS, cleanup_text
    from services.cli.layout import Column, Sheet, output_console, print_sheet

    if as_json:
        print(json.dumps([asdict(topic) for topic in TOPICS], indent=2))
        return
    columns = (
        Column(title="topic"),
        Column(title="partitions", right=True),
        Column(title="key", fold_from=14),
        Column(title="value", fold_from=24),
        Column(title="written by", fold_from=10),
        Column(title="read by", fold_from=10),
        Column(title="cleanup", fold_from=14),
    )
    rows = [
        (
            topic.name,
            str(topic.partitions),
            topic.key,
            topic.value,
            ", ".join(topic.producers),
            ", ".join(topic.consumers),
            cleanup_text(topic),
        )
        for topic in TOPICS
    ]
    print_sheet(output_console(), Sheet(columns=columns, rows=rows))


def create_topics(
    *, mapping: Annotated[Path | None, MAPPING] = None, as_json: Annotated[bool, AS_JSON] = False
) -> None:
    """Create the topics that are missing on Kafka; those that exist stay as they are.

    Raw topics of a mapping are created by the fetcher when it first needs them. Name the mapping where it may
    not create topics.
    """
    from services.cli.start import start
    from services.cli.topics_run import create

    settings = start()
    created, existing = asyncio.run(create(settings, mapping))
    if as_json:
        print(json.dumps({"created": created, "existing": existing}, indent=2))
        return
    for name in created:
        print(f"{name}: created")
    for name in existing:
        print(f"{name}: is there already")


def check_topics(
    *, mapping: Annotated[Path | None, MAPPING] = None, as_json: Annotated[bool, AS_JSON] = False
) -> None:
    """Compare the topics on Kafka with the registry: partitions, cleanup, retention, largest message.

    Exit code 2 if a topic is missing or has another number of partitions: no service can work with that. 1 if
    only a setting differs.
    """
    from services.cli.start import start
    from services.cli.topics_run import check, exit_code
    from shared.log.kafka_topics import Mismatch

    settings = start()
    checked, differences = asyncio.run(check(settings, mapping))
    if as_json:
        listed = [
            {"topic": one.topic, "mismatch": one.mismatch.value, "says": one.text} for one in differences
        ]
        print(json.dumps({"checked": checked, "differences": listed}, indent=2))
    else:
        for difference in differences:
            print(difference)
        if not differences:
            print(f"{len(checked)} topics are as they should be")
        if any(one.mismatch is Mismatch.MISSING for one in differences):
            print("`pagerport topics create` makes those that are missing", file=sys.stderr)
    sys.exit(exit_code(differences))
