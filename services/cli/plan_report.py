"""Prints the plan of a dry run: a table per blueprint, and examples of what would change."""

from collections.abc import Mapping

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from schemas.run_plan import BlueprintPlan, PlannedUpdate, RunPlan

NOTHING = "–"


def print_plan(console: Console, plan: RunPlan) -> None:
    """Print what a sync would do."""
    if plan.created_blueprints:
        console.print(f"blueprints that would be created: {escape(', '.join(plan.created_blueprints))}")
    console.print(_blueprints_table(plan.blueprints))
    unknown = {name: one.unknown for name, one in plan.blueprints.items() if one.unknown}
    for name, number in unknown.items():
        console.print(
            f"[yellow]{escape(name)}[/]: {number} entities would be sent without knowing what changes: a "
            "search query names them, or Port did not let us look"
        )
    if any(one.updated_examples for one in plan.blueprints.values()):
        console.print(_updates_table(plan.blueprints))


def _blueprints_table(blueprints: Mapping[str, BlueprintPlan]) -> Table:
    table = Table(title="what a sync would do", title_justify="left", header_style="bold")
    table.add_column("blueprint", overflow="fold")
    for title in ("create", "update", "left alone"):
        table.add_column(title, justify="right")
    table.add_column("properties that would change", overflow="fold")
    table.add_column("new, for example", overflow="fold")
    for name, one in blueprints.items():
        table.add_row(
            escape(name),
            str(one.created),
            str(one.updated),
            str(one.unchanged),
            escape("\n".join(f"{path}: {number}" for path, number in one.properties.items())),
            escape("\n".join(one.created_examples)),
        )
    return table


def _updates_table(blueprints: Mapping[str, BlueprintPlan]) -> Table:
    table = Table(
        title="what would change, for example", title_justify="left", header_style="bold", show_lines=True
    )
    for title in ("blueprint", "identifier", "from", "old → new"):
        table.add_column(title, overflow="fold")
    for name, one in blueprints.items():
        for example in one.updated_examples:
            table.add_row(
                escape(name),
                escape(example.identifier),
                escape(f"{example.kind} {example.object_id}"),
                escape(_values(example)),
            )
    return table


def _values(example: PlannedUpdate) -> str:
    return "\n".join(
        f"{value.path}: {value.old or NOTHING} → {value.new or NOTHING}" for value in example.values
    )
