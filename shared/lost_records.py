"""Asks for a resync when a group has lost records: it brings what they told."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

from schemas.command import Command, CommandType
from shared.commands_topic import give_command
from shared.log.interface import Log, TopicPartition

ASKED_BY = "lost records"


def resync_for(
    log: Log, identifier: str, now: Callable[[], datetime]
) -> Callable[[Mapping[TopicPartition, int]], Awaitable[None]]:
    """Return the `on_lost` of a Consumer that gives the command."""

    async def ask(_: Mapping[TopicPartition, int]) -> None:
        command = Command(type=CommandType.RESYNC, asked_by=ASKED_BY)
        await give_command(log, command, identifier=identifier, at=now())

    return ask
