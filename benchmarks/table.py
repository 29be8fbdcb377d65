"""Prints measured runs side by side, and the budgets with what was measured."""

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.program import Measured


@dataclass(frozen=True, slots=True)
class Budget:
    """A promise, and whether it was kept.

    Attributes:
        promise: In words, with its bound.
        measured: In words.
        kept: Whether it was.
    """

    promise: str
    measured: str
    kept: bool


def print_runs(runs: Mapping[str, Measured]) -> None:
    """Print a column per run."""
    print_columns({name: run.row() for name, run in runs.items()})


def print_columns(columns: Mapping[str, Mapping[str, str]]) -> None:
    """Print columns of figures side by side, each figure with its name."""
    rows: dict[str, list[str]] = {"": list(columns)}
    for column in columns.values():
        for name, text in column.items():
            rows.setdefault(name, []).append(text)
    for name, texts in rows.items():
        print(f"{name:<26}" + "".join(f"{text:>18}" for text in texts), flush=True)


def judge(budgets: list[Budget]) -> int:
    """Print the budgets and return the exit code: 1 when one was missed."""
    print()
    for one in budgets:
        print(f"{'met   ' if one.kept else 'MISSED'}  {one.promise}: {one.measured}", flush=True)
    return int(not all(one.kept for one in budgets))
