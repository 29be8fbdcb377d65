"""Decides what a new mapping asks for: which topics are mapped again from the log, which kinds are listed."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson

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
        before = [current.config, *(MappingFile.model_validate(one["config"]) for one in current.previous)]
        dropped = {topic for config in before for topic in _known_digests(config)} - wanted.keys()
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


def last_green_version(runs: Iterable[RunResult]) -> int:
    """Return the newest mapping version with which a whole run finished green; 0: none has."""
    green = (run.mapping_version for run in runs if run.state is RunState.COMPLETED and run.is_whole)
    return max(green, default=0)


def previous_versions(
    current: MappingInForce | None, green_version: int, new: MappingFile
) -> tuple[dict[str, Any], ...]:
    """Return the versions whose entities may still be in Port: since the last green run, and that run's.

    Oldest first. Of equal ones the newest is kept, of too many the newest; one that equals the new mapping
    makes nothing that the new one does not.

    Args:
        current: In force until now; None: nothing was.
        green_version: See `last_green_version`.
        new: What comes into force.
    """
    if current is None:
        return ()
    own = {"version": current.version, "config": _plain(current.config)}
    unlike: list[dict[str, Any]] = []
    room = PREVIOUS_LIMIT_BYTES
    seen = [_plain(new)]
    for one in sorted([*current.previous, own], key=lambda one: -int(one["version"])):
        room -= len(orjson.dumps(one))
        if one["version"] < green_version or len(unlike) == PREVIOUS_LIMIT or room < 0:
            break
        if one["config"] not in seen:
            seen.append(one["config"])
            unlike.append(one)
    return tuple(reversed(unlike))


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
