"""Opens the log that a command is about: a file that a sync kept, or the installation's own log."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from shared.errors import ConfigurationError
from shared.log.interface import Log
from shared.log.sqlite import SqliteLog


@asynccontextmanager
async def letters_log(file: Path | None) -> AsyncIterator[Log]:
    """Open a log for reading and appending, also while another process consumes it.

    Args:
        file: Named by the user; None: the log of the settings.

    Raises:
        ConfigurationError: There is none, or it is no log of a version we can read.
        FatalError: Kafka cannot be reached or refuses us.
    """
    if file is None:
        from services.cli.open_log import open_log
        from services.cli.start import start
        from services.standalone.file import log_file

        settings = start()
        own = log_file(settings)
        if not settings.kafka.servers and not own.exists():
            raise ConfigurationError(
                f"there is no log file {own}; give --log FILE (a sync with failures names it), or set "
                "OCEAN__LOG__FILE or OCEAN__KAFKA__BOOTSTRAP_SERVERS to where `pagerport` runs"
            )
        async with open_log(settings) as opened:
            yield opened
        return
    log = await SqliteLog.open(file, durable=True, consuming=False)
    try:
        yield log
    finally:
        await log.close()
