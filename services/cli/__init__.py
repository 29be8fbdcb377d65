"""Is the command line: `pagerport`."""

import sys
from collections.abc import Sequence
from typing import NoReturn

from services.cli.early_end import INTERRUPTED, say_interrupted


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process with its exit code, also where it is interrupted at once.

    Args:
        arguments: What follows the program's name; None: the process's own.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        from services.cli.app import main as begin
    except KeyboardInterrupt:
        say_interrupted(given)
        raise SystemExit(INTERRUPTED) from None
    begin(given)
