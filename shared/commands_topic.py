"""Builds and reads the records of `pagerport.commands`."""

import secrets
from datetime import datetime

from schemas.command import Command
from schemas.headers import Origin, RecordHeaders
from schemas.topics import COMMANDS
from shared.log.interface import Log, NewRecord, Record

TYPE = "pagerport.command"


def new_command_id(at: datetime) -> str:
    """Return an id that sorts by time."""
    return f"{at:%Y%m%dT%H%M%S.%f}Z-{secrets.token_hex(4)}"


def command_record(command: Command, command_id: str, *, identifier: str, made_at: datetime) -> NewRecord:
    """Return the record of a command."""
    headers = RecordHeaders(
        id=command_id,
        source=f"pagerport/{identifier}/{command.asked_by.replace(' ', '-') or 'unknown'}",
        type=TYPE,
        subject=str(command.type),
        time=made_at,
        origin=Origin.LIVE,
    )
    return NewRecord(COMMANDS.name, command_id.encode(), command.model_dump_json().encode(), headers.encode())


async def give_command(log: Log, command: Command, *, identifier: str, at: datetime) -> str:
    """Append a command and return its id when it is durable."""
    command_id = new_command_id(at)
    await log.create_topics([COMMANDS.name])
    await log.append([command_record(command, command_id, identifier=identifier, made_at=at)])
    return command_id


def read_command(record: Record) -> tuple[str, Command]:
    """Return the id and the command of a record.

    Raises:
        ValueError: It is none, or of a newer release.
    """
    if record.value is None or not record.key:
        raise ValueError("a command has a key and a value")
    for name, value in record.headers:
        if value is None:
            raise ValueError(f"the header {name} has no value")
        value.decode()
    return record.key.decode(), Command.model_validate_json(record.value)
