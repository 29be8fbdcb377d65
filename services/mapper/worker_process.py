"""Starts, asks and ends one worker process."""

import asyncio
import contextlib
import os
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from services.mapper.frames import (
    FIRST,
    LENGTHS,
    MAPPING,
    PROGRESS,
    SHARED_BYTES,
    STOP_AT,
    Head,
    frame,
    read_answer,
    request,
)
from services.mapper.mapped import Mapped, RawObject
from services.mapper.patience import Patience, Place, WorkerGoneError
from services.mapper.plan_shape import Plan
from shared.jq_choice import JqEngine

MEMORY_LIMIT_BYTES: Final = 512 * 1024**2
START_TIMEOUT_S: Final = 60.0
COMPILE_TIMEOUT_S: Final = 0.1
"""Added for each expression that a worker is to compile; it needs a hundredth of that."""
_LOOK_S: Final = 0.1
"""How often it is looked how far a worker has come."""
_WITHOUT_CPU: Final = 4
"""So many times longer may a worker take that has to wait for the CPU."""
_BUFFER_BYTES: Final = 16 * 1024 * 1024
_LAST_WORDS_BYTES: Final = 4096
_MODULE: Final = "services.mapper.worker"


class _Spent(NamedTuple):
    """Time that has passed: of the CPU where the system tells it, and by the clock."""

    cpu_s: float
    wall_s: float


def _over(since: _Spent, now: _Spent, limit_s: float) -> bool:
    """Whether a limit is reached; a process that gets no CPU has longer, not for ever."""
    return now.cpu_s - since.cpu_s >= limit_s or now.wall_s - since.wall_s >= _WITHOUT_CPU * limit_s


