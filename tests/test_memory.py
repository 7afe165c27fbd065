"""Large pieces that were freed are not kept."""

from __future__ import annotations

import platform
import subprocess
import sys

CHILD = """
import sys
from pathlib import Path
from companion.memory import give_back

def come_and_go():
    large, small = [], []
    for _ in range(100):
        large.append(bytearray(b"x") * 500_000)
        small.append(bytearray(b"x") * 3_000)
    return small

if sys.argv[1] == "give back":
    give_back()
kept = [come_and_go() for _ in range(3)]
print(int(Path("/proc/self/statm").read_text().split()[1]) // 256 if sys.platform == "linux" else 0)
"""


def resident_mb(how: str) -> int:
    child = subprocess.run([sys.executable, "-c", CHILD, how], capture_output=True, text=True, check=True)
    return int(child.stdout)


def test_large_pieces_go_when_they_are_freed() -> None:
    given_back, kept = resident_mb("give back"), resident_mb("leave alone")
    if platform.libc_ver()[0] == "glibc":
        assert given_back < kept - 20
    else:
        assert given_back <= kept + 5, "it does no harm"
