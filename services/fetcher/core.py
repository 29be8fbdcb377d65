"""Takes commands and webhook events: the fetcher's core, by whose assignment a replica leads."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final

from schemas.command import Command
from schemas.dead_letter import LetterFailure
from schemas.outcome import Reason
from schemas.topics import COMMANDS, WEBHOOKS
from schemas.versions import SCHEMA_VERSION, version_of
from shared.commands_topic import read_command
from shared.core import Batch, Core
from shared.dead_letters import dead_letter_record, letter_about
from shared.errors import FatalError
from shared.held_partitions import Newer, says_held
from shared.installations import Foreign, foreign
from shared.log.interface import Log, Record, Subscription
from shared.outcome import DONE, Outcome

logger = logging.getLogger(__name__)

STAGE: Final = "fetcher"
TOPICS: Final = Subscription.to(COMMANDS.name, WEBHOOKS.name)

OnCommand = Callable[[str, Command], Awaitable[bool]]
"""Carries out a command by its id within a second; True only when what comes of it is durable.

False: not yet, it is to be handed in again.
"""


async def _read_nothing() -> None:
    """Do nothing: nobody else leads."""


class FetcherCore:
    """See `shared.core.Core`. Nothing here waits longer than a second: `stop` must be read at once.

    Args:
        log: Where dead letters go.
        on_command: See `OnCommand`.
        now: Aware UTC.
        identifier: The installation.
        hydration: Takes the records of `pagerduty.webhooks`, and gives them back within a second too; None:
            they wait.
        catch_up: Reads what another replica may have put in force while it led.
    """

    def __init__(
        self,
        log: Log,
        on_command: OnCommand,
        *,
        now: Callable[[], datetime],
        identifier: str,
        hydration: Core | None = None,
        catch_up: Callable[[], Awaitable[object]] = _read_nothing,
    ) -> None:
        self._log = log
        self._on_command = on_command
        self._now = now
        self._hydration = hydration
        self._identifier = identifier
        self._held = ""
        self._leaving: asyncio.Event | None = None
        self._catch_up = catch_up
        self._caught_up_for: asyncio.Event | None = None

    @property
    def held(self) -> str:
        """Return why no command is carried out (readiness); empty: they are, or are another's work now."""
        has_left = self._leaving is not None and self._leaving.is_set()
        return "" if has_left else self._held

    async def handle(self, batch: Batch) -> Sequence[Outcome | None]:
        """Carry out commands in their order, hydrate what the events name.

        None is the outcome of a command that is not carried out yet, of one that a newer release gave, and of
        what follows them.
        """
        self._leaving = batch.leaving
        commands = [record for record in batch.records if record.topic == COMMANDS.name]
        events = [record for record in batch.records if record.topic != COMMANDS.name]
        outcomes: dict[int, Outcome | None] = {}
        is_stuck = False
        for record in commands:
            is_stuck = is_stuck or not await self._carry_out(record)
            outcomes[id(record)] = None if is_stuck else DONE
        if events and self._hydration is not None and await self._is_current(batch.leaving):
            hydrated = await self._hydration.handle(Batch(events, batch.leaving, batch.progress))
            outcomes.update((id(record), outcome) for record, outcome in zip(events, hydrated, strict=True))
        return [outcomes.get(id(record)) for record in batch.records]

    async def _is_current(self, leaving: asyncio.Event) -> bool:
        """Return whether events can be hydrated by what is in force in this assignment."""
        if leaving is not self._caught_up_for:
            try:
                await self._catch_up()
            except FatalError:
                # The runs hold for the same reason and say it; commands are carried out all the same.
                return False
            self._caught_up_for = leaving
        return True

    async def _carry_out(self, record: Record) -> bool:
        if line := self._why_held(record):
            if self._held != line:
                self._held = line
                logger.error(line)
            return False
        self._held = ""
        try:
            command_id, command = read_command(record)
        except ValueError:
            letter = letter_about(
                record,
                stage=STAGE,
                failures=(LetterFailure(reason=Reason.UNREADABLE, detail="this is no command"),),
                failed_at=self._now(),
            )
            await self._log.append([dead_letter_record(record, letter)])
            return True
        return await self._on_command(command_id, command)

    def _why_held(self, record: Record) -> str:
        """Return why a record stays where it is; empty: it does not."""
        why: Newer | Foreign | None = foreign(record.headers, self._identifier)
        if why is None and (version := version_of(record.value)) > SCHEMA_VERSION:
            why = Newer(version)
        return says_held(record, why, stage=STAGE, identifier=self._identifier) if why else ""
