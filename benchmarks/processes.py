"""Reads what processes use, from `/proc`: CPU time, and memory together with their children."""

import os
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Self

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
MIB = 1024 * 1024
SAMPLE_S = 0.05


def cpu_s(process_id: int) -> float:
    """Return the user and system time that a running process has used so far."""
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def tree(process_id: int) -> list[int]:
    """Return a process and all below it; those that end meanwhile are left out."""
    found, waiting = [], [process_id]
    while waiting:
        one = waiting.pop()
        found.append(one)
        try:
            children = [path.read_text() for path in Path(f"/proc/{one}/task").glob("*/children")]
        except OSError:
            continue
        waiting += [int(child) for text in children for child in text.split()]
    return found


def rss_bytes(process_id: int) -> int:
    """Return the resident size of a process; 0: it is gone."""
    try:
        return int(Path(f"/proc/{process_id}/statm").read_text().split()[1]) * PAGE_BYTES
    except (OSError, IndexError):
        return 0


class MemoryWatch:
    """Samples the memory of a process and all below it, for the time of a `with` block.

    Attributes:
        peak_mib: The largest sum of resident sizes; pages that they share count for each.
    """

    def __init__(self, process_id: int) -> None:
        self.peak_mib = 0.0
        self._process_id = process_id
        self._ended = Event()
        self._thread = Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._ended.wait(SAMPLE_S):
            self.peak_mib = max(self.peak_mib, sum(map(rss_bytes, tree(self._process_id))) / MIB)
