"""Defines the state and result of a run, the value of `pagerport.runs`."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from schemas.outcome import FAILING, Count, Reason
from schemas.run_plan import RunPlan
from schemas.run_sweep import RunSweep
from schemas.versions import SCHEMA_VERSION

FAILURE_LIMIT = 1000
"""Failures listed in a run's result; all of them are counted."""
KIND_FAILURE_LIMIT = 100
"""Those listed of the listing of one kind."""


class RunState(StrEnum):
    """Where a run stands."""

    WAITING = "waiting"
    """Asked for; it starts when the run in hand is over."""
    LISTING = "listing"
    MAPPING = "mapping"
    WRITING = "writing"
    SWEEPING = "sweeping"
    """Everything is written; what is gone is being deleted."""
    COMPLETED = "completed"
    COMPLETED_WITH_FAILURES = "completed_with_failures"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


ENDED = frozenset(
    {RunState.COMPLETED, RunState.COMPLETED_WITH_FAILURES, RunState.FAILED, RunState.INTERRUPTED}
)
"""States that a run does not leave."""


class KindState(StrEnum):
    """How the listing of a kind ended."""

    PENDING = "pending"
    LISTING = "listing"
    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    """Read as far as possible; `reason` says what is missing."""
    SKIPPED = "skipped"
    """PagerDuty does not give this kind to the token or plan (402, 403)."""
    FAILED = "failed"


class RunFailure(BaseModel):
    """One object or change that did not arrive, and why."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: str
    object_id: Annotated[str, Field(description="Where a row has no id, which row it is.")]
    stage: Annotated[str, Field(description="`fetcher`, `mapper` or `writer`.")]
    reason: Reason
    detail: str = ""
    entry: int | None = None
    blueprint: str = ""
    identifier: str = ""
    letter: Annotated[
        str, Field(description="Address of the dead letter: `<topic>/<partition>/<offset>`; empty: none.")
    ] = ""


class KindResult(BaseModel):
    """What one kind did in a run."""

    model_config = ConfigDict(extra="ignore")

    state: KindState = KindState.PENDING
    reason: Annotated[str, Field(description="Why not complete, and the next step.")] = ""
    announced: Annotated[
        int | None, Field(description="Objects PagerDuty says there are; null: it does not say.")
    ] = None
    fetched: Annotated[int, Field(description="Distinct objects read and published.")] = 0
    superseded: Annotated[
        int, Field(description="Objects not published again: a live change had brought a newer version.")
    ] = 0
    duplicates: Annotated[int, Field(description="Rows read again because pages shifted.")] = 0
    ids_digest: Annotated[
        str,
        Field(
            description="Sum of the hashes of the ids read, hexadecimal: readings with the same one have "
            "read the same objects. Empty: it was not read to its end."
        ),
    ] = ""
    requests: Annotated[int, Field(description="Requests to PagerDuty, retries included.")] = 0
    warnings: Annotated[
        list[str], Field(description="What could not be had of its objects, and why; the kind is complete.")
    ] = Field(default_factory=list)
    failures_by_reason: Annotated[
        dict[Reason, int], Field(description="Rows of the listing that could not be published.")
    ] = Field(default_factory=dict)
    failures: Annotated[
        list[RunFailure],
        Field(description="The first of these rows, until the result of the run lists them."),
    ] = Field(default_factory=list)
    mapper: Annotated[dict[Count, int], Field(description="Counts of the mapper.")] = Field(
        default_factory=dict
    )
    writer: Annotated[dict[Count, int], Field(description="Counts of the writer.")] = Field(
        default_factory=dict
    )

    @property
    def failed(self) -> int:
        """How many rows, objects and changes did not arrive."""
        staged = sum(stage.get(count, 0) for stage in (self.mapper, self.writer) for count in FAILING)
        return staged + sum(self.failures_by_reason.values())


class Wait(BaseModel):
    """Time spent waiting for a third party."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    host: Annotated[str, Field(description="`PagerDuty` or `Port`.")]
    cause: Annotated[str, Field(description="`rate limit`, `HTTP 502`, `no connection`, …")]
    seconds: float
    times: int


class RunResult(BaseModel):
    """The state of a run while it goes on, and its result at the end. Keyed by run id."""

    model_config = ConfigDict(extra="ignore")

    schema_version: int = SCHEMA_VERSION
    run_id: str
    type: Literal["resync", "replay"] = "resync"
    state: RunState = RunState.LISTING
    attempt: int = 1
    mapping_version: int = 0
    started_at: Annotated[AwareDatetime, Field(description="While it waits: when it was asked for.")]
    ended_at: AwareDatetime | None = None
    commands: Annotated[
        list[str], Field(description="Ids of the commands that this run answers, or that ended it.")
    ] = Field(default_factory=list)
    asked_by: Annotated[
        list[str], Field(description="`command line`, `schedule`, `mapping`, …: everybody who asked for it.")
    ] = Field(default_factory=list)
    only_kinds: Annotated[
        list[str], Field(description="The run is of these kinds only; empty: of all that the mapping has.")
    ] = Field(default_factory=list)
    noted: Annotated[
        dict[str, dict[int, int]],
        Field(
            description="Topic to partition to end offset when the run began, so that another process can "
            "go on with it."
        ),
    ] = Field(default_factory=dict)
    port_started_at: Annotated[
        AwareDatetime | None, Field(description="When the run began in Port's time; null: not known.")
    ] = None
    kinds: dict[str, KindResult] = Field(default_factory=dict)
    failure_count: Annotated[int, Field(description="All failures, also those past the list's limit.")] = 0
    unmapped: Annotated[
        int,
        Field(description="Objects read but not mapped when the run ended early; else: that nobody counted."),
    ] = 0
    unsettled: Annotated[
        int,
        Field(
            description="Entity changes neither carried out nor refused when the run ended early; else: that "
            "nobody counted."
        ),
    ] = 0
    failures_by_reason: dict[Reason, int] = Field(default_factory=dict)
    failures: list[RunFailure] = Field(default_factory=list)
    created_blueprints: Annotated[
        list[str], Field(description="Blueprints that the run created before it listed anything.")
    ] = Field(default_factory=list)
    plan: Annotated[
        RunPlan | None, Field(description="Of a dry run, which writes nothing to Port; null: no dry run.")
    ] = None
    warnings: list[str] = Field(default_factory=list)
    waits: list[Wait] = Field(default_factory=list)
    requests: Annotated[dict[str, int], Field(description="Requests per third party.")] = Field(
        default_factory=dict
    )
    sweep: Annotated[
        RunSweep | None, Field(description="What became of entities that look gone; null: not judged.")
    ] = None
    deletes: Annotated[str, Field(description="What the run did about deletes, in words.")] = ""
    error: Annotated[str, Field(description="Why the run failed as a whole, and the next step.")] = ""
    waiting_for: Annotated[
        str,
        Field(description="Which third party is waited for while it is written; empty: none, or it ended."),
    ] = ""

    @property
    def green(self) -> bool:
        """Whether everything the run set out to do is done."""
        return self.state is RunState.COMPLETED

    @property
    def ended(self) -> bool:
        """Whether the run is over, however it ended."""
        return self.state in ENDED

    @property
    def is_whole(self) -> bool:
        """Whether all kinds of the mapping take part."""
        return not self.only_kinds

    @property
    def stamp(self) -> str:
        """What the records of this attempt carry as their run id.

        It is greater with each attempt of a resync, so that the stages begin to count anew; a replay goes on
        where the process before has left it.
        """
        is_first = self.attempt == 1 or self.type == "replay"
        return self.run_id if is_first else f"{self.run_id}+{self.attempt:03}"
