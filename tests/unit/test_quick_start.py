"""Tests that the program starts without what nobody asked for."""

import subprocess
import sys

PROGRAM = """
import gc, sys
from shared.quick_start import YOUNG_OBJECTS, quick_start
quick_start()
import httpx
print("click" in sys.modules, callable(httpx.AsyncClient), gc.get_threshold()[0] == YOUNG_OBJECTS)
"""


def test_httpx_is_imported_without_its_command_line() -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)

    assert ended.stdout == "False True True\n"
