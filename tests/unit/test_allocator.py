"""Allocator: freed blocks of the size of a page leave the process, however many came before."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import sys
from shared.allocator import return_large_blocks

if sys.argv[1] == "fixed":
    return_large_blocks()

def resident_kib():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4

for _ in range(3):
    block = bytearray(8 << 20)   # one that comes and goes: glibc takes such blocks for frequent ones
    del block
before = resident_kib()
pages, small = [], []
for _ in range(60):
    pages.append(bytearray(400 << 10))
    small.append(bytearray(3 << 10))
del pages
print(resident_kib() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the setting is of glibc")
def test_freed_pages_leave_the_process_though_small_objects_lie_between_them() -> None:
    assert kept_kib("fixed") < 2 * 1024
    assert kept_kib("as it comes") > 10 * 1024


def kept_kib(mode: str) -> int:
    ended = subprocess.run([sys.executable, "-c", PROGRAM, mode], capture_output=True, check=True)
    return int(ended.stdout)
