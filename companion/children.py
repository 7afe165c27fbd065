"""Processes that the app starts: what they are told of its surroundings, and their end. `confined` is their own side."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import companion

_SECRET = ("KEY", "TOKEN", "SECRET", "PASSW", "CREDENTIAL")


def kill(process: asyncio.subprocess.Process) -> None:
    """Ends a process at once. Idempotent."""
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        if sys.platform == "win32":
            process.kill()
        else:  # `Process.kill` polls, and so takes the exit status away from the loop, which then warns
            os.kill(process.pid, signal.SIGKILL)


def child_environment() -> dict[str, str]:
    """This process' environment without keys and proxies, so that the child finds the same package and no secret."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not any(word in name.upper() for word in _SECRET) and not name.upper().endswith("_PROXY")
    }
    root = Path(companion.__file__).parent.parent
    if root.name not in (
        "site-packages",
        "dist-packages",
    ):  # a checkout; an installed package is found anyway
        kept["PYTHONPATH"] = os.pathsep.join(filter(None, (str(root), kept.get("PYTHONPATH", ""))))
    # Threads that wait for each other sleep: spinning, they starve whatever else runs and a busy computer all the more.
    kept["OMP_WAIT_POLICY"], kept["KMP_BLOCKTIME"] = "PASSIVE", "0"
    return kept
