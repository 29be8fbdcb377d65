"""Decides which mapping is in force, and publishes it to `pagerport.mapping`."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from schemas.headers import Origin, RecordHeaders
from schemas.mapping import MappingInForce
from schemas.topics import MAPPING
from services.fetcher.default_resources import default_mapping
from shared.errors import ConfigurationError
from shared.log.interface import Log, NewRecord, TopicPartition
from shared.mapping_file import LoadedMapping, load_mapping, mapping_from, require_entries

PLACE = TopicPartition(MAPPING.name, 0)
READ_AT_ONCE = 1000

GetIntegration = Callable[[str], Awaitable[dict[str, Any] | None]]


def mapping_of_file(path: Path) -> LoadedMapping:
    """Return the mapping of a file.

    Raises:
        ConfigurationError: It cannot be read, or has no entry to make entities of.
    """
    return _with_entries(load_mapping(path))


async def mapping_without_file(
    get_integration: GetIntegration, identifier: str, *, may_be_default: bool
) -> LoadedMapping:
    """Return the mapping that the user keeps in Port, in the integration object; where there is none, ours.

    Args:
        get_integration: Asks Port.
        identifier: Integration identifier.
        may_be_default: Whether the default mapping may stand in.

    Raises:
        ConfigurationError: There is none, or what Port holds is not a mapping; one line per mistake.
    """
    config = (await get_integration(identifier) or {}).get("config")
    if config:
        return _with_entries(mapping_from(config, f"mapping of {identifier!r} in Port"))
    if may_be_default:
        return default_mapping()
    raise ConfigurationError(
        f"there is no mapping: no file is given, and Port holds none for the integration {identifier!r}; "
        "give one with --mapping FILE or OCEAN__MAPPING__FILE, or begin with the default one by "
        "OCEAN__INITIALIZE_PORT_RESOURCES=true"
    )


def _with_entries(loaded: LoadedMapping) -> LoadedMapping:
    require_entries(loaded)
    return loaded


async def publish_mapping(
    log: Log, loaded: LoadedMapping, *, identifier: str, now: datetime
) -> MappingInForce:
    """Publish a mapping as the next version and return it."""
    version = 1 + await _last_version(log, identifier)
    mapping = MappingInForce(version=version, config=loaded.config, origin=loaded.name)
    headers = RecordHeaders(
        id=f"mapping-{version}",
        source=f"pagerport/{identifier}/fetcher",
        type="pagerport.mapping",
        subject=identifier,
        time=now,
        origin=Origin.RESYNC,
    )
    value = mapping.model_dump_json(by_alias=True, exclude_unset=True).encode()
    await log.append([NewRecord(MAPPING.name, identifier.encode(), value, headers.encode())])
    return mapping


async def _last_version(log: Log, identifier: str) -> int:
    last, at = 0, 0
    end = (await log.end_offsets([PLACE]))[PLACE]
    while at < end:
        records = await log.read({PLACE: at}, max_records=READ_AT_ONCE, wait_s=0)
        if not records:
            break
        for record in records:
            at = record.offset + 1
            if record.key == identifier.encode() and record.value:
                last = MappingInForce.model_validate_json(record.value).version
    return last
