"""Shows a run while it goes on: a live table on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from schemas.outcome import FAILING, Count
from schemas.run import KindResult, KindState, RunResult, RunState

LINE_EVERY_S = 5.0
"""Seconds between two lines where there is no terminal."""

WRITTEN_TITLES = {False: "written", True: "to write"}
"""What the number of writes is called, by whether it is a dry run."""

_STAGES = {
    RunState.LISTING: "reading PagerDuty",
    RunState.MAPPING: "mapping what was read",
    RunState.WRITING: "writing to Port",
}
_STATE_STYLES = {
    KindState.COMPLETE: "green",
    KindState.INCOMPLETE: "yellow",
    KindState.SKIPPED: "yellow",
    KindState.FAILED: "red",
}


def failed(kind: KindResult) -> int:
    """Return how many objects and changes of a kind did not arrive."""
    return sum(stage.get(count, 0) for stage in (kind.mapper, kind.writer) for count in FAILING)


def written(kind: KindResult) -> int:
    """Return how many changes of a kind were carried out in Port, or would be without `--dry-run`."""
    return sum(kind.writer.get(count, 0) for count in (Count.WRITTEN, Count.DELETED, Count.PLANNED))


class ProgressDisplay:
    """Draws the snapshots of one run on stderr.

    Args:
        console: Where to draw; a console that is no terminal gets a line every `LINE_EVERY_S`.
        waiting_for: Says which third party is waited for now, or None.
        clock: Monotonic seconds.
        dry_run: Say `to write` instead of `written`.
    """

    def __init__(
        self,
        console: Console,
        waiting_for: Callable[[], str | None],
        clock: Callable[[], float] = time.monotonic,
        *,
        dry_run: bool = False,
    ) -> None:
        self._console = console
        self._waiting_for = waiting_for
        self._clock = clock
        self._written = WRITTEN_TITLES[dry_run]
        self._stages = _STAGES | ({RunState.WRITING: "comparing with Port"} if dry_run else {})
        self._started_s = clock()
        self._lined_s = self._started_s
        self._live = (
            Live(console=console, refresh_per_second=8, transient=True) if console.is_terminal else None
        )

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def show(self, result: RunResult) -> None:
        """Draw the state of the run."""
        if self._live:
            self._live.update(self._table(result))
        elif self._clock() - self._lined_s >= LINE_EVERY_S:
            self._lined_s = self._clock()
            self._console.print(self._line(result), highlight=False, soft_wrap=True)

    def _elapsed_s(self) -> float:
        return max(self._clock() - self._started_s, 0.001)

    def _headline(self, result: RunResult) -> str:
        wait = self._waiting_for()
        stage = self._stages.get(result.state, str(result.state))
        text = f"{stage}, {self._elapsed_s():.0f} s"
        return f"{text}; waiting for {wait}" if wait else text

    def _line(self, result: RunResult) -> str:
        parts = []
        for name, kind in result.kinds.items():
            of = "?" if kind.announced is None else kind.announced
            parts.append(
                f"{name} {kind.fetched}/{of} read, {written(kind)} {self._written}, "
                f"{kind.writer.get(Count.UNCHANGED, 0)} unchanged, {failed(kind)} failed"
            )
        return f"{self._headline(result)}: " + "; ".join(parts)

    def _table(self, result: RunResult) -> RenderableType:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for title, right in (
            ("kind", False),
            ("", False),
            ("read", True),
            ("of", True),
            ("mapped", True),
            (self._written, True),
            ("unchanged", True),
            ("failed", True),
            ("read/s", True),
        ):
            table.add_column(title, justify="right" if right else "left")
        for name, kind in result.kinds.items():
            table.add_row(*self._row(name, kind))
        return Group(table, Text(self._headline(result), style="dim"))

    def _row(self, name: str, kind: KindResult) -> list[RenderableType]:
        bar = ProgressBar(
            total=kind.announced or 1, completed=kind.fetched, width=24, pulse=kind.announced is None
        )
        number = failed(kind)
        return [
            Text(name, style=_STATE_STYLES.get(kind.state, "")),
            bar,
            str(kind.fetched),
            "?" if kind.announced is None else str(kind.announced),
            str(kind.mapper.get(Count.MAPPED, 0)),
            str(written(kind)),
            str(kind.writer.get(Count.UNCHANGED, 0)),
            Text(str(number), style="red" if number else ""),
            f"{kind.fetched / self._elapsed_s():.0f}",
        ]
