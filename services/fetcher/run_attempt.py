"""Carries out one attempt of a run: puts its mapping in force, has the conductor lead it to its result."""

import math

from schemas.mapping import MappingInForce
from schemas.run import RunResult
from schemas.topics import ENTITIES, dlq_topic
from services.fetcher.conductor import Conductor
from services.fetcher.leadership import Leadership
from services.fetcher.mapping_authority import MappingAuthority
from services.fetcher.mapping_versions import asked_kinds, last_green_versions, plan_change, replayed_kinds
from services.fetcher.parts import FetcherParts
from services.fetcher.raw_publisher import RawPublisher
from services.fetcher.run_book import Surroundings, Watch
from services.fetcher.run_counts import count_onward
from services.fetcher.run_journal import RunJournal
from services.fetcher.run_reader import RunReader
from services.fetcher.run_requests import RunRequest
from shared.errors import ConfigurationError
from shared.mapping_file import LoadedMapping
from shared.sources import Source, plan_sources


class Attempt:
    """One attempt of one run.

    Args:
        run: The run; what becomes of it is written into it.
        loaded: The user's mapping, which is in force from now on.
        parts: What the fetcher is made of.
        publisher: Publishes raw records.
        authority: Puts mappings in force.
        journal: All runs.
        leadership: Leave to publish.
    """

    def __init__(
        self,
        run: RunResult,
        loaded: LoadedMapping,
        *,
        parts: FetcherParts,
        publisher: RawPublisher,
        authority: MappingAuthority,
        journal: RunJournal,
        leadership: Leadership,
    ) -> None:
        self._run = run
        self._loaded = loaded
        self._parts = parts
        self._publisher = publisher
        self._authority = authority
        self._journal = journal
        self._leadership = leadership
        self._requests = count_onward(parts.requests, run.requests)

    async def carry_out(self) -> None:
        """Lead the run to its result.

        Raises:
            FatalError, RetryableError: A third party refuses us or fails: the run stays open.
            ConfigurationError, RejectedError: The run cannot be done as it was asked for.
            NotOwnerError: Another process leads.
        """
        current = await self._authority.catch_up()
        if self._run.type == "replay" and current is not None and current.run_id == self._run.run_id:
            # The version is published: its replay goes on, whatever the user has changed meanwhile.
            self._loaded = LoadedMapping(current.config, current.origin)
            await self._replay(current, tuple(current.replay_to))
        elif self._run.type == "replay":
            await self._begin_replay(current)
        else:
            await self._resync()

    async def _begin_replay(self, current: MappingInForce | None) -> None:
        todo = plan_change(self._loaded.config, current, self._authority.listings)
        if not todo.replayed:
            # Nothing in the log is known to be complete: PagerDuty is asked instead.
            self._run.type = "resync"
            self._run.only_kinds = list(asked_kinds(todo, self._loaded.config))
            await self._resync()
            return
        if todo.resynced:
            await self._journal.ask(RunRequest(type="resync", kinds=todo.resynced, asked_by="replay"))
        await self._replay(current, todo.replayed)

    async def _replay(self, current: MappingInForce | None, topics: tuple[str, ...]) -> None:
        sources = plan_sources(self._loaded.config, now=self._parts.now())
        await self._prepare(current, sources)
        self._run.only_kinds = replayed_kinds(topics, sources)
        green = last_green_versions(self._journal.runs)

        async def publish() -> MappingInForce:
            return await self._authority.publish_replay(
                self._loaded, run_id=self._run.run_id, topics=topics, green=green
            )

        with self._reader(sources) as reader:
            await self._conductor(reader).replay(self._run, publish, sources)

    async def _resync(self) -> None:
        self._limit_to_known_kinds()
        kinds = self._run.only_kinds or None
        sources = plan_sources(self._loaded.config, kinds=kinds, now=self._run.started_at)
        await self._prepare(
            self._authority.in_force, plan_sources(self._loaded.config, now=self._parts.now())
        )
        green = last_green_versions(self._journal.runs)
        await self._leadership.gate()
        mapping = await self._authority.publish(self._loaded, green=green)
        with self._reader(sources) as reader:
            await self._conductor(reader).resync(self._run, mapping, sources)

    def _limit_to_known_kinds(self) -> None:
        """Leave out kinds that the mapping does not have any more, unless nothing is left."""
        asked = self._run.only_kinds
        has = {resource.kind for resource in self._loaded.config.resources}
        unknown = ", ".join(kind for kind in asked if kind not in has)
        if not unknown:
            return
        self._run.only_kinds = [kind for kind in asked if kind in has]
        if not self._run.only_kinds:
            self._run.only_kinds = asked
            raise ConfigurationError(
                f"no entry of the mapping has the kind {unknown}; add one or leave it out"
            )
        self._run.warnings.append(f"no entry of the mapping has the kind {unknown}")

    async def _prepare(self, current: MappingInForce | None, sources: tuple[Source, ...]) -> None:
        """See to it that there is everything that a new mapping speaks of."""
        if current is None or current.config != self._loaded.config:
            first_start = await self._parts.prepare(self._loaded.config)
            self._run.created_blueprints += first_start.created
            self._run.warnings += first_start.warnings
        topics = [*(source.topic for source in sources), ENTITIES.name]
        await self._parts.log.create_topics([*topics, *map(dlq_topic, topics)])

    def _reader(self, sources: tuple[Source, ...]) -> RunReader:
        return RunReader(
            sources,
            client=self._parts.client,
            publisher=self._publisher,
            stamp=self._run.stamp,
            identifier=self._parts.identifier,
            started_at=self._run.started_at,
            now=self._parts.now,
            concurrency=self._parts.concurrency,
            leadership=self._leadership,
        )

    def _conductor(self, reader: RunReader) -> Conductor:
        parts = self._parts
        around = Surroundings(
            log=parts.log,
            identifier=parts.identifier,
            waits=parts.waits,
            requests=self._requests,
            successes=parts.successes,
            watch=Watch(
                poll_s=parts.poll_s,
                # What waits for a third party waits: nobody is there to run it again.
                stall_timeout_s=math.inf,
                on_snapshot=parts.on_snapshot,
                on_close=parts.on_close,
                publish_every_s=parts.publish_every_s,
                holds=True,
            ),
            now=parts.now,
            leadership=self._leadership,
            clock=parts.clock,
            sleep=parts.sleep,
        )
        return Conductor(
            around,
            list_source=reader.list_source,
            refresh=reader.refresh,
            sweep=parts.make_sweep(reader) if parts.make_sweep else None,
            port_time=parts.port_time,
            note_listing=self._authority.note_listing,
        )
