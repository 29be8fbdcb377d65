"""Keeps the memory of a process flat: large blocks go back to the system when they are freed."""

import ctypes
from typing import Final

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
LARGE_BYTES: Final = 128 * 1024
"""What glibc begins with. Left alone it raises this up to 32 MiB, as it sees large blocks come and go; pages
of PagerDuty then lie in the heap, where small objects between them keep the room from being returned."""


def return_large_blocks() -> None:
    """Fix the size from which a block is mapped by itself. Without glibc (macOS, musl) nothing happens."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(_MMAP_THRESHOLD, LARGE_BYTES)
    mallopt(_TRIM_THRESHOLD, LARGE_BYTES)
