"""Opens the log that a command is about: a file that is named, else Kafka, else the one of `run`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from services.cli.start import start
from shared.errors import ConfigurationError
from shared.log.interface import Log
from shared.log.sqlite import SqliteLog

if TYPE_CHECKING:
    from shared.settings import Settings

SERVICE: Final = "cli"


@asynccontextmanager
async def open_own_log(file: Path | None, settings: "Settings") -> AsyncIterator[Log]:
    """Open a log to publish something into it: not that of another installation. See `open_log`.

    Raises:
        ConfigurationError: As `open_log`, or another installation has the topics.
    """
    from shared.installations import FILE_REMEDY, KAFKA_REMEDY, require_own_log

    async with open_log(file, settings) as log:
        remedy = FILE_REMEDY if isinstance(log, SqliteLog) else KAFKA_REMEDY
        await require_own_log(log, settings.integration.identifier, remedy)
        yield log


@asynccontextmanager
async def open_log(file: Path | None = None, settings: "Settings | None" = None) -> AsyncIterator[Log]:
    """Open a log for reading and appending, also while services consume it.

    Args:
        file: Named by the user, goes before all settings; None: the installation's log.
        settings: Where the installation's log is; None: they are loaded if they are needed.

    Raises:
        ConfigurationError: There is no such file or topic, it is no log of a version we can read, or a
            setting is wrong.
        FatalError: Kafka cannot be reached or refuses us.
    """
    if file is None:
        settings = settings or start()
        if settings.kafka.servers:
            from shared.log.kafka_opening import open_kafka_log

            async with open_kafka_log(settings, service=SERVICE) as kafka:
                yield kafka
            return
        from services.standalone.file import log_file

        file = log_file(settings)
        if not file.exists():
            raise ConfigurationError(
                f"there is no log file {file}; give --log FILE (a sync with failures names it), or set "
                "OCEAN__LOG__FILE or OCEAN__KAFKA__BOOTSTRAP_SERVERS to where pagerport runs"
            )
    log = await SqliteLog.open(file, durable=True, consuming=False)
    try:
        yield log
    finally:
        await log.close()


def name_of(log: Log) -> str:
    """Return what a log is called: its file, or the brokers it is on."""
    if isinstance(log, SqliteLog):
        return str(log.path)
    from shared.log.kafka import KafkaLog

    return f"Kafka at {log.connection.address}" if isinstance(log, KafkaLog) else "the log"
