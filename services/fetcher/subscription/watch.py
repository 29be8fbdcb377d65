"""Looks after the subscription again and again, as long as the fetcher is the active one."""

import logging
import re
from typing import Final

from services.fetcher.subscription.care import CatchUp, Looked, SubscriptionCare
from services.fetcher.subscription.found import wanted_subscription
from shared.errors import FatalError, RetryableError
from shared.log.interface import Sleep
from shared.pagerduty.client import PagerDutyClient
from shared.settings import Settings

logger = logging.getLogger(__name__)

INTERVAL_S: Final = 300.0
"""A subscription that PagerDuty has switched off stays so for a day: this is soon enough."""
_REQUEST_ID: Final = re.compile(r" \[x-request-id [^\]]*\]")


class SubscriptionWatch:
    """Cares on its own, until it is cancelled.

    Args:
        care: Does it.
        sleep: Waits for seconds.
        interval_s: From one look to the next.

    Attributes:
        last: How it stood at the last look that went through; None: there was none yet.
        trouble: What `status` is to show, a line each.
        has_looked: A look has ended, well or not.
    """

    def __init__(self, care: SubscriptionCare, sleep: Sleep, *, interval_s: float = INTERVAL_S) -> None:
        self.last: Looked | None = None
        self.trouble: tuple[str, ...] = ()
        self.has_looked = False
        self._care = care
        self._sleep = sleep
        self._interval_s = interval_s

    async def run(self) -> None:
        """Look, wait, look again. What goes wrong is said once, until it is another thing or over."""
        while True:
            await self.look_once()
            await self._sleep(self._interval_s)

    async def look_once(self) -> None:
        """Look, and note what is wrong; live changes are worth less than the rest, so nothing is raised."""
        try:
            self.last = await self._care.look()
            trouble = self.last.trouble
        except (FatalError, RetryableError) as error:
            trouble = (f"the webhook subscription could not be looked after: {error}",)
        said = {_steady(line) for line in self.trouble}
        for line in trouble:
            if _steady(line) not in said:
                logger.error(line)
        if self.trouble and not trouble:
            logger.info("the webhook subscription is well again")
        self.trouble = trouble
        self.has_looked = True


def _steady(line: str) -> str:
    """Return a line without what differs from time to time though the trouble is the same."""
    return _REQUEST_ID.sub("", line)


def subscription_watch(
    settings: Settings, client: PagerDutyClient, catch_up: CatchUp, sleep: Sleep
) -> SubscriptionWatch | None:
    """Return the watch of an installation; None: no public address is set, so there is nothing to look after.

    Args:
        settings: Address, scope, secrets.
        client: Of the account.
        catch_up: Asks for a resync.
        sleep: Waits for seconds.
    """
    wanted = wanted_subscription(settings)
    return None if wanted is None else SubscriptionWatch(SubscriptionCare(client, wanted, catch_up), sleep)
