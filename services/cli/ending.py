"""Ends a command: one line on stderr for an error, and the exit code."""

import errno
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from services.cli.early_end import INTERRUPTED, say_interrupted
from services.cli.streams import drop_output, take_every_text
from shared.errors import PagerportError
from shared.logs import configure_logs, current_redactor
from shared.visible import visible

UNEXPECTED: Final = 1
BROKEN_PIPE: Final = 1
"""Whoever reads our output has left (`… | head`): no word is said, but cut off is not done."""
NOT_WRITTEN: Final = 1
_OUTPUT_ERRORS: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""What a write to stdout can end with, a reader that has left aside."""


class Guard:
    """Turns an exception that leaves its block into an exit code and at most a line per mistake.

    Args:
        debug: Show the traceback of an unexpected error.
        arguments: Of the command.
    """

    def __init__(self, *, debug: bool, arguments: Sequence[str] = ()) -> None:
        self._debug = debug
        self._arguments = arguments

    def __enter__(self) -> Self:
        """Give a process without stdout or stderr (`>&-`) some: else its files and sockets would get them.

        What is printed meanwhile never fails for the encoding of stdout.
        """
        if sys.stdout is None:
            sys.stdout = Path(os.devnull).open("w", encoding="utf-8")
        if sys.stderr is None:
            sys.stderr = Path(os.devnull).open("w", encoding="utf-8")
        take_every_text()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process, unless there is no error or it is an exit already."""
        match error:
            case SystemExit() if _is_of_interrupt(error):
                code = self._interrupted()
            case None | SystemExit():
                failed = _flush()
                if failed is None:
                    return
                code = self._unwritten(failed)
            case PagerportError():
                say_error(error)
                code = error.exit_code
            case KeyboardInterrupt():
                code = self._interrupted()
            case OSError() if isinstance(error, BrokenPipeError) or _is_of_output(error):
                code = self._unwritten(error)
            case _:
                code = self._unexpected(error)
        if _flush() is not None:
            # What it ends with is said already; else the interpreter's last flush would end it with 120.
            drop_output()
        raise SystemExit(code) from None

    def _interrupted(self) -> int:
        say_interrupted(self._arguments)
        return INTERRUPTED

    def _unwritten(self, error: OSError) -> int:
        drop_output()
        if isinstance(error, BrokenPipeError):
            return BROKEN_PIPE
        _say(f"the output cannot be written ({error.strerror}); send it elsewhere")
        return NOT_WRITTEN

    def _unexpected(self, error: BaseException) -> int:
        _say(
            f"unexpected {type(error).__name__}: {error}; this is a fault of pagerport"
            + ("" if self._debug else ", `pagerport --debug …` shows where")
        )
        if self._debug:
            if current_redactor() is None:
                configure_logs(level="debug", json_lines=False)
            logging.getLogger("pagerport").error("unexpected error", exc_info=error)
        return UNEXPECTED


def error_lines(error: Exception) -> list[str]:
    """Return what is said of an error, a line per mistake, secrets masked."""
    return _lines(str(error) or type(error).__name__)


def say_error(error: PagerportError) -> None:
    """Say on stderr what is wrong."""
    _say(str(error) or type(error).__name__)


def _say(message: str) -> None:
    for line in _lines(message):
        print(f"error: {visible(line)}", file=sys.stderr)


def _lines(message: str) -> list[str]:
    redactor = current_redactor()
    return (redactor.text(message) if redactor else message).splitlines()


def _is_of_interrupt(exited: SystemExit) -> bool:
    """Return whether typer made the exit of a Ctrl-C that the command itself had no answer to."""
    made_of = exited.__context__
    return made_of is not None and isinstance(made_of.__cause__, KeyboardInterrupt)


def _is_of_output(error: OSError) -> bool:
    """Return whether the error is of a write to stdout: it names no file, and a disk is full or the like."""
    return error.filename is None and error.errno in _OUTPUT_ERRORS


def _flush() -> OSError | None:
    """Write what is buffered now, while a closed pipe or full disk can still be met; return what was met."""
    try:
        sys.stdout.flush()
    except OSError as error:
        return error
    return None
