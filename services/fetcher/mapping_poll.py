"""Reads the user's mapping again and again; a broken one is refused, and the last good one stays."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from services.fetcher.default_resources import DEFAULT_MAPPING
from services.fetcher.mapping_authority import GetIntegration, mapping_of_file, mapping_without_file
from shared.errors import ConfigurationError, PagerportError
from shared.mapping_file import LoadedMapping, require_sound

logger = logging.getLogger(__name__)

FILE_INTERVAL: Final = timedelta(seconds=5)
"""A file is looked at this often: that asks nobody for anything."""

NO_MORE: Final = (
    "no file is given, and Port holds none any more or never did; put one there on the integration's page, "
    "or set OCEAN__MAPPING__FILE"
)

LoadMapping = Callable[[], Awaitable[LoadedMapping]]
"""Reads the mapping and checks it.

Raises ConfigurationError with a line per mistake, FatalError or RetryableError where it cannot be asked for.
"""


def from_file(path: Path) -> LoadMapping:
    """Return what reads the mapping of a file."""

    async def load() -> LoadedMapping:
        return _sound(mapping_of_file(path))

    return load


def from_port(get_integration: GetIntegration, identifier: str, *, may_be_default: bool) -> LoadMapping:
    """Return what reads the mapping kept in Port; where there is none, the default one may stand in."""

    async def load() -> LoadedMapping:
        return _sound(await mapping_without_file(get_integration, identifier, may_be_default=may_be_default))

    return load


def _sound(loaded: LoadedMapping) -> LoadedMapping:
    require_sound(loaded)
    return loaded


class MappingPoll:
    """Knows the newest good mapping of the user.

    Args:
        load: See `LoadMapping`.
        interval: Between two looks.
        now: Aware UTC.
    """

    def __init__(self, load: LoadMapping, *, interval: timedelta, now: Callable[[], datetime]) -> None:
        self._load = load
        self._interval = interval
        self._now = now
        self._looking = asyncio.Lock()
        self._looked_at: datetime | None = None
        self._newest: LoadedMapping | None = None
        self._problem = ""

    @property
    def newest(self) -> LoadedMapping | None:
        """Return the newest good mapping; None: none was read yet."""
        return self._newest

    @property
    def problem(self) -> str:
        """Return why what the user has now was refused or could not be read; empty: it was read."""
        return self._problem

    @property
    def due_at(self) -> datetime | None:
        """Return when it is looked at next; None: it never was."""
        # A look that lies ahead was taken before the clock was set back.
        return None if self._looked_at is None else min(self._looked_at, self._now()) + self._interval

    def forget(self) -> None:
        """Look again as if for the first time."""
        self._newest = self._looked_at = None

    def stand_in(self, loaded: LoadedMapping) -> None:
        """Take the mapping in force for the user's, as long as that could not be read."""
        if self._newest is None:
            self._newest = loaded

    async def look(self) -> None:
        """Read the mapping if it is due."""
        async with self._looking:
            now = self._now()
            if self._looked_at is not None and self._looked_at <= now < self._looked_at + self._interval:
                return
            self._looked_at = now
            try:
                loaded = await self._load()
                if self._newest is not None and loaded.name == DEFAULT_MAPPING != self._newest.name:
                    # To go by it could be to have deleted what the one before has made, for a wrong answer.
                    raise ConfigurationError(NO_MORE)
                self._take(loaded)
            except PagerportError as error:
                self._refuse(error)

    def _take(self, loaded: LoadedMapping) -> None:
        if self._problem:
            logger.info("%s: what was wrong is mended", loaded.name)
        self._problem = ""
        if self._newest is None or self._newest.config != loaded.config:
            logger.info("mapping read: %s", loaded.name)
        self._newest = loaded

    def _refuse(self, error: PagerportError) -> None:
        problem = str(error) or type(error).__name__
        if problem != self._problem:
            newest = self._newest
            stays = f"the last good version of {newest.name} stays in force" if newest else "none is in force"
            verb = "refused" if isinstance(error, ConfigurationError) else "not read"
            for line in f"{problem}; {stays}".splitlines():
                logger.error("the mapping was %s: %s", verb, line)
        self._problem = problem