class WorkerProcess:
    """One worker process; used by one task at a time."""

    def __init__(
        self, *, memory_limit_bytes: int = MEMORY_LIMIT_BYTES, engine: JqEngine = JqEngine.LIBJQ
    ) -> None:
        self.plan: Plan | None = None
        """The plan it was given last."""
        self.prepared: set[str] = set()
        """Topics whose part of the plan is compiled."""
        self._memory_limit_bytes = memory_limit_bytes
        self._engine = engine
        self._process: Process | None = None
        self._progress = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the worker
        os.pwrite(self._progress.fileno(), bytes(SHARED_BYTES), 0)
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
            str(os.getpid()),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env={},
            pass_fds=(descriptor,),
            limit=_BUFFER_BYTES,
        )
        self._listener = asyncio.create_task(self._listen(self._process))

    async def configure(self, plan: Plan, alarm_s: float) -> None:
        """Give the worker a version of the mapping; it ends by itself after so long in one object.

        Raises:
            WorkerGoneError: It died over it.
        """
        await self._ask(frame({"plan": plan, "deadline_s": alarm_s, "engine": self._engine}), START_TIMEOUT_S)
        self.plan = plan
        self.prepared = set()

    async def prepare(self, topics: Collection[str], expressions: int) -> None:
        """Let the worker compile what these topics need: of a large mapping that takes seconds.

        Raises:
            WorkerGoneError: It died over it.
        """
        timeout_s = START_TIMEOUT_S + COMPILE_TIMEOUT_S * expressions
        await self._ask(frame({"prepare": sorted(topics)}), timeout_s)
        self.prepared |= set(topics)

    async def map_objects(
        self,
        objects: Sequence[RawObject],
        take: Callable[[list[Mapped]], None],
        patience: Patience,
        *,
        apart: bool = False,
    ) -> None:
        """Map objects, in their order; fewer when it was enough before.

        Args:
            objects: The objects.
            take: Gets the answers as they come, those before an error too.
            patience: How long it may take.
            apart: Run each expression on its own, so that it is known which one was in hand.

        Raises:
            WorkerGoneError: It died, or was too long at one thing and was ended; it cannot be asked again.
        """
        work = asyncio.ensure_future(self._mapped(request(objects, apart=apart), take))
        try:
            await self._watch(work, patience)
        except asyncio.CancelledError:
            # A half-read answer would be taken for the next one.
            await _given_up(work)
            await self.stop()
            raise
        except WorkerGoneError:
            await _given_up(work)
            raise

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

    async def _mapped(self, data: bytes, take: Callable[[list[Mapped]], None]) -> None:
        head, blob = await self._exchange(data)
        take(read_answer(head, blob))
        while not head["last"]:
            head, blob = await self._read()
            take(read_answer(head, blob))

    async def _watch(self, work: "asyncio.Future[None]", patience: Patience) -> None:
        """Wait for the answers as long as the worker goes on from one object, or expression, to the next.

        Its own CPU time counts, as far as that can be told: a machine that is busy with something else is no
        fault of an object.
        """
        clock = asyncio.get_running_loop().time
        last, place_at = self.place, clock()
        object_since = expression_since = self._spent()
        while not (await asyncio.wait({work}, timeout=_LOOK_S))[0]:
            place, now, spent = self.place, clock(), self._spent()
            if place[:2] != last[:2]:
                object_since = spent
            if place != last:
                last, place_at, expression_since = place, now, spent
            if patience.enough is not None and patience.enough.is_set():
                os.pwrite(self._progress.fileno(), b"\x01", STOP_AT)
            if place.phase != MAPPING:
                over_s = START_TIMEOUT_S if now - place_at > START_TIMEOUT_S else 0.0
            elif place.entry >= 0 and _over(expression_since, spent, patience.expression_s):
                over_s = patience.expression_s
            else:
                over_s = patience.object_s if _over(object_since, spent, patience.object_s) else 0.0
            if over_s:
                says = f"no end of one object within {over_s:g} s"
                raise await self._gone(says, place, timed_out=place.phase == MAPPING, limit_s=over_s)
        try:
            await work
        except (asyncio.IncompleteReadError, ConnectionError):
            raise await self._gone("the process ended", self.place, timed_out=False) from None

    async def _ask(self, data: bytes, timeout_s: float) -> Head:
        try:
            async with asyncio.timeout(timeout_s):
                head, _ = await self._exchange(data)
        except TimeoutError:
            says = f"no answer within {timeout_s:g} s"
            raise await self._gone(says, self.place, timed_out=True) from None
        except (asyncio.IncompleteReadError, ConnectionError):
            raise await self._gone("the process ended", self.place, timed_out=False) from None
        except asyncio.CancelledError:
            await self.stop()
            raise
        return head

    async def _exchange(self, data: bytes) -> tuple[Head, bytes]:
        process = self._process
        if process is None or process.stdin is None:
            raise RuntimeError("the worker was not started")
        os.pwrite(self._progress.fileno(), bytes(SHARED_BYTES), 0)
        process.stdin.write(data)
        await process.stdin.drain()
        return await self._read()

    async def _read(self) -> tuple[Head, bytes]:
        process = self._process
        if process is None or process.stdout is None:
            raise RuntimeError("the worker was not started")
        top, rest = LENGTHS.unpack(await process.stdout.readexactly(LENGTHS.size))
        head = orjson.loads(await process.stdout.readexactly(top))
        return head, await process.stdout.readexactly(rest)

    def _spent(self) -> _Spent:
        """Return how much time the process has had so far."""
        now_s = asyncio.get_running_loop().time()
        try:
            stat = Path(f"/proc/{self.pid}/stat").read_bytes()
        except OSError:
            return _Spent(now_s, now_s)
        # What stands before the last bracket is the name. Source: proc(5).
        fields = stat.rpartition(b")")[2].split()
        return _Spent((int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), now_s)

    @property
    def place(self) -> Place:
        """Return what the worker has in hand."""
        raw = os.pread(self._progress.fileno(), PROGRESS.size, 0)
        phase, index, entry, text = PROGRESS.unpack(raw)
        return Place(phase, index, entry - FIRST, text - FIRST)

    async def _gone(
        self, says: str, place: Place, *, timed_out: bool, limit_s: float = 0.0
    ) -> WorkerGoneError:
        await self.stop()
        return WorkerGoneError(says, timed_out=timed_out, place=place, limit_s=limit_s)

    async def _listen(self, process: Process) -> None:
        """Read what the process writes to standard error, so that it never blocks on it; keep the end."""
        if process.stderr is None:
            return
        while chunk := await process.stderr.read(_LAST_WORDS_BYTES):
            self._last_words = (self._last_words + chunk)[-_LAST_WORDS_BYTES:]


async def _given_up(work: "asyncio.Future[None]") -> None:
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
