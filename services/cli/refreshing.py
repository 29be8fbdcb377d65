"""Appends the request for one object, if anything can come of it."""

from datetime import UTC, datetime
from pathlib import Path

from schemas.refresh_request import RefreshRequest
from services.cli.answerable import require_mapped, require_readers
from services.cli.open_log import open_own_log
from services.cli.presence import say_nobody
from services.cli.start import start
from shared.errors import ConfigurationError
from shared.kinds import kind_named
from shared.log.interface import Position
from shared.refresh_requests import refresh_record

ID_LIMIT_CHARS = 200


async def request_refresh(
    file: Path | None, kind_name: str, object_id: str
) -> tuple[RefreshRequest, Position]:
    """Append a request and return it with its place.

    Args:
        file: The log; None: that of the settings.
        kind_name: PagerDuty kind.
        object_id: Id of the object.

    Raises:
        ConfigurationError: There is no such kind, PagerDuty gives no single object of it, the mapping in
            force makes nothing of it, this can be no id, or nobody reads requests from this log.
    """
    kind = kind_named(kind_name)
    if kind.single is None:
        raise ConfigurationError(
            f"PagerDuty gives no single object of {kind.name}; run `pagerport resync --kind {kind.name}`"
        )
    is_id = object_id.isascii() and object_id.isprintable() and " " not in object_id
    if not object_id or not is_id or len(object_id) > ID_LIMIT_CHARS:
        raise ConfigurationError(f"{object_id!r} is no id of PagerDuty's; give one like PGJL5Q1")
    settings = start()
    identifier = settings.integration.identifier
    async with open_own_log(file, settings) as log:
        await require_readers(log)
        await require_mapped(log, identifier, [kind.name])
        request = RefreshRequest(kind=kind.name, object_id=object_id)
        now = datetime.now(UTC)
        (position,) = await log.append([refresh_record(request, identifier=identifier, made_at=now)])
        await say_nobody(log)
    return request, position
