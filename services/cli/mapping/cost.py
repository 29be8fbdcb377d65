"""Measures what each expression costs on a sample object, in a process of its own that may be given up."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import Sequence
from typing import Final

import orjson

MEASURED_S: Final = 0.02
"""An expression is run again and again for so long."""
GIVEN_UP_S: Final = 5.0
"""An expression that has not ended by then may never end."""


async def measure(texts: Sequence[str], document: bytes) -> list[float | None]:
    """Return the microseconds of each expression with the document parsed; None: it did not end, or died.

    Each is run by itself, natively or by libjq; where by libjq, that it reads the document is included.
    """
    costs: list[float | None] = []
    while len(costs) < len(texts):
        costs += await _measure_some(texts[len(costs) :], document)
        if len(costs) < len(texts):
            # The process was lost over this one.
            costs.append(None)
    return costs


async def _measure_some(texts: Sequence[str], document: bytes) -> list[float | None]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-m", __name__, stdin=PIPE, stdout=PIPE, stderr=PIPE, env={}
    )
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the process has no pipes")
    process.stdin.write(orjson.dumps({"texts": list(texts), "document": document.decode()}))
    process.stdin.write_eof()
    costs: list[float | None] = []
    try:
        while len(costs) < len(texts):
            line = await asyncio.wait_for(process.stdout.readline(), GIVEN_UP_S)
            if not line:
                break
            costs.append(float(line))
    except TimeoutError:
        pass
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
    return costs


def main() -> None:
    """Measure the expressions that come on stdin; a line each on stdout."""
    from time import perf_counter

    from services.mapper.native import LEFT_TO_LIBJQ, native
    from shared.jq_engine import ExpressionError, LibjqEngine, LibjqProgram

    asked = orjson.loads(sys.stdin.buffer.read())
    text: str = asked["document"]
    document = orjson.loads(text)

    def run(program: LibjqProgram) -> None:
        try:
            program.first(text)
        except ExpressionError:
            return

    for expression in asked["texts"]:
        get = native(expression)
        program = LibjqEngine().compile(expression)
        is_native = get is not None and get(document) is not LEFT_TO_LIBJQ
        runs, took_s = 1, 0.0
        while took_s < MEASURED_S:
            runs *= 4
            started = perf_counter()
            for _ in range(runs):
                if is_native and get is not None:
                    get(document)
                else:
                    run(program)
            took_s = perf_counter() - started
        sys.stdout.write(f"{took_s / runs * 1e6:.3f}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
