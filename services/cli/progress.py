"""Shows a run while it goes on: a live table on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from schemas.outcome import Count
from schemas.run import KindResult, KindState, RunResult, RunState
from services.cli.layout import Cell, Column, Sheet
from services.cli.pace import Pace
from services.cli.wording import state_words

LINE_EVERY_S = 10.0
"""Seconds between two lines where there is no terminal."""

WRITTEN_TITLES = {False: "written", True: "to write"}
"""What the number of writes is called, by whether it is a dry run."""

_STAGES = {
    RunState.WAITING: "waiting for its turn",
    RunState.LISTING: "reading PagerDuty",
    RunState.MAPPING: "mapping what was read",
    RunState.WRITING: "writing to Port",
    RunState.SWEEPING: "deleting what is gone",
}
_STAGES_OF_DRY_RUN = {
    RunState.WRITING: "comparing with Port",
    RunState.SWEEPING: "judging what looks gone",
}
_STAGES_OF_REPLAY = {
    RunState.MAPPING: "mapping what the log holds",
    RunState.SWEEPING: "deleting what the mapping no longer makes",
}
BAR_COLUMNS = 20
LINE_COLUMNS = 100
_STATE_STYLES = {
    KindState.COMPLETE: "green",
    KindState.INCOMPLETE: "yellow",
    KindState.SKIPPED: "yellow",
    KindState.FAILED: "red",
}


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
        self._is_dry_run = dry_run
        self._written = WRITTEN_TITLES[dry_run]
        self._stages = _STAGES | (_STAGES_OF_DRY_RUN if dry_run else {})
        self._started_s = clock()
        self._lined_s = self._started_s
        self._paces: dict[str, Pace] = {}
        self._is_unread = False
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
        now_s = self._clock()
        if self._live:
            for name, kind in result.kinds.items():
                self._paces.setdefault(name, Pace()).hear(kind, now_s)
            self._live.update(self._table(result, now_s))
        elif now_s - self._lined_s >= LINE_EVERY_S and not self._is_unread:
            self._lined_s = now_s
            try:
                self._console.print(self._line(result, now_s), highlight=False, soft_wrap=True)
            except BrokenPipeError:
                # Nobody looks any more; that is no reason to end the run.
                self._is_unread = True

    def _headline(self, result: RunResult, now_s: float) -> str:
        wait = self._waiting_for()
        of_type = _STAGES_OF_REPLAY if result.type == "replay" else {}
        stage = of_type.get(result.state) or self._stages.get(result.state) or state_words(result.state)
        text = f"{stage}, {now_s - self._started_s:.0f} s"
        return f"{text}; waiting for {wait}" if wait else text

    def _line(self, result: RunResult, now_s: float) -> str:
        kinds = list(result.kinds.values())
        headline = self._headline(result, now_s)[:LINE_COLUMNS]
        if not kinds:
            return headline
        announced = [kind.announced for kind in kinds if kind.announced is not None]
        of = str(sum(announced)) if len(announced) == len(kinds) else "?"
        line = (
            f"{headline}: {sum(kind.fetched for kind in kinds)}/{of} read, "
            f"{sum(written(kind) for kind in kinds)} {self._written}, "
            f"{sum(kind.writer.get(Count.UNCHANGED, 0) for kind in kinds)} unchanged, "
            f"{sum(kind.failed for kind in kinds)} failed"
        )
        return line if len(line) <= LINE_COLUMNS else headline

    def _table(self, result: RunResult, now_s: float) -> RenderableType:
        sheet = Sheet(
            columns=(
                Column(title="kind"),
                Column(title="", goes=1),
                Column(title="read", right=True),
                Column(title="of", right=True, goes=5),
                Column(title="mapped", right=True, goes=6),
                Column(title=self._written, right=True),
                Column(title="unchanged", right=True),
                Column(title="failed", right=True),
                Column(title="read/s", right=True, goes=2),
                Column(title=f"{'compared' if self._is_dry_run else 'written'}/s", right=True, goes=3),
            ),
            rows=[self._row(name, kind) for name, kind in result.kinds.items()],
        )
        headline = Text(self._headline(result, now_s), style="dim")
        return Group(sheet.for_width(self._console.width), headline)

    def _row(self, name: str, kind: KindResult) -> list[Cell]:
        number, pace = kind.failed, self._paces[name]
        done = sum(kind.writer.values()) if self._is_dry_run else written(kind)
        return [
            Text(name, style=_STATE_STYLES.get(kind.state, "")),
            _bar(kind, ascii_only=self._console.options.ascii_only),
            str(kind.fetched),
            "?" if kind.announced is None else str(kind.announced),
            str(kind.mapper.get(Count.MAPPED, 0)),
            str(written(kind)),
            str(kind.writer.get(Count.UNCHANGED, 0)),
            Text(str(number), style="red" if number else ""),
            f"{pace.reading.rate(kind.fetched):.0f}",
            f"{pace.writing.rate(done):.0f}",
        ]


def _bar(kind: KindResult, *, ascii_only: bool) -> Text:
    """Return how much of a kind has been read; of a number that nobody says, nothing is shown as done."""
    share = min(kind.fetched / kind.announced, 1.0) if kind.announced else float(kind.announced == 0)
    done = int(share * BAR_COLUMNS)
    read, left = ("=", "-") if ascii_only else ("━", "━")
    return Text.assemble((read * done, "green"), (left * (BAR_COLUMNS - done), "dim"))
