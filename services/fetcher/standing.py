"""Tells the log how the active fetcher stands, so that `pagerport status` can say it on any machine."""

import logging
import re
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

from schemas.standing import Standing
from services.fetcher.hydration.core import HydrationCore
from services.fetcher.integration.care import IntegrationCare
from services.fetcher.service import FetcherService
from services.fetcher.subscription.watch import SubscriptionWatch
from shared.errors import PagerportError
from shared.log.interface import Clock, Log, Sleep
from shared.mapping_topic import standing_record

logger = logging.getLogger(__name__)

LOOK_S: Final = 1.0
REFRESH_S: Final = 30.0
"""Numbers and seconds in its texts change all the time: they are written no more often than this."""
_NUMBER: Final = re.compile(r"\d+")


def read_standing(
    at: datetime,
    service: FetcherService,
    hydration: HydrationCore | None,
    subscription: SubscriptionWatch | None,
    integration: IntegrationCare,
) -> Standing:
    """Return how the parts of a fetcher stand now."""
    return Standing(
        written_at=at,
        mapping=service.mapping_problem,
        mapping_waits=service.mapping_waits,
        runs=service.held,
        events=(hydration.waiting_for() or "") if hydration else "",
        subscription="; ".join(subscription.trouble) if subscription else "",
        integration=integration.trouble,
    )


class StandingBoard:
    """Writes what changes.

    Args:
        log: Takes it.
        identifier: The installation.
        read: Says how things stand.
        clock: Monotonic seconds.
        sleep: Waits for seconds.
    """

    def __init__(
        self,
        log: Log,
        identifier: str,
        read: Callable[[], Standing],
        *,
        clock: Clock = time.monotonic,
        sleep: Sleep,
    ) -> None:
        self._log = log
        self._identifier = identifier
        self._read = read
        self._clock = clock
        self._sleep = sleep
        self._written: Standing | None = None
        self._written_s = 0.0

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        # What another leader wrote meanwhile is not known.
        self._written = None
        while True:
            await self.look()
            await self._sleep(LOOK_S)

    async def look(self) -> None:
        """Write how things stand, if it is news."""
        standing = self._read()
        if not self._is_news(standing):
            return
        record = standing_record(standing, identifier=self._identifier, made_at=standing.written_at)
        try:
            await self._log.append([record])
        except PagerportError as error:
            # Nobody's work depends on it; the services say themselves that the log is away.
            logger.debug("how the fetcher stands could not be written: %s", error)
            return
        self._written, self._written_s = standing, self._clock()

    def _is_news(self, standing: Standing) -> bool:
        if self._written is None:
            return True
        if _texts(standing) == _texts(self._written):
            return False
        is_only_numbers = _steady(standing) == _steady(self._written)
        return not is_only_numbers or self._clock() - self._written_s >= REFRESH_S


def _texts(standing: Standing) -> dict[str, object]:
    return standing.model_dump(exclude={"written_at"})


def _steady(standing: Standing) -> dict[str, str]:
    return {name: _NUMBER.sub("0", str(text)) for name, text in _texts(standing).items()}
