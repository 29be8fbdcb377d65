"""Is `pagerport fetcher`, `gateway`, `mapper` and `writer`: one service on Kafka, until it is stopped."""

import asyncio
import gc
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Final

import typer

SERVICES: Final = {
    "fetcher": (
        "services.fetcher.app",
        "Run the fetcher on Kafka: it reads PagerDuty and conducts the runs.",
    ),
    "gateway": ("services.webhook_gateway.app", "Run the webhook gateway on Kafka."),
    "mapper": (
        "services.mapper.app",
        "Run a mapper on Kafka; as many as there are partitions share the work.",
    ),
    "writer": ("services.writer.app", "Run a writer on Kafka: it brings Port up to date."),
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for name, (module, says) in SERVICES.items():
        app.command(name, help=says)(_command(module))


def _command(module: str) -> Callable[[], None]:
    def serve() -> None:
        from shared.allocator import return_large_blocks

        return_large_blocks()
        app = import_module(module).create_app()
        gc.freeze()
        sys.exit(asyncio.run(app.serve()))

    return serve
