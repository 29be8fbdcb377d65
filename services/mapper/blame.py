"""Remembers which expressions do not end, so that their objects are not waited for as long as the first."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from schemas.outcome import Count, Reason
from services.mapper.evaluate import Failed
from services.mapper.mapped import Mapped, RawObject
from services.mapper.patience import Place, WorkerGoneError
from services.mapper.plan_shape import BLUEPRINT, ITEMS, QUERY, EntryPlan, Plan, leaves_of

SHORT_TIMEOUT_S: Final = 1.0
"""Time of an object of a topic in which one has proved not to end."""
PROVEN_TIMES: Final = 3
"""So often it is looked for the expression that does not end; then its entry is known for it."""
FORGIVEN_AFTER_S: Final = 600.0
"""After so long without another one the full time is given again: the machine may have been busy, not jq."""

_LOG = logging.getLogger(__name__)


class Hanging(NamedTuple):
    """An expression that has proved not to end.

    Attributes:
        topic: Raw topic of its objects.
        entry: Index of its entry in the mapping; negative: it was not found out.
        name: Its part of the entry: `properties.url`; empty: it was not found out.
    """

    topic: str
    entry: int
    name: str

    def __str__(self) -> str:
        return f"resources[{self.entry}]: {self.name}" if self.name else "an expression"


@dataclass(slots=True)
class _Record:
    """What is known of a topic's expressions.

    Attributes:
        last_at_s: When the last one did not end.
        times: How often each did not.
        proven: The one that has proved not to end.
    """

    last_at_s: float
    times: Counter[Hanging] = field(default_factory=Counter)
    proven: Hanging | None = None


class Blame:
    """What is known of one plan's expressions; another plan begins anew.

    Args:
        object_timeout_s: Time of an object of which nothing bad is known.
        clock: Tells the seconds.
    """

    def __init__(self, object_timeout_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._object_timeout_s = object_timeout_s
        self._clock = clock
        self._plan: Plan | None = None
        self._records: dict[str, _Record] = {}
        self._unprepared: set[str] = set()
        self.lost: Counter[Reason] = Counter()
        """Objects over which a worker was lost, by reason, since the start."""

    @property
    def hanging(self) -> list[Hanging]:
        """Return the expressions of the plan that have proved not to end, until they are tried in full."""
        return [
            record.proven for topic, record in self._records.items() if record.proven and self._holds(topic)
        ]

    def leave_unprepared(self, plan: Plan, topics: Collection[str]) -> None:
        """Do not let workers compile what these topics need beforehand: that ended some."""
        self._use(plan)
        self._unprepared.update(topics)

    def unprepared(self, plan: Plan) -> frozenset[str]:
        """Return the topics for which workers compile nothing beforehand."""
        self._use(plan)
        return frozenset(self._unprepared)

    def object_timeout_s(self, plan: Plan, topic: str) -> float:
        """Return how long an object of a topic may take."""
        self._use(plan)
        if self._holds(topic):
            return min(SHORT_TIMEOUT_S, self._object_timeout_s)
        return self._object_timeout_s

    def is_known(self, plan: Plan, topic: str) -> bool:
        """Whether it need not be looked for any more which of the topic's entries does not end."""
        self._use(plan)
        return self._holds(topic) and self._records[topic].proven is not None

    def charge(self, plan: Plan, raw: RawObject, error: WorkerGoneError) -> Mapped:
        """Return what becomes of an object that a worker was lost over, and remember who did it."""
        self._use(plan)
        entry = _entry(plan, raw.topic, error.place)
        name = "" if entry is None else _named(entry, error.place.text)
        if error.timed_out:
            self._count(Hanging(raw.topic, -1 if entry is None else entry["index"], name))
            self.lost[Reason.JQ_TIMEOUT] += 1
            detail = f"{name or 'the expressions'} did not end within {error.limit_s:g} s"
            return _failed(Reason.JQ_TIMEOUT, detail, entry)
        self.lost[Reason.JQ_CRASH] += 1
        return _failed(Reason.JQ_CRASH, f"{name or 'the expressions'} ended the JQ process", entry)

    def _count(self, hanging: Hanging) -> None:
        record = self._records.setdefault(hanging.topic, _Record(self._clock()))
        if not self._holds(hanging.topic) and record.proven is None:
            record.times.clear()
        record.last_at_s = self._clock()
        record.times[hanging] += 1
        if record.proven is not None or record.times[hanging] < PROVEN_TIMES:
            return
        record.proven = hanging
        _LOG.error(
            "%s does not end: %d objects of %s failed over it, each further one costs %g s; mend the mapping",
            hanging,
            PROVEN_TIMES,
            hanging.topic,
            min(SHORT_TIMEOUT_S, self._object_timeout_s),
        )

    def _holds(self, topic: str) -> bool:
        """Whether what is known of a topic still counts. It counts again once the next one does not end."""
        record = self._records.get(topic)
        return record is not None and self._clock() - record.last_at_s < FORGIVEN_AFTER_S

    def _use(self, plan: Plan) -> None:
        if plan is not self._plan:
            self._plan, self._records, self._unprepared = plan, {}, set()


def _entry(plan: Plan, topic: str, place: Place) -> EntryPlan | None:
    entries = plan["topics"][topic]["entries"] if topic in plan["topics"] else []
    return next((one for one in entries if one["index"] == place.entry), None)


def _named(entry: EntryPlan, text: int) -> str:
    """Return the part of an entry that holds an expression, as the mapping writes it."""
    named = {ITEMS: "itemsToParse", QUERY: "selector.query", BLUEPRINT: "blueprint"}
    if text in named:
        return named[text]
    for part, name, template in entry["fields"]:
        if text in leaves_of(template):
            return f"{part}.{name}" if name else part
    return "identifier"


def _failed(reason: Reason, detail: str, entry: EntryPlan | None) -> Mapped:
    mapped = Mapped()
    mapped.failures.append(Failed(reason, detail, -1 if entry is None else entry["index"]))
    mapped.count(Count.FAILED)
    return mapped
