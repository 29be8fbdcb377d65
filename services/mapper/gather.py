"""Gathers what the entries of a topic say of one object: what they make, what failed, what is unselected."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.outcome import Count, Reason
from services.mapper.evaluate import Failed, Made, Unknown, Unselected, evaluate_row, items_failure
from services.mapper.merge import Key, key_of
from services.mapper.plan_shape import EntryPlan
from services.mapper.programs import Rows
from shared.jq_engine import Json
from shared.jq_text import names_key

Judge = Callable[[Mapping[str, Any]], bool]


@dataclass(slots=True)
class Gathered:
    """What the entries said of one object, before it is merged."""

    made: list[Made] = field(default_factory=list)
    unselected: list[Unselected] = field(default_factory=list)
    failures: list[Failed] = field(default_factory=list)
    unknown: list[EntryPlan] = field(default_factory=list)
    collided: int = 0
    listed: bool = False
    """An entry took the object, though its list of items was empty."""


class BoundEntry:
    """One entry, with its filters made."""

    def __init__(self, plan: EntryPlan, kind: str) -> None:
        self.plan = plan
        self.passes = _judge(kind, plan["params"])
        self.in_window = _judge(kind, plan["window"])
        self._omitted: dict[tuple[str, ...], frozenset[int] | None] = {(): frozenset()}

    def omitted(self, keys: tuple[str, ...]) -> frozenset[int] | None:
        """Return the indexes of expressions that name one of the keys; None: itemsToParse does."""
        if keys not in self._omitted:
            items = self.plan["items"]
            if items is not None and any(names_key(items, key) for key in keys):
                self._omitted[keys] = None
            else:
                self._omitted[keys] = frozenset(
                    n
                    for n, text in enumerate(self.plan["texts"])
                    if any(names_key(text, key) for key in keys)
                )
        return self._omitted[keys]


def _judge(kind: str, params: dict[str, Any]) -> Judge | None:
    if not params:
        return None
    # Costs a worker a third of its start, and few mappings have such parameters.
    from shared.local_filters import local_filter

    return local_filter(kind, params)


def gather(
    gathered: Gathered,
    entry: BoundEntry,
    rows: Rows,
    omitted: frozenset[int] | None,
    document: Json,
) -> None:
    """Add what one entry makes of the object."""
    # A text has no fields: a filter on one keeps it out.
    fields = document if type(document) is dict else {}
    if entry.in_window is not None and not entry.in_window(fields):
        return
    passes = entry.passes is None or entry.passes(fields)
    if omitted is None:
        gathered.unknown += [entry.plan] * passes
        return
    if rows.found is not None:
        failure = items_failure(entry.plan, rows.found)
        if passes and failure is not None:
            gathered.failures.append(failure)
        gathered.listed |= passes and failure is None
        return
    gathered.listed |= passes and not rows.rows
    keys: set[Key] = set()
    for row in rows.rows:
        one = evaluate_row(entry.plan, row, omitted)
        if not passes:
            gathered.unselected.append(_as_unselected(one))
        elif isinstance(one, Made):
            key = key_of(one.blueprint, one.identifier)
            gathered.collided += key in keys
            keys.add(key)
            gathered.made.append(one)
        elif isinstance(one, Failed):
            gathered.failures.append(one)
        elif isinstance(one, Unselected):
            gathered.unselected.append(one)
        else:
            gathered.unknown.append(entry.plan)


def _as_unselected(one: Made | Unselected | Unknown | Failed) -> Unselected:
    if isinstance(one, Made) and isinstance(one.identifier, str):
        return Unselected(one.blueprint, one.identifier)
    return one if isinstance(one, Unselected) else Unselected()


def class_of(gathered: Gathered) -> Count:
    """Return the one count an object has: failed, rejected, mapped or filtered."""
    reasons = {failure.reason for failure in gathered.failures}
    if reasons - {Reason.IDENTIFIER_NULL}:
        return Count.FAILED
    if reasons:
        return Count.REJECTED
    return Count.MAPPED if gathered.made or gathered.unknown or gathered.listed else Count.FILTERED
