"""Decides what a new mapping asks for: which topics are mapped again from the log, which kinds are listed."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from pydantic import ValidationError

from schemas.complete_listing import CompleteListing
from schemas.mapping import MappingFile, MappingInForce
from schemas.run import RunResult, RunState
from schemas.topics import raw_topic
from shared.errors import ParameterError
from shared.kinds import KINDS
from shared.sources import Source, plan_sources

PREVIOUS_LIMIT: Final = 10
PREVIOUS_LIMIT_BYTES: Final = 1024 * 1024
"""Versions kept beside the one in force: they share a record with it. Those left out delete nothing."""
_FAR_AWAY = datetime(2100, 1, 1, tzinfo=UTC)
"""The same for every digest, so that relative bounds and open windows have the same text."""


@dataclass(frozen=True, slots=True)
class Todo:
    """What makes the catalog follow a mapping.

    Attributes:
        replayed: Raw topics to be mapped again, sorted.
        resynced: Kinds to be listed first, sorted: what they fetch has changed, or was never had completely.
    """

    replayed: tuple[str, ...]
    resynced: tuple[str, ...]


def fetch_digests(config: MappingFile) -> dict[str, str]:
    """Return per raw topic what is fetched into it, as a digest that does not depend on the time.

    Raises:
        ParameterError: The mapping asks PagerDuty for something that there is not.
    """
    return {source.topic: _digest(source) for source in plan_sources(config, now=_FAR_AWAY)}


def _known_digests(config: MappingFile) -> dict[str, str]:
    """Return the digests of a mapping of the past; none, where this release cannot read it any more."""
    try:
        return fetch_digests(config)
    except ParameterError:
        return {}


def _digest(source: Source) -> str:
    window = source.window
    parts: list[Any] = [source.kind, source.parameters, source.query]
    if window is not None:
        parts.append([window.since and window.since.isoformat(), window.until.isoformat(), window.with_open])
    parts.append([source.enrichment.keys, source.enrichment.analytics_months])
    return hashlib.sha256(orjson.dumps(parts)).hexdigest()[:16]


def plan_change(
    new: MappingFile, current: MappingInForce | None, listings: Mapping[str, CompleteListing]
) -> Todo:
    """Return what the new mapping asks for; the same mapping again asks for a replay of everything.

    A topic can be mapped again if the mapping in force fetches the same into it (else nobody kept it up to
    date) and a listing of just that was complete. Topics that the new mapping has no use for are mapped again
    too: what was made of their objects is proposed for deletion.

    Args:
        new: The mapping to follow.
        current: In force; None: none is.
        listings: Raw topic to its last complete listing.
    """
    wanted = fetch_digests(new)
    held = {} if current is None else _known_digests(current.config)

    def is_replayable(topic: str) -> bool:
        listing = listings.get(topic)
        return listing is not None and wanted[topic] == held.get(topic) == listing.fetch

    replayed = {topic for topic in wanted if is_replayable(topic)}
    if current is not None:
        before = held.keys() | set[str]().union(*map(_topics, current.previous))
        dropped = before - wanted.keys()
        replayed |= dropped & listings.keys()
    resynced = {kind_of_topic(topic) for topic in wanted.keys() - replayed}
    return Todo(tuple(sorted(replayed)), tuple(sorted(resynced)))


def kind_of_topic(topic: str) -> str:
    """Return the kind whose objects a raw topic holds; empty: no kind of ours."""
    return next(
        (kind for kind in KINDS if topic == raw_topic(kind) or topic.startswith(f"{raw_topic(kind)}.")), ""
    )


def begin_replay(
    topics: Iterable[str], listings: Mapping[str, CompleteListing], ends: Mapping[str, Mapping[int, int]]
) -> dict[str, dict[int, int]]:
    """Return where a replay begins: at the start of the last complete listing, or of the log.

    Args:
        topics: Raw topics to be mapped again.
        listings: Raw topic to its last complete listing.
        ends: Raw topic to partition to end offset.
    """
    return {
        topic: {
            partition: 0
            if listings[topic].is_windowed
            else min(end, listings[topic].starts.get(partition, 0))
            for partition, end in ends.get(topic, {}).items()
        }
        for topic in topics
    }


@dataclass(frozen=True, slots=True)
class GreenVersions:
    """The newest versions of the mapping with which whole runs have finished green; 0: none has.

    Attributes:
        of_any: Of a resync or a replay.
        of_replay: Of a replay: it has also met the objects of kinds that the mapping no longer has.
    """

    of_any: int = 0
    of_replay: int = 0


NO_RUN: Final = GreenVersions()


def last_green_versions(runs: Iterable[RunResult]) -> GreenVersions:
    """Return with which versions whole runs have finished green."""
    green = [run for run in runs if run.state is RunState.COMPLETED and run.is_whole]
    return GreenVersions(
        max((run.mapping_version for run in green), default=0),
        max((run.mapping_version for run in green if run.type == "replay"), default=0),
    )


def previous_versions(
    current: MappingInForce | None, green: GreenVersions, new: MappingFile
) -> tuple[dict[str, Any], ...]:
    """Return the versions whose entities may still be in Port: since the last green run, and that run's.

    A green resync has not met what older versions read and its own does not: those stay until a replay has.
    Oldest first. Of equal ones the newest is kept, of too many the newest; one that equals the new mapping
    makes nothing that the new one does not.

    Args:
        current: In force until now; None: nothing was.
        green: See `last_green_versions`.
        new: What comes into force.
    """
    if current is None:
        return ()
    own = {"version": current.version, "config": _plain(current.config)}
    versions = sorted([*current.previous, own], key=lambda one: -int(one["version"]))
    since = [_topics(one) for one in versions if one["version"] >= green.of_any]
    listed = set.intersection(*since) if since else set()
    unlike: list[dict[str, Any]] = []
    room = PREVIOUS_LIMIT_BYTES
    seen = [_plain(new)]
    for one in versions:
        room -= len(orjson.dumps(one))
        if one["version"] < green.of_replay or len(unlike) == PREVIOUS_LIMIT or room < 0:
            break
        is_past = one["version"] < green.of_any and _topics(one) <= listed
        if not is_past and one["config"] not in seen:
            seen.append(one["config"])
            unlike.append(one)
    return tuple(reversed(unlike))


def is_replay_due(current: MappingInForce, runs: Sequence[RunResult]) -> bool:
    """Return whether a replay has to look after what older versions read and the one in force does not.

    A resync does not meet these objects: when it ends green, the entities made of them may still be in Port,
    above all where a replay before it was held by `entityDeletionThreshold`.

    Args:
        current: In force.
        runs: All that are known, in any order.
    """
    newest = max((run for run in runs if run.ended), key=lambda run: run.run_id, default=None)
    if newest is None or newest.type != "resync" or not (newest.green and newest.is_whole):
        return False
    if last_green_versions(runs).of_replay >= current.version:
        return False
    own = set(_known_digests(current.config))
    return any(_topics(one) - own for one in current.previous)


def _topics(version: Mapping[str, Any]) -> set[str]:
    """Return the raw topics that a version of the past reads; none, where this release cannot read it."""
    try:
        config = MappingFile.model_validate(version["config"])
    except ValidationError:
        return set()
    return set(_known_digests(config))


def _plain(config: MappingFile) -> dict[str, Any]:
    return config.model_dump(mode="json", by_alias=True, exclude_unset=True)


def asked_kinds(todo: Todo, config: MappingFile) -> tuple[str, ...]:
    """Return the kinds that a resync is limited to; none: all of the mapping have to be listed."""
    kinds = {resource.kind for resource in config.resources}
    return () if kinds <= set(todo.resynced) else todo.resynced


def replayed_kinds(topics: Collection[str], sources: Sequence[Source]) -> list[str]:
    """Return the kinds that a replay is limited to; none: it maps all that the mapping reads."""
    if all(source.topic in topics for source in sources):
        return []
    return sorted({source.kind for source in sources if source.topic in topics})
