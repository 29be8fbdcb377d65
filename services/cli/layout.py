"""Lays rows out: a table where it fits, a block per row where it does not, plain lines where nobody looks."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.padding import Padding
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from shared.visible import visible_lines

Cell = str | Text
"""What stands in a cell, never markup."""

EMPTY = "-"
"""An empty cell of a plain line, so that every line has as many words."""
LONGEST_ALIGNED = 90
"""Columns of plain lines are aligned up to so many signs; a longer cell moves the rest of its own line."""


class OutputConsole(Console):
    """A console that no foreign text steers, and that leaves it to its caller when nobody reads any more."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """Yield what is shown: of ours are the styles, of others the text, which steers no terminal."""
        for one in super().render(renderable, options):
            yield one if one.control else Segment(visible_lines(one.text), one.style)

    def on_broken_pipe(self) -> None:
        """Raise what happened, instead of ending the process."""
        raise BrokenPipeError


def output_console(*, stderr: bool = False) -> Console:
    """Return a console on stdout, or stderr.

    Numbers are not coloured: they stand within words, too.
    Where it is no terminal nothing is wrapped and rows are plain lines, unless COLUMNS says how wide to be.
    """
    console = OutputConsole(stderr=stderr, highlight=False)
    if console.is_terminal or os.environ.get("COLUMNS", "").isdigit():
        return console
    return OutputConsole(stderr=stderr, soft_wrap=True, highlight=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column.

    Attributes:
        title: What stands over it.
        right: Whether it holds numbers.
        fold_from: Narrowest width at which its text may be folded; 0: it never is.
        goes: Its turn to go where the table is too wide, 1 is the first; 0: it stays.
    """

    title: str
    right: bool = False
    fold_from: int = 0
    goes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """Rows under columns; nothing in them is ever shortened.

    Attributes:
        columns: The columns; the first one is the heading of a block.
        rows: As many cells each as there are columns.
        title: What stands over all.
        boxed: Whether a table has lines around its cells.
        row_lines: Whether a boxed table has lines between its rows.
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    title: str = ""
    boxed: bool = False
    row_lines: bool = False

    def for_width(self, width: int) -> RenderableType:
        """Return the table with all columns that fit, or blocks where not even those that stay do."""
        kept = self._kept(width)
        return self._table(kept) if kept else self._blocks()

    def titles(self, width: int) -> list[str]:
        """Return the titles of the columns that are shown; blocks show all."""
        kept = self._kept(width) or range(len(self.columns))
        return [self.columns[at].title for at in kept]

    def lines(self) -> Iterator[str]:
        """Return the title, a line of column titles and a line per row, without blanks at their ends."""
        if self.title:
            yield f"{self.title}:"
        rows = [[column.title for column in self.columns]]
        rows += [["; ".join(_text(cell).split("\n")) or EMPTY for cell in row] for row in self.rows]
        widths = [
            max(len(row[at]) for row in rows if len(row[at]) <= LONGEST_ALIGNED)
            for at in range(len(self.columns))
        ]
        for row in rows:
            cells = zip(row, widths, self.columns, strict=True)
            yield "  ".join(
                cell.rjust(width) if column.right else cell.ljust(width) for cell, width, column in cells
            ).rstrip()

    def _kept(self, width: int) -> list[int]:
        """Return the places of the columns of a table that fits; none: there is no such table."""
        kept = list(range(len(self.columns)))
        in_turn = sorted((at for at in kept if self.columns[at].goes), key=lambda at: self.columns[at].goes)
        while self._needed(kept) > width:
            if not in_turn:
                return []
            kept.remove(in_turn.pop(0))
        return kept

    def _needed(self, kept: Sequence[int]) -> int:
        between = 3 * len(kept) + 1 if self.boxed else 2 * (len(kept) - 1)
        return between + sum(map(self._narrowest, kept))

    def _narrowest(self, at: int) -> int:
        column = self.columns[at]
        signs = [len(column.title), *(len(line) for row in self.rows for line in _text(row[at]).split("\n"))]
        return min(max(signs), column.fold_from) if column.fold_from else max(signs)

    def _table(self, kept: Sequence[int]) -> RenderableType:
        table = Table(
            header_style="bold",
            box=box.HEAVY_HEAD if self.boxed else None,
            pad_edge=self.boxed,
            title=self.title or None,
            title_justify="left",
            show_lines=self.row_lines,
        )
        for at in kept:
            column = self.columns[at]
            table.add_column(
                Text(column.title),
                justify="right" if column.right else "left",
                overflow="fold",
                no_wrap=not column.fold_from,
                min_width=self._narrowest(at),
            )
        for row in self.rows:
            table.add_row(*(_as_text(row[at]) for at in kept))
        return table

    def _blocks(self) -> RenderableType:
        parts: list[RenderableType] = [Text(self.title, style="italic")] if self.title else []
        for row in self.rows:
            head, *rest = zip(self.columns, row, strict=True)
            parts.append(Text.assemble(_as_text(head[1]), style="bold", overflow="fold"))
            numbers = [
                Text.assemble(f"{one.title} ", _as_text(cell))
                for one, cell in rest
                if one.right and _text(cell)
            ]
            if numbers:
                parts.append(_indented(Text(", ").join(numbers)))
            parts += [
                _indented(Text.assemble((f"{one.title}: ", "dim"), _as_text(cell)))
                for one, cell in rest
                if not one.right and one.title and _text(cell)
            ]
        return Group(*parts)


def print_sheet(console: Console, sheet: Sheet) -> None:
    """Print the rows as the console's reader can use them."""
    if console.soft_wrap:
        for line in sheet.lines():
            console.print(Text(line))
    else:
        console.print(sheet.for_width(console.width))


def _indented(text: Text) -> RenderableType:
    text.overflow = "fold"
    return Padding(text, (0, 0, 0, 2))


def _as_text(cell: Cell) -> Text:
    return cell if isinstance(cell, Text) else Text(visible_lines(cell))


def _text(cell: Cell) -> str:
    return visible_lines(cell.plain if isinstance(cell, Text) else cell)
