"""Prints the plan of a dry run: a table per blueprint, and examples of what would change."""

from collections.abc import Mapping

from rich.console import Console
from rich.markup import escape

from schemas.run_plan import BlueprintPlan, PlannedUpdate, RunPlan
from services.cli.layout import Column, Sheet, print_sheet
from shared.counted import number_of

NOTHING = "–"


def print_plan(console: Console, plan: RunPlan) -> None:
    """Print what a sync would do."""
    if plan.created_blueprints:
        console.print(f"blueprints that would be created: {escape(', '.join(plan.created_blueprints))}")
    print_sheet(console, _blueprints_sheet(plan.blueprints))
    unknown = {name: one.unknown for name, one in plan.blueprints.items() if one.unknown}
    for name, number in unknown.items():
        entities = number_of(number, "entity", "entities")
        console.print(
            f"[yellow]{escape(name)}[/]: {entities} would be sent without knowing what changes: a "
            "search query names them, or Port did not let us look"
        )
    if any(one.updated_examples for one in plan.blueprints.values()):
        print_sheet(console, _updates_sheet(plan.blueprints))


def _blueprints_sheet(blueprints: Mapping[str, BlueprintPlan]) -> Sheet:
    return Sheet(
        columns=(
            Column(title="blueprint"),
            Column(title="create", right=True),
            Column(title="update", right=True),
            Column(title="unchanged", right=True),
            Column(title="properties that would change", fold_from=28),
            Column(title="new, for example", fold_from=16),
        ),
        rows=[
            [
                name,
                str(one.created),
                str(one.updated),
                str(one.unchanged),
                "\n".join(f"{path}: {number}" for path, number in one.properties.items()),
                "\n".join(one.created_examples),
            ]
            for name, one in blueprints.items()
        ],
        title="what a sync would do",
        boxed=True,
    )


def _updates_sheet(blueprints: Mapping[str, BlueprintPlan]) -> Sheet:
    return Sheet(
        columns=(
            Column(title="blueprint"),
            Column(title="identifier", fold_from=16),
            Column(title="from", fold_from=16),
            Column(title="old → new", fold_from=30),
        ),
        rows=[
            [name, example.identifier, f"{example.kind} {example.object_id}", _values(example)]
            for name, one in blueprints.items()
            for example in one.updated_examples
        ],
        title="what would change, for example",
        boxed=True,
        row_lines=True,
    )


def _values(example: PlannedUpdate) -> str:
    return "\n".join(
        f"{value.path}: {value.old or NOTHING} → {value.new or NOTHING}" for value in example.values
    )
