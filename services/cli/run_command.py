"""Is `pagerport run`: everything in one process, always on."""

import asyncio
import logging
import signal
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.early_end import INTERRUPTED
from services.cli.mapping_option import MAPPING
from services.cli.start import start

if TYPE_CHECKING:
    from shared.settings import Settings

logger = logging.getLogger(__name__)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run", help=_run.__doc__)(_run)


def _run(
    *,
    mapping: Annotated[Path | None, MAPPING] = None,
) -> None:
    """Keep Port up to date until stopped: live changes, schedule, commands; no Kafka needed."""
    from shared.settings.choices import EventListenerType
    from shared.settings.parts import MappingSettings

    settings = start("pagerduty", "port")
    if settings.event_listener.type is EventListenerType.ONCE:
        from services.cli.sync_command import sync_once

        logger.info("OCEAN__EVENT_LISTENER is ONCE: this does one sync, as `pagerport sync` does, and ends")
        sync_once(settings, mapping)
    if settings.kafka.servers:
        from services.standalone.file import log_file

        logger.warning(
            "OCEAN__KAFKA__BOOTSTRAP_SERVERS is set, but `run` does not use Kafka: this is an installation "
            "of its own over %s, while `status` and the like speak to Kafka; unset it, or start the services "
            "on Kafka instead (`pagerport fetcher`, `gateway`, `mapper`, `writer`)",
            log_file(settings),
        )
    if mapping is not None:
        settings = settings.model_copy(update={"mapping": MappingSettings(file=mapping)})
    sys.exit(asyncio.run(_until_signal(settings)))


async def _until_signal(settings: "Settings") -> int:
    """Run until SIGTERM (exit code 0), Ctrl-C (130) or a failure."""
    from services.standalone.run import run_always

    ended_by: list[int] = []
    task = asyncio.create_task(run_always(settings))

    def end(number: int) -> None:
        logger.info("stopping after %s", signal.Signals(number).name)
        ended_by.append(number)
        task.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, partial(end, number))
    try:
        await task
    except asyncio.CancelledError:
        return INTERRUPTED if ended_by[0] == signal.SIGINT else 0
    return 0
