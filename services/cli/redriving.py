"""Has the objects behind dead letters asked for again, and closes letters that nobody cares about."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from schemas.outcome import Reason
from schemas.refresh_request import RefreshCause, RefreshRequest
from services.cli.answerable import require_readers
from services.cli.letters import Wanted, find_letter
from services.cli.open_log import open_log, open_own_log
from services.cli.presence import say_nobody
from services.cli.start import start
from shared.dead_letters import Resolution, closing_record
from shared.errors import ConfigurationError
from shared.kept_letters import KeptLetter, read_letters, why_not_refreshed
from shared.refresh_requests import refresh_record, requests_of

RECORDS_PER_APPEND = 500
_HELD = "held by the breaker: if the object is gone, `pagerport release` has the delete confirmed"
_NO_KEY = "it has no key to be closed by; it goes after 30 days"


@dataclass(frozen=True, slots=True, kw_only=True)
class Redriven:
    """What was asked for.

    Attributes:
        requests: One or several for each object.
        left: Letters that this cannot mend: address, and what can be done.
    """

    requests: list[RefreshRequest]
    left: list[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Discarded:
    """What was closed.

    Attributes:
        addresses: Of the letters.
        left: Letters that cannot be closed: address and why.
    """

    addresses: list[str]
    left: list[tuple[str, str]]


async def ask_again(file: Path | None, addresses: Sequence[str], wanted: Wanted) -> Redriven:
    """Append a request for each object behind open letters.

    Raises:
        ConfigurationError: The log cannot be used, nobody reads requests from it, or it has no such letter.
    """
    settings = start()
    identifier = settings.integration.identifier
    async with open_own_log(file, settings) as log:
        await require_readers(log)
        letters = _chosen(await read_letters(log), addresses, wanted)
        left = [(one.address, why) for one in letters if (why := _why_left(one))]
        refused = {address for address, _ in left}
        requests = requests_of([one for one in letters if one.address not in refused], RefreshCause.REDRIVE)
        now = datetime.now(UTC)
        records = [refresh_record(one, identifier=identifier, made_at=now) for one in requests]
        for at in range(0, len(records), RECORDS_PER_APPEND):
            await log.append(records[at : at + RECORDS_PER_APPEND])
        if requests:
            await say_nobody(log)
    return Redriven(requests=requests, left=left)


async def close_letters(file: Path | None, addresses: Sequence[str], wanted: Wanted) -> Discarded:
    """Close open letters as discarded.

    Raises:
        ConfigurationError: The log cannot be used, or has no such letter.
    """
    async with open_log(file) as log:
        letters = _chosen(await read_letters(log), addresses, wanted)
        closable = [one for one in letters if one.record.key]
        now = datetime.now(UTC)
        records = [closing_record(one.record, Resolution.DISCARDED, resolved_at=now) for one in closable]
        for at in range(0, len(records), RECORDS_PER_APPEND):
            await log.append(records[at : at + RECORDS_PER_APPEND])
    return Discarded(
        addresses=[one.address for one in closable],
        left=[(one.address, _NO_KEY) for one in letters if not one.record.key],
    )


def _chosen(letters: list[KeptLetter], addresses: Sequence[str], wanted: Wanted) -> list[KeptLetter]:
    if not addresses:
        return wanted.of(letters)
    found = [find_letter(letters, address) for address in dict.fromkeys(addresses)]
    for one in found:
        if not one.is_open:
            raise ConfigurationError(f"{one.address} is closed already: {one.resolution}")
    return found


def _why_left(one: KeptLetter) -> str:
    return _HELD if Reason.DELETE_HELD in one.reasons else why_not_refreshed(one)
