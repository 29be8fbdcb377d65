"""Opens the installation's log for a command: Kafka, or the file that `pagerport run` consumes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from shared.errors import ConfigurationError
from shared.log.interface import Log
from shared.log.sqlite import SqliteLog

if TYPE_CHECKING:
    from shared.settings import Settings

SERVICE: Final = "cli"


@asynccontextmanager
async def open_log(settings: "Settings") -> AsyncIterator[Log]:
    """Open the log for reading and appending, also while services consume it.

    Raises:
        ConfigurationError: There is no such file or topic, or a setting is wrong.
        FatalError: Kafka cannot be reached or refuses us.
    """
    if settings.kafka.servers:
        from shared.log.kafka_opening import open_kafka_log

        async with open_kafka_log(settings, service=SERVICE) as kafka:
            yield kafka
        return
    from services.standalone.file import log_file

    file = log_file(settings)
    if not file.exists():
        raise ConfigurationError(
            f"there is no log file {file}: nothing runs here; start `pagerport run`, set OCEAN__LOG__FILE to "
            "its file, or OCEAN__KAFKA__BOOTSTRAP_SERVERS to your brokers"
        )
    log = await SqliteLog.open(file, durable=True, consuming=False)
    try:
        yield log
    finally:
        await log.close()
