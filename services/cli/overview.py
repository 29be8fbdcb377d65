"""Reads from a log how an installation stands: runs, lag of each stage, the mapping in force."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from schemas.complete_listing import CompleteListing
from schemas.mapping import MappingInForce
from schemas.run import RunResult
from schemas.standing import Standing
from schemas.topics import COMMANDS, ENTITIES, MAPPING, RAW_PREFIX, WEBHOOKS
from services.cli.answerable import reads_requests
from services.cli.next_steps import Remedy
from services.cli.open_log import name_of
from services.cli.overview_letters import LettersState, sum_up
from shared.groups import FETCHER_GROUP, MAPPER_GROUP, WRITER_GROUP
from shared.kept_letters import read_letters
from shared.log.interface import Log, Subscription
from shared.log.sqlite import SqliteLog
from shared.mapping_topic import MappingRecords
from shared.runs_topic import RunRecords
from shared.topic_reader import TopicReader

RUNS_SHOWN = 5
STAGES = (
    ("commands", FETCHER_GROUP, Subscription.to(COMMANDS.name)),
    ("events", FETCHER_GROUP, Subscription.to(WEBHOOKS.name)),
    ("mapper", MAPPER_GROUP, Subscription.to_all(RAW_PREFIX)),
    ("writer", WRITER_GROUP, Subscription.to(ENTITIES.name)),
)
"""Name, group and topics of what works through records."""


class StageLag(BaseModel):
    """What a stage has not handled yet."""

    lag: Annotated[int, Field(description="Records behind its committed offsets.")]
    records: Annotated[int, Field(description="End offsets of its topics, summed up.")]


class MappingState(BaseModel):
    """The mapping in force."""

    version: int
    origin: str
    replay: Annotated[str, Field(description="The replay it is the command of; empty: none.")]


class ListingState(BaseModel):
    """The last complete listing of a source."""

    kind: str
    topic: str
    ended_at: datetime
    age_s: Annotated[float, Field(description="Seconds since it ended.")]
    objects: int


class Overview(BaseModel):
    """How an installation stands."""

    log: Annotated[str, Field(description="The log that it is read from.")] = ""
    log_trouble: Annotated[
        str,
        Field(description="Why nothing can be written to it, so that webhooks are refused; empty: it can."),
    ] = ""
    fetcher_runs: Annotated[
        bool | None, Field(description="False: nobody takes commands and events now; null: not looked for.")
    ] = None
    start_hint: Annotated[str, Field(description="Where nobody does: what to start.")] = ""
    stages: dict[str, StageLag]
    mapping: MappingState | None
    in_hand: RunResult | None
    waiting: list[RunResult]
    last: Annotated[list[RunResult], Field(description="Runs that ended, the newest first.")]
    listings: Annotated[list[ListingState], Field(description="Last complete listing of each source.")]
    letters: Annotated[list[LettersState], Field(description="Open dead letters, by reason.")]
    standing: Annotated[
        Standing | None, Field(description="How the active fetcher says it stands; null: it has not said.")
    ] = None


async def read_overview(log: Log, identifier: str, at: datetime, *, named: str = "") -> Overview:
    """Read how things stand now.

    Args:
        log: The log.
        identifier: The installation.
        at: Now, aware UTC.
        named: The file that the user has named it by; empty: it is the installation's log.
    """
    runs = await read_runs(log)
    mapping = MappingRecords(identifier)
    mapping.take(await TopicReader(log, MAPPING.name).to_end())
    open_runs = [run for run in runs if not run.ended]
    remedy = Remedy(log=named, is_read=await reads_requests(log))
    return Overview(
        log=name_of(log),
        log_trouble=await log.try_write() if isinstance(log, SqliteLog) else "",
        stages={name: await _lag(log, group, topics) for name, group, topics in STAGES},
        mapping=_mapping(mapping.in_force),
        in_hand=next((run for run in open_runs if run.state != "waiting"), None),
        waiting=[run for run in open_runs if run.state == "waiting"],
        last=[run for run in reversed(runs) if run.ended][:RUNS_SHOWN],
        listings=_listings(list(mapping.listings.values()), at),
        standing=mapping.standing,
        letters=sum_up(await read_letters(log), remedy),
    )


async def read_runs(log: Log, *, keep_failures: bool = False) -> list[RunResult]:
    """Return all runs, the oldest first; without their lists of failures, unless these are wanted."""
    records = RunRecords(log, keep_failures=keep_failures)
    await records.catch_up()
    return records.runs


async def _lag(log: Log, group: str, topics: Subscription) -> StageLag:
    places = await log.partitions(topics)
    ends = await log.end_offsets(places)
    committed = await log.committed(group, places)
    behind = sum(
        max(0, end - (committed[place].offset if place in committed else 0)) for place, end in ends.items()
    )
    return StageLag(lag=behind, records=sum(ends.values()))


def _mapping(mapping: MappingInForce | None) -> MappingState | None:
    if mapping is None:
        return None
    return MappingState(version=mapping.version, origin=mapping.origin, replay=mapping.run_id)


def _listings(listings: Sequence[CompleteListing], at: datetime) -> list[ListingState]:
    return [
        ListingState(
            kind=one.kind,
            topic=one.topic,
            ended_at=one.ended_at,
            age_s=max(0.0, (at - one.ended_at).total_seconds()),
            objects=one.objects,
        )
        for one in sorted(listings, key=lambda one: one.topic)
    ]
