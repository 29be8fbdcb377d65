"""Opens the log that holds the dead letters: the file that a command names, or the installation's own."""

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
        file: Named by the user; None: that of the settings.

    Raises:
        ConfigurationError: There is none, or it is no log of a version we can read.
    """
    log = await SqliteLog.open(_log_file(file), durable=True, consuming=False)
    try:
        yield log
    finally:
        await log.close()


def _log_file(named: Path | None) -> Path:
    from services.cli.start import start

    file = named or start().log.file
    if file is None:
        raise ConfigurationError("which log file? give --log FILE (a sync with failures names it)")
    return file
