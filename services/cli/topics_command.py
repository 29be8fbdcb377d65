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

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from schemas.topics import TOPICS, cleanup_text

    if as_json:
        print(json.dumps([asdict(topic) for topic in TOPICS], indent=2))
        return
    table = Table(header_style="bold", box=None, pad_edge=False)
    for title in ("topic", "partitions", "key", "value", "written by", "read by", "cleanup"):
        table.add_column(title, justify="right" if title == "partitions" else "left", overflow="fold")
    for topic in TOPICS:
        table.add_row(
            Text(topic.name),
            str(topic.partitions),
            Text(topic.key),
            Text(topic.value),
            ", ".join(topic.producers),
            ", ".join(topic.consumers),
            cleanup_text(topic),
        )
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, 200)
    console.print(table)
