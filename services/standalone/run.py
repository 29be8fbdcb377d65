"""Runs all services in this process over one durable SQLite file, until it is stopped."""

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import replace
from typing import Final

from services.fetcher.assembly import open_fetcher
from services.fetcher.mapping_authority import mapping_of_file
from services.mapper.service import open_mapper
from services.standalone.file import log_file
from services.standalone.http import Router, serve_http
from services.webhook_gateway.service import open_gateway
from services.writer.service import open_writer
from shared.errors import FatalError, RetryableError
from shared.installations import FILE_REMEDY, require_own_log
from shared.log.sqlite import SqliteLog
from shared.mapping_warnings import warning_lines
from shared.membership import Membership
from shared.service.address import bound_socket
from shared.service.lag import LagGauge
from shared.service.metrics import ServiceMetrics
from shared.service.metrics_union import MetricsUnion
from shared.service.probes import (
    LIVE_PATH,
    METRICS_PATH,
    READY_PATH,
    AsgiApp,
    live_route,
    metrics_route,
    ready_route,
)
from shared.service.readiness import Check, membership_checks
from shared.service.running import OpenService, Running
from shared.service.tracing import open_tracing
from shared.settings import Settings

logger = logging.getLogger(__name__)

NAME: Final = "standalone"
MAINTENANCE_INTERVAL_S: Final = 600.0
SERVICES: Final[Mapping[str, OpenService]] = {
    # Whoever writes ends after whoever makes work for it.
    "writer": open_writer,
    "mapper": open_mapper,
    "fetcher": open_fetcher,
    "gateway": open_gateway,
}


async def run_always(settings: Settings) -> None:
    """Run until cancelled. A run in hand goes on when the process is started again.

    Raises:
        ConfigurationError: The mapping file is broken, the log file or the HTTP address cannot be had, or a
            setting is missing.
        FatalError: The log file was taken away, or a service has ended by itself.
    """
    if settings.mapping.file is not None:
        # Later a broken file is refused and the last good one stays; at the start its author looks on.
        loaded = mapping_of_file(settings.mapping.file)
        for line in warning_lines(loaded, settings.mapping.file):
            logger.warning(line)
    file = log_file(settings)
    with ExitStack() as stack:
        # An address that is taken leaves no new file behind; of an old file, who else has it says more.
        having = bound_socket(settings.http.host, settings.http.port)
        address = None if file.exists() else stack.enter_context(having)
        log = await SqliteLog.open(file, durable=True, consuming=True)
        try:
            await require_own_log(log, settings.integration.identifier, FILE_REMEDY)
            address = address or stack.enter_context(having)
            async with open_services(log, settings, address) as tasks:
                logger.info("all services run over %s", log.path)
                await _first_end(tasks)
        finally:
            await log.close()


@asynccontextmanager
async def open_services(
    log: SqliteLog,
    settings: Settings,
    address: socket.socket,
    services: Mapping[str, OpenService] = SERVICES,
) -> AsyncIterator[Sequence[asyncio.Task[None]]]:
    """Run services, their HTTP and the care of the file for the time of the block.

    Args:
        log: Open for consuming.
        settings: All settings.
        address: Bound; HTTP is served there.
        services: Name to what starts it, in the order of starting; they end in the reverse one.

    Yields:
        What runs until the block ends; a task that ends before has failed.
    """
    async with AsyncExitStack() as stack:
        routes: dict[str, AsgiApp] = {LIVE_PATH: live_route(NAME)}
        running: list[Running] = []
        metrics = {name: ServiceMetrics(name, open_tracing(name)) for name in services}
        for one in metrics.values():
            stack.push_async_callback(one.tracing.close)
        for name, open_service in services.items():
            running.append(await stack.enter_async_context(open_service(log, settings, metrics[name])))
            routes.update(running[-1].routes)
        lags = {name: LagGauge(log.end_offsets, metrics[name]) for name in services}

        async def read_lags() -> None:
            for name, one in zip(services, running, strict=True):
                await lags[name].read(one.consumers)

        routes[METRICS_PATH] = metrics_route(MetricsUnion(list(metrics.values())), read_lags)
        routes[READY_PATH] = ready_route(
            NAME, lambda: [_file_check(log), *_checks(dict(zip(services, running, strict=True)))]
        )
        caring = asyncio.create_task(_care_for(log), name="care of the log file")
        watching = asyncio.create_task(log.watch_file(), name="watch over the log file")
        stack.push_async_callback(_cancel, caring, watching)
        serving = await stack.enter_async_context(serve_http(Router(routes), settings, address))
        # First the one whose end says most: a lost file ends others, too.
        yield [watching, caring, serving, *(task for one in running for task in one.tasks)]


def _file_check(log: SqliteLog) -> Check:
    return Check("log file", not log.trouble, log.trouble or "takes what is written")


def _checks(running: Mapping[str, Running]) -> list[Check]:
    """Return the checks of all services, each named with the service it is of."""
    now_s = asyncio.get_running_loop().time()
    return [
        replace(check, name=f"{name} {check.name}")
        for name, one in running.items()
        for check in (*_of_members([member.membership for member in one.consumers], now_s), *one.checks())
    ]


def _of_members(members: Sequence[Membership], now_s: float) -> Iterator[Check]:
    """Return the checks of a service's places in its group, numbered where it has several."""
    for number, member in enumerate(members, start=1):
        of_several = f" {number}" if len(members) > 1 else ""
        for check in membership_checks(member, now_s):
            yield replace(check, name=check.name + of_several)


async def _care_for(log: SqliteLog) -> None:
    """Have the file forget what the registry lets it, again and again."""
    while True:
        await asyncio.sleep(MAINTENANCE_INTERVAL_S)
        try:
            await log.maintain(int(time.time() * 1000))
        except RetryableError as error:
            logger.warning("the log file was not cleaned up: %s", error)


async def _first_end(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Wait until something ends that should not."""
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in (one for one in tasks if one.done()):
        task.result()
        raise FatalError(f"{task.get_name()} has ended by itself")


async def _cancel(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
