"""Is the program of a worker process: maps frames of objects until its input closes.

It runs with an empty environment, so that `env` and `$ENV` in an expression give nothing, and it ends by
itself: when its input closes, and by an alarm when it has been in one batch for longer than it may, so that
no worker outlives a mapper that was killed.
"""

import math
import mmap
import os
import resource
import signal
import sys
from typing import BinaryIO, Final

import orjson

from services.mapper.frames import LENGTHS, PROGRESS, Head, answer, frame, read_request
from services.mapper.objects import ObjectMapper

ALARM_MARGIN_S: Final = 5


def main(progress_fd: int, memory_limit_bytes: int) -> None:
    """Serve until the input closes.

    Args:
        progress_fd: Descriptor of the file in which the mapper sees how far a batch has come.
        memory_limit_bytes: Address space; libjq ends the process when it gets no more.
    """
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
        with mmap.mmap(progress_fd, PROGRESS.size) as progress:
            _serve(frames, output, progress)


def _serve(frames: BinaryIO, output: BinaryIO, progress: mmap.mmap) -> None:
    mapper: ObjectMapper | None = None
    alarm_s = 0
    while (received := _read_frame(frames)) is not None:
        head, rest = received
        if "plan" in head:
            alarm_s = math.ceil(head["deadline_s"]) + ALARM_MARGIN_S
            mapper = ObjectMapper(head["plan"])
            _write(output, frame({"pid": os.getpid()}))
            continue
        if mapper is None:
            raise RuntimeError("objects came before the plan")
        signal.alarm(alarm_s)
        results = []
        for index, raw in enumerate(read_request(head, rest)):
            PROGRESS.pack_into(progress, 0, index)
            results.append(mapper.map_object(raw))
        signal.alarm(0)
        _write(output, answer(results))


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
    main(int(sys.argv[1]), int(sys.argv[2]))
