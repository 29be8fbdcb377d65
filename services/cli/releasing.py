"""Appends the command that releases held deletes, if there are any."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from schemas.command import Command, CommandType
from services.cli.answerable import require_readers
from services.cli.asking import ASKED_BY
from services.cli.open_log import open_own_log
from services.cli.presence import say_nobody
from services.cli.start import start
from shared.commands_topic import give_command
from shared.kept_letters import read_letters
from shared.refresh_requests import held_deletes


async def release_held(file: Path | None, blueprint: str) -> dict[str, int]:
    """Ask for the release, and return how many deletes are held, by blueprint; none: nothing is asked for.

    Args:
        file: The log; None: that of the settings.
        blueprint: Only deletes of this one; empty: of all.

    Raises:
        ConfigurationError: The log cannot be used, or nobody reads commands from it.
    """
    settings = start()
    identifier = settings.integration.identifier
    async with open_own_log(file, settings) as log:
        await require_readers(log)
        held: Counter[str] = Counter()
        for one in held_deletes(await read_letters(log), blueprint):
            held.update({failure.blueprint for failure in one.letter.failures} if one.letter else ())
        if held:
            command = Command(type=CommandType.RELEASE, blueprint=blueprint, asked_by=ASKED_BY)
            await give_command(log, command, identifier=identifier, at=datetime.now(UTC))
            await say_nobody(log)
    return dict(sorted(held.items()))
