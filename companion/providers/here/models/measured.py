"""How quick models were when they were tried on this machine. Blocking, any thread.

A figure for each name, in a file beside the models of a kind. The folder may be carried to another machine, or be shared by
several: figures of another machine do not count.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

from companion.paths import write_atomically
from companion.places import read_notes

_FILE = "speeds.json"


@cache
def this_machine() -> str:
    """Its processor and how many cores of it there are."""
    model = platform.processor()
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return f"{model or platform.machine()}, {os.cpu_count()}"


def figures(folder: Path) -> Mapping[str, float]:
    """What was measured here, by name."""
    kept = read_notes(folder / _FILE)
    found = kept.get("figures")
    if kept.get("machine") != this_machine() or not isinstance(found, dict):
        return {}
    return {
        str(name): float(figure)
        for name, figure in found.items()
        if isinstance(figure, int | float) and figure > 0
    }


def keep(folder: Path, name: str, figure: float) -> None:
    """Remembers a measurement; where nothing can be written it is made again next time."""
    kept = {"machine": this_machine(), "figures": {**figures(folder), name: figure}}
    with suppress(OSError):
        write_atomically(folder / _FILE, json.dumps(kept).encode())
