"""Shows how each expression of a mapping is run, and what it costs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from rich.console import Console

from schemas.mapping import MappingFile, MappingInForce
from services.cli.layout import Column, Sheet, print_sheet
from services.cli.mapping.cost import measure
from services.cli.mapping.tried import TrialObject
from services.mapper.entry_texts import must_be_alone
from services.mapper.item_lists import item_finder
from services.mapper.native import native, native_path
from services.mapper.plan import build_plan
from services.mapper.plan_shape import BLUEPRINT, QUERY, EntryPlan
from services.mapper.webhook_format import plan_webhook_format
from shared.jq_folding import as_written
from shared.jq_reads import reads_of
from shared.jq_text import constant
from shared.sources import plan_sources

_UNKNOWN_COST: Final = "does not end"


@dataclass(frozen=True, slots=True)
class PlannedExpression:
    """One expression.

    Attributes:
        entry: Path of its entry.
        path: What it gives: `properties.url`.
        text: It as it compiles.
        runs: How.
        reads: What of the object is handed to libjq; empty: all of it, or libjq has no part in it.
        cost_us: Microseconds on the sample; None: not measured, or it did not end.
        ended: Whether it ended; True where it was not measured.
    """

    entry: str
    path: str
    text: str
    runs: str
    reads: str = ""
    cost_us: float | None = None
    ended: bool = True


def planned_expressions(config: MappingFile) -> Iterator[tuple[PlannedExpression, str]]:
    """Return how each expression is run, with the kind of its entry (empty: an event's)."""
    sources = plan_sources(config, now=datetime.now(UTC))
    plan = build_plan(MappingInForce(version=1, config=config), sources)
    entries = [(entry, topic["kind"]) for topic in plan["topics"].values() for entry in topic["entries"]]
    for entry, kind in sorted(entries, key=lambda pair: pair[0]["index"]):
        yield from ((one, kind) for one in _of_entry(entry, f"resources[{entry['index']}]"))
    events = plan_webhook_format(MappingInForce(version=1, config=config))
    for topic in events.plan["topics"].values() if events else ():
        for entry in topic["entries"]:
            yield from ((one, "") for one in _of_entry(entry, f"webhookMappings[{entry['index']}]"))


async def with_costs(
    planned: Sequence[tuple[PlannedExpression, str]], samples: Sequence[TrialObject]
) -> list[PlannedExpression]:
    """Return the expressions with what they cost on the first sample of their kind, where there is one."""
    documents: dict[str, bytes] = {}
    for sample in samples:
        if sample.body is not None:
            documents.setdefault(sample.kind, sample.body)
    measured: dict[tuple[str, str], float | None] = {}
    for kind, document in documents.items():
        texts = list(dict.fromkeys(one.text for one, of_kind in planned if of_kind == kind))
        costs = await measure(texts, document)
        measured.update({(kind, text): cost for text, cost in zip(texts, costs, strict=True)})
    return [_costed(one, kind, measured) for one, kind in planned]


def print_plan(console: Console, planned: Sequence[PlannedExpression]) -> None:
    """Print the expressions of each entry, and what an object costs in all."""
    with_cost = any(one.cost_us is not None or not one.ended for one in planned)
    rows = [
        [
            one.entry,
            one.path,
            one.runs,
            *([_cost(one)] if with_cost else []),
            one.reads,
            " ".join(as_written(one.text).split()),
        ]
        for one in planned
    ]
    columns = [
        Column(title="entry"),
        Column(title="path"),
        Column(title="runs"),
        *([Column(title="µs", right=True)] if with_cost else []),
        Column(title="reads", fold_from=16, goes=1),
        Column(title="expression", fold_from=30),
    ]
    print_sheet(console, Sheet(columns=columns, rows=rows))


def _of_entry(entry: EntryPlan, where: str) -> Iterator[PlannedExpression]:
    if entry["items"] is not None:
        runs = "libjq" if item_finder(entry) is None else "native"
        yield PlannedExpression(where, "itemsToParse", entry["items"], runs)
    for index, text in enumerate(entry["texts"]):
        runs, reads = how_it_runs(text)
        yield PlannedExpression(where, _path_of(entry, index), text, runs, reads)


def how_it_runs(text: str) -> tuple[str, str]:
    """Return how an expression is run, and what it reads where only that is handed to libjq."""
    if constant(text):
        return "constant", ""
    if native_path(text) is not None:
        return "path", ""
    if native(text) is not None:
        return "native", ""
    if must_be_alone(text):
        return "libjq, alone", ""
    reads = reads_of(text)
    if reads is None:
        return "libjq", ""
    return "libjq, parts", ", ".join(dict.fromkeys(_dotted(read.path) for read in reads))


def _path_of(entry: EntryPlan, index: int) -> str:
    if index in {QUERY, BLUEPRINT}:
        return "selector" if index == QUERY else "blueprint"
    if index < entry["keys"]:
        return "identifier"
    for part, name, template in entry["fields"]:
        if template == index or (isinstance(template, dict) and _holds(template, index)):
            return f"{part}.{name}" if name else part
    return ""


def _holds(template: Mapping[str, object], index: int) -> bool:
    for value in template.values():
        if value == index:
            return True
        if isinstance(value, list) and any(_holds(rule, index) for rule in value):
            return True
    return False


def _costed(
    one: PlannedExpression, kind: str, measured: Mapping[tuple[str, str], float | None]
) -> PlannedExpression:
    if (kind, one.text) not in measured:
        return one
    cost = measured[kind, one.text]
    return PlannedExpression(one.entry, one.path, one.text, one.runs, one.reads, cost, cost is not None)


def _cost(one: PlannedExpression) -> str:
    if not one.ended:
        return _UNKNOWN_COST
    return "" if one.cost_us is None else f"{one.cost_us:.1f}"


def _dotted(path: tuple[str | int, ...]) -> str:
    return "".join(f".{step}" if isinstance(step, str) else f"[{step}]" for step in path)
