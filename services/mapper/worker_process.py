"""Starts, asks and ends one worker process."""

import asyncio
import contextlib
import os
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from typing import Final

import orjson

from services.mapper.frames import LENGTHS, PROGRESS, Head, frame, read_answer, request
from services.mapper.mapped import Mapped, RawObject
from services.mapper.plan_shape import Plan

MEMORY_LIMIT_BYTES: Final = 1024**3
START_TIMEOUT_S: Final = 60.0
_BUFFER_BYTES: Final = 16 * 1024 * 1024
_LAST_WORDS_BYTES: Final = 4096
_MODULE: Final = "services.mapper.worker"


class WorkerGoneError(Exception):
    """The worker died, or did not answer in time and was ended.

    Attributes:
        timed_out: Whether it ran out of time.
        index: Index of the object it had in hand.
    """

    def __init__(self, says: str, *, timed_out: bool, index: int) -> None:
        super().__init__(says)
        self.timed_out = timed_out
        self.index = index


class WorkerProcess:
    """One worker process; used by one task at a time."""

    def __init__(self, *, memory_limit_bytes: int = MEMORY_LIMIT_BYTES) -> None:
        self.plan: Plan | None = None
        """The plan it was given last."""
        self._memory_limit_bytes = memory_limit_bytes
        self._process: Process | None = None
        self._progress = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the worker
        os.pwrite(self._progress.fileno(), bytes(PROGRESS.size), 0)
        self._last_words = b""
        self._listener: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """Return the process id; 0 before the start and after the end."""
        return self._process.pid if self._process and self._process.returncode is None else 0

    async def start(self) -> None:
        """Start the process with an empty environment.

        Raises:
            OSError: It cannot be started.
        """
        descriptor = self._progress.fileno()
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-m",
            _MODULE,
            str(descriptor),
            str(self._memory_limit_bytes),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env={},
            pass_fds=(descriptor,),
            limit=_BUFFER_BYTES,
        )
        self._listener = asyncio.create_task(self._listen(self._process))

    async def configure(self, plan: Plan, deadline_s: float) -> None:
        """Give the worker a version of the mapping.

        Raises:
            WorkerGoneError: It died over it.
        """
        await self._ask(frame({"plan": plan, "deadline_s": deadline_s}), START_TIMEOUT_S)
        self.plan = plan

    async def map_objects(self, objects: Sequence[RawObject], deadline_s: float) -> list[Mapped]:
        """Map objects, in their order.

        Raises:
            WorkerGoneError: It died, or did not answer in time and was ended; it cannot be asked again.
        """
        return read_answer(*await self._ask(request(objects), deadline_s))

    async def stop(self) -> None:
        """End the process and wait until it is gone."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        if self._listener is not None:
            await self._listener
            self._listener = None
        self._progress.close()

    def last_words(self) -> str:
        """Return the last line the process wrote to its standard error."""
        lines = self._last_words.decode("utf-8", "replace").strip().splitlines()
        return lines[-1].strip() if lines else ""

    async def _ask(self, data: bytes, deadline_s: float) -> tuple[Head, bytes]:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise RuntimeError("the worker was not started")
        os.pwrite(self._progress.fileno(), bytes(PROGRESS.size), 0)
        try:
            async with asyncio.timeout(deadline_s):
                process.stdin.write(data)
                await process.stdin.drain()
                top, rest = LENGTHS.unpack(await process.stdout.readexactly(LENGTHS.size))
                head = orjson.loads(await process.stdout.readexactly(top))
                return head, await process.stdout.readexactly(rest)
        except TimeoutError:
            raise await self._gone(f"no answer within {deadline_s:g} s", timed_out=True) from None
        except (asyncio.IncompleteReadError, ConnectionError):
            raise await self._gone("the process ended", timed_out=False) from None
        except asyncio.CancelledError:
            # A half-read answer would be taken for the next one.
            await self.stop()
            raise

    async def _gone(self, says: str, *, timed_out: bool) -> WorkerGoneError:
        (index,) = PROGRESS.unpack(os.pread(self._progress.fileno(), PROGRESS.size, 0))
        await self.stop()
        return WorkerGoneError(says, timed_out=timed_out, index=index)

    async def _listen(self, process: Process) -> None:
        """Read what the process writes to standard error, so that it never blocks on it; keep the end."""
        if process.stderr is None:
            return
        while chunk := await process.stderr.read(_LAST_WORDS_BYTES):
            self._last_words = (self._last_words + chunk)[-_LAST_WORDS_BYTES:]
