"""Is the program of a worker process: maps frames of objects until its input closes.

It runs with an empty environment, so that `env` and `$ENV` in an expression give nothing, and it ends by
itself: when its input closes, with its mapper where the system can promise that, and by an alarm when it has
answered nothing for longer than it may. So no worker outlives a mapper that was killed.
"""

import contextlib
import ctypes
import math
import mmap
import os
import resource
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import BinaryIO, Final

import orjson

from services.mapper.frames import (
    FIRST,
    LENGTHS,
    MAPPING,
    PROGRESS,
    SHARED_BYTES,
    STOP_AT,
    Head,
    answer,
    frame,
    read_request,
)
from services.mapper.mapped import Mapped, RawObject
from services.mapper.objects import ObjectMapper
from shared.jq_choice import JqEngine
from shared.jq_engines import open_engine

ALARM_MARGIN_S: Final = 5
ANSWER_EVERY_S: Final = 0.5
"""How long answers are gathered: what a hanging object behind them can cost, and a stop on the way."""
_PR_SET_PDEATHSIG: Final = 1
"""Source: prctl(2)."""


def main(progress_fd: int, memory_limit_bytes: int, parent_pid: int) -> None:
    """Serve until the input closes.

    Args:
        progress_fd: Descriptor of the file in which the mapper sees how far a batch has come.
        memory_limit_bytes: Address space; libjq ends the process when it gets no more.
        parent_pid: The mapper that started it.
    """
    _end_with(parent_pid)
    _end_first()
    # Python itself sets LC_CTYPE when it starts without a locale.
    os.environ.clear()
    resource.setrlimit(resource.RLIMIT_AS, (memory_limit_bytes, memory_limit_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # The mapper is told to stop by the same Ctrl-C and ends its workers when it has finished with them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with os.fdopen(os.dup(1), "wb") as output, os.fdopen(os.dup(0), "rb") as frames:
        # What libjq may print must not get between the frames; what it may read must not be them.
        os.dup2(2, 1)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        with mmap.mmap(progress_fd, SHARED_BYTES) as progress:
            _serve(frames, output, progress)


def _end_with(parent_pid: int) -> None:
    """Let the system kill this process when the mapper ends, also inside an expression that hangs.

    More exactly, when the thread ends that started it: the one of the event loop.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent_pid:
        # It ended before the wish was heard.
        sys.exit(1)


def _end_first() -> None:
    """Let the system end this process, and no other, when memory runs short. Source: proc(5)."""
    # Elsewhere than on Linux there is no such file.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _serve(frames: BinaryIO, output: BinaryIO, progress: mmap.mmap) -> None:
    mapper: ObjectMapper | None = None
    alarm_s = 0
    while (received := _read_frame(frames)) is not None:
        head, rest = received
        if "plan" in head:
            alarm_s = math.ceil(head["deadline_s"]) + ALARM_MARGIN_S
            mapper = ObjectMapper(head["plan"], open_engine(JqEngine(head["engine"])))
            _write(output, frame({"pid": os.getpid()}))
            continue
        if mapper is None:
            raise RuntimeError("objects came before the plan")
        if "prepare" in head:
            for topic in head["prepare"]:
                mapper.prepare(topic)
            _write(output, frame({"prepared": len(head["prepare"])}))
            continue
        _map(mapper, read_request(head, rest), head["apart"], output, progress, alarm_s)


def _map(
    mapper: ObjectMapper,
    objects: Sequence[RawObject],
    apart: bool,
    output: BinaryIO,
    progress: mmap.mmap,
    alarm_s: int,
) -> None:
    """Map objects, answering now and then, until the last one or until no more are wanted."""
    results: list[Mapped] = []
    index = 0

    def at(entry: int, text: int) -> None:
        PROGRESS.pack_into(progress, 0, MAPPING, index, entry + FIRST, text + FIRST)

    hears = at if apart else None
    signal.alarm(alarm_s)
    answered_at = monotonic()
    for index, raw in enumerate(objects):
        if index and progress[STOP_AT]:
            break
        if monotonic() - answered_at > ANSWER_EVERY_S:
            PROGRESS.pack_into(progress, 0, 0, index, 0, 0)
            _write(output, answer(results, last=False))
            results = []
            signal.alarm(alarm_s)
            answered_at = monotonic()
        PROGRESS.pack_into(progress, 0, MAPPING, index, 0, 0)
        results.append(mapper.map_object(raw, hears))
    PROGRESS.pack_into(progress, 0, 0, index, 0, 0)
    _write(output, answer(results, last=True))
    signal.alarm(0)


def _read_frame(frames: BinaryIO) -> tuple[Head, bytes] | None:
    lengths = frames.read(LENGTHS.size)
    if len(lengths) < LENGTHS.size:
        return None
    top, rest = LENGTHS.unpack(lengths)
    head = frames.read(top)
    blob = frames.read(rest)
    return (orjson.loads(head), blob) if len(head) == top and len(blob) == rest else None


def _write(output: BinaryIO, data: bytes) -> None:
    output.write(data)
    output.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
