"""Spares the process work that it would do at its start, and again and again later, for nothing."""

import gc
import sys
from typing import Any, Final, cast

YOUNG_OBJECTS: Final = 50_000
"""How many more objects than were freed bring the garbage collector: batches are many small objects and few
cycles, and the default of 700 has it look hundreds of times while modules are imported alone."""
_COMMAND_LINE_OF_HTTPX: Final = "httpx._main"


def quick_start() -> None:
    """Set up the process; to be called before anything large is imported."""
    gc.set_threshold(YOUNG_OBJECTS, 20, 50)
    # httpx imports a whole command line, and does without where that cannot be imported.
    cast("dict[str, Any]", sys.modules).setdefault(_COMMAND_LINE_OF_HTTPX, None)
