"""Shows the topic registry: `pagerport topics list`."""

import json
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    topics = typer.Typer(help="The topics in which the services meet.", no_args_is_help=True)
    topics.command("list")(list_topics)
    app.add_typer(topics, name="topics")


def list_topics(
    *, as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False
) -> None:
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
