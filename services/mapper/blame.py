"""Remembers which expressions do not end, so that their objects are not waited for as long as the first."""

import logging
from typing import Final

from schemas.outcome import Count, Reason
from services.mapper.evaluate import Failed
from services.mapper.mapped import Mapped, RawObject
from services.mapper.patience import Place, WorkerGoneError
from services.mapper.plan_shape import BLUEPRINT, ITEMS, QUERY, EntryPlan, Plan, Template

SHORT_TIMEOUT_S: Final = 1.0
"""Time of an object of a topic in which one has proved not to end."""
PROVEN_TIMES: Final = 3
"""So often it is looked for the expression that does not end; then its entry is known for it."""

_LOG = logging.getLogger(__name__)


class Blame:
    """What is known of one plan's expressions; another plan begins anew.

    Args:
        object_timeout_s: Time of an object of which nothing bad is known.
    """

    def __init__(self, object_timeout_s: float) -> None:
        self._object_timeout_s = object_timeout_s
        self._plan: Plan | None = None
        self._times: dict[str, dict[int, int]] = {}
        self._known: set[str] = set()

    def object_timeout_s(self, plan: Plan, topic: str) -> float:
        """Return how long an object of a topic may take."""
        self._use(plan)
        if topic in self._times:
            return min(SHORT_TIMEOUT_S, self._object_timeout_s)
        return self._object_timeout_s

    def is_known(self, plan: Plan, topic: str) -> bool:
        """Whether it need not be looked for any more which of the topic's entries does not end."""
        self._use(plan)
        return topic in self._known

    def charge(self, plan: Plan, raw: RawObject, error: WorkerGoneError) -> Mapped:
        """Return what becomes of an object that a worker was lost over, and remember who did it."""
        self._use(plan)
        entry = _entry(plan, raw.topic, error.place)
        name = "" if entry is None else _named(entry, error.place.text)
        if error.timed_out:
            self._count(raw.topic, -1 if entry is None else entry["index"], name)
            detail = f"{name or 'the expressions'} did not end within {error.limit_s:g} s"
            return _failed(Reason.JQ_TIMEOUT, detail, entry)
        return _failed(Reason.JQ_CRASH, f"{name or 'the expressions'} ended the JQ process", entry)

    def _count(self, topic: str, entry: int, name: str) -> None:
        times = self._times.setdefault(topic, {})
        times[entry] = times.get(entry, 0) + 1
        if times[entry] != PROVEN_TIMES or topic in self._known:
            return
        self._known.add(topic)
        _LOG.error(
            "%s does not end: %d objects of %s failed over it, each further one costs %g s; mend the mapping",
            f"resources[{entry}]: {name}" if name else "an expression",
            PROVEN_TIMES,
            topic,
            SHORT_TIMEOUT_S,
        )

    def _use(self, plan: Plan) -> None:
        if plan is not self._plan:
            self._plan, self._times, self._known = plan, {}, set()


def _entry(plan: Plan, topic: str, place: Place) -> EntryPlan | None:
    entries = plan["topics"][topic]["entries"] if topic in plan["topics"] else []
    return next((one for one in entries if one["index"] == place.entry), None)


def _named(entry: EntryPlan, text: int) -> str:
    """Return the part of an entry that holds an expression, as the mapping writes it."""
    named = {ITEMS: "itemsToParse", QUERY: "selector.query", BLUEPRINT: "blueprint"}
    if text in named:
        return named[text]
    for part, name, template in entry["fields"]:
        if _holds(template, text):
            return f"{part}.{name}" if name else part
    return "identifier"


def _holds(template: Template, text: int) -> bool:
    if isinstance(template, int):
        return template == text
    leaves = (leaf for value in template.values() for leaf in (value if isinstance(value, list) else [value]))
    return any(_holds(leaf, text) for leaf in leaves)


def _failed(reason: Reason, detail: str, entry: EntryPlan | None) -> Mapped:
    mapped = Mapped()
    mapped.failures.append(Failed(reason, detail, -1 if entry is None else entry["index"]))
    mapped.count(Count.FAILED)
    return mapped
