"""Keeps the integration object in Port as it should be, and hears there that a resync is asked for."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from services.fetcher.integration.wanted import WantedIntegration
from shared.errors import FatalError, PagerportError, RejectedError, RetryableError
from shared.log.interface import Clock, Sleep
from shared.port.integration import IntegrationCalls

logger = logging.getLogger(__name__)

LOOK_S: Final = 1.0
"""How often it is seen whether there is another state to report."""
RETRY_S: Final = 60.0
"""What was refused or failed is tried again after this."""
TROUBLES: Final = (FatalError, RejectedError, RetryableError)


@dataclass(frozen=True, slots=True)
class AskedInPort:
    """A resync that somebody asked Port for.

    Attributes:
        request_id: Names it for good.
        updated_at: When, by Port's clock, as Port writes it.
    """

    request_id: str
    updated_at: str

    @property
    def key(self) -> str:
        """Return what a run keeps of it, so that it is answered once."""
        return f"port:{self.request_id}@{self.updated_at}"

    @property
    def at(self) -> datetime | None:
        """Return when; None: Port does not say it in a form that we can read."""
        try:
            at = datetime.fromisoformat(self.updated_at)
        except ValueError:
            return None
        return at if at.tzinfo else None


class IntegrationCare:
    """Cares for the object as long as it runs. Nothing of it may keep the catalog from being true.

    Args:
        calls: Asks Port.
        wanted: See `WantedIntegration`.
        state: Says what there is to report; None: nothing yet.
        on_request: Hears of the last resync asked for in Port, at each look; it knows which it has answered.
        interval_s: Seconds between two looks at what was asked for.
        clock: Monotonic seconds.
        sleep: Waits for seconds.

    Attributes:
        trouble: What cannot be done at present, for readiness; empty: all is well.
    """

    def __init__(
        self,
        calls: IntegrationCalls,
        wanted: WantedIntegration,
        *,
        state: Callable[[], Mapping[str, Any] | None],
        on_request: Callable[[AskedInPort], Awaitable[None]],
        interval_s: float,
        clock: Clock,
        sleep: Sleep,
    ) -> None:
        self.trouble = ""
        self._calls = calls
        self._wanted = wanted
        self._state = state
        self._on_request = on_request
        self._interval_s = interval_s
        self._clock = clock
        self._sleep = sleep
        self._is_registered = False
        self._reported: Mapping[str, Any] | None = None
        self._troubles: dict[str, str] = {}
        self._due_s: dict[str, float] = {}

    async def run(self) -> None:
        """Look after it until cancelled."""
        # Another process may have led meanwhile.
        self._is_registered, self._reported = False, None
        self._due_s.clear()
        while True:
            await self.turn()
            await self._sleep(LOOK_S)

    async def turn(self) -> None:
        """Do what is due."""
        if not self._is_registered:
            await self._try("registration", self._register, again_s=RETRY_S)
        if self._is_registered:
            await self._try("request", self._hear, again_s=self._interval_s)
        state = self._state()
        if self._is_registered and state is not None and state != self._reported:
            await self._try("resync state", lambda: self._report(state))
        if self._troubles:
            # It may have been deleted in Port: then it is made again.
            self._is_registered = False

    async def _register(self) -> None:
        await register(self._calls, self._wanted)
        self._is_registered = True

    async def _hear(self) -> None:
        found = await self._calls.resync_request()
        if found is None:
            return
        request_id, updated_at = found.get("id"), found.get("updatedAt")
        if isinstance(updated_at, str):
            await self._on_request(AskedInPort(str(request_id or ""), updated_at))

    async def _report(self, state: Mapping[str, Any]) -> None:
        await self._calls.report(state)
        self._reported = state

    async def _try(self, what: str, do: Callable[[], Awaitable[None]], *, again_s: float = 0.0) -> None:
        """Do something that is due; what goes wrong is said once, until it is another thing or over."""
        now_s = self._clock()
        if now_s < self._due_s.get(what, now_s):
            return
        try:
            await do()
        except TROUBLES as error:
            self._due_s[what] = self._clock() + RETRY_S
            self._note(what, error)
        else:
            self._due_s[what] = self._clock() + again_s
            if self._troubles.pop(what, None):
                logger.info("the integration in Port: %s works again", what)
            self.trouble = "; ".join(self._troubles.values())

    def _note(self, what: str, error: PagerportError) -> None:
        said = f"{what}: {error}"
        if self._troubles.get(what) != said:
            logger.warning("the integration in Port cannot be looked after: %s", said)
        self._troubles[what] = said
        self.trouble = "; ".join(self._troubles.values())


async def register(calls: IntegrationCalls, wanted: WantedIntegration) -> None:
    """Create the object where there is none, bring it up to date, and put the default mapping where none is.

    Raises:
        FatalError, RejectedError, RetryableError: Port refuses it or fails.
    """
    held = await calls.read()
    if held is None:
        if await calls.create(wanted.creation()):
            mapping = "with the default mapping" if wanted.default else "without a mapping"
            logger.info("the integration %r is registered in Port, %s", wanted.identifier, mapping)
            return
        held = await calls.read()
        if held is None:
            # For all we know it has a mapping of its user, which the default one must not replace.
            raise RetryableError("Port has an integration object of this name, and does not show it")
    if changes := wanted.drift(held):
        await calls.update(changes)
        logger.info("the integration in Port is brought up to date: %s", ", ".join(sorted(changes)))
    default = wanted.default_config()
    if default is not None and not held.get("config"):
        await calls.put_mapping(default)
        logger.info("the default mapping is put into the integration in Port; edit it there")
