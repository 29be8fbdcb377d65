"""Decides which mapping is in force, and publishes it to `pagerport.mapping`."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from schemas.complete_listing import CompleteListing
from schemas.mapping import MappingInForce
from schemas.topics import MAPPING, RAW_PREFIX
from schemas.versions import SCHEMA_VERSION
from services.fetcher.default_resources import default_mapping
from services.fetcher.mapping_versions import NO_RUN, GreenVersions, begin_replay, previous_versions
from shared.errors import ConfigurationError, FatalError
from shared.groups import MAPPER_GROUP
from shared.log.interface import Log, NewRecord, Subscription
from shared.mapping_file import LoadedMapping, load_mapping, mapping_from, require_entries
from shared.mapping_topic import MappingRecords, listing_record, mapping_record
from shared.progress import Progress
from shared.topic_reader import TopicReader

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


class MappingAuthority:
    """Puts versions of the mapping in force, and notes complete listings beside them.

    Args:
        log: The log.
        identifier: The installation.
        now: Aware UTC.
    """

    def __init__(self, log: Log, identifier: str, now: Callable[[], datetime]) -> None:
        self._log = log
        self._identifier = identifier
        self._now = now
        self._reader = TopicReader(log, MAPPING.name)
        self._records = MappingRecords(identifier)
        self._reading = asyncio.Lock()

    @property
    def in_force(self) -> MappingInForce | None:
        """Return the version in force; None: there is none."""
        return self._records.in_force

    @property
    def listings(self) -> Mapping[str, CompleteListing]:
        """Return the last complete listing of each raw topic."""
        return self._records.listings

    @property
    def left_out(self) -> int:
        """Return how many records of the topic could not be read."""
        return self._records.left_out

    async def catch_up(self) -> MappingInForce | None:
        """Read what was published since the last call, and return the version in force.

        Where a record that cannot be read took its place in the topic it is published again as it is: the
        topic is compacted, and whoever starts later would find none.

        Raises:
            FatalError: It was published by a newer release.
        """
        async with self._reading:
            self._records.take(await self._reader.to_end())
            in_force = self._records.in_force
            if self._records.is_spoiled and in_force is not None and not self._records.held:
                await self._append(mapping_record(in_force, identifier=self._identifier, made_at=self._now()))
                self._records.take(await self._reader.to_end())
        if self._records.held:
            raise FatalError(self._records.held)
        return self._records.in_force

    async def publish(self, loaded: LoadedMapping, *, green: GreenVersions = NO_RUN) -> MappingInForce:
        """Put a mapping in force without mapping anything again; unchanged, it stays what it is.

        Args:
            loaded: The mapping.
            green: With which versions whole runs have last finished green.
        """
        current = await self.catch_up()
        if current is not None and current.config == loaded.config:
            return current
        return await self._put(await self._next(loaded, green))

    async def publish_replay(
        self, loaded: LoadedMapping, *, run_id: str, topics: Collection[str], green: GreenVersions = NO_RUN
    ) -> MappingInForce:
        """Put a mapping in force as a new version, even unchanged, by which topics are mapped again.

        The version is the command of its replay: once it is published, it is not published again for the
        same run.

        Args:
            loaded: The mapping.
            run_id: The replay.
            topics: Raw topics to be mapped again.
            green: With which versions whole runs have last finished green.
        """
        current = await self.catch_up()
        if current is not None and current.run_id == run_id:
            return current
        ends: dict[str, dict[int, int]] = {}
        places = await self._log.partitions(frozenset(topics).__contains__)
        for place, end in (await self._log.end_offsets(places)).items():
            ends.setdefault(place.topic, {})[place.partition] = end
        update = {
            "replay_from": begin_replay(ends, self._records.listings, ends),
            "replay_to": ends,
            "run_id": run_id,
        }
        following = await self._next(loaded, green)
        return await self._put(following.model_copy(update=update))

    async def note_listing(self, listing: CompleteListing) -> None:
        """Note that a listing was complete: replays begin there from now on."""
        await self._append(listing_record(listing, identifier=self._identifier, made_at=self._now()))

    async def _next(self, loaded: LoadedMapping, green: GreenVersions) -> MappingInForce:
        current = self._records.in_force
        newest = await self._newest_used() if current is None else current.version
        return MappingInForce(
            schema_version=SCHEMA_VERSION,
            version=1 + newest,
            config=loaded.config,
            origin=loaded.name,
            previous=previous_versions(current, green, loaded.config),
        )

    async def _newest_used(self) -> int:
        """Return the newest version that mappers have committed: it outlives the topic that had it.

        A mapper leaves records alone that were handled with a newer version than the one it knows.
        """
        places = await self._log.partitions(Subscription.to_all(RAW_PREFIX))
        committed = await self._log.committed(MAPPER_GROUP, places)
        return max((Progress.decode(one.metadata).mapping_version for one in committed.values()), default=0)

    async def _put(self, mapping: MappingInForce) -> MappingInForce:
        await self._append(mapping_record(mapping, identifier=self._identifier, made_at=self._now()))
        return await self.catch_up() or mapping

    async def _append(self, record: NewRecord) -> None:
        await self._log.create_topics([MAPPING.name])
        await self._log.append([record])
