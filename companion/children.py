"""A child process of the app: how it is started, what it inherits, how it ends. On the loop's thread.

`confined` is what such a process gives up itself.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import companion
from companion import language
from companion.paths import resources

CLOSE_S = 2.0
"""How long it may take to end by itself."""
_LANGUAGE = "COMPANION_CHILD_LANGUAGE"
_SECRET = ("KEY", "TOKEN", "SECRET", "PASSW", "CREDENTIAL")


async def start_child(
    module: str, *args: str, tells_faults: bool = False, longest_line: int = 2**20
) -> asyncio.subprocess.Process:
    """Runs `companion.<module>` with pipes to its stdin and stdout, and to stderr if it is read.

    Raises:
        OSError: it cannot be started.
    """
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # nothing from the working directory is imported
        "-m",
        f"companion.{module}",
        *args,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE if tells_faults else asyncio.subprocess.DEVNULL,
        limit=longest_line,
        env=child_environment(),
    )


async def start_python(python: Path, *args: str, keeps_proxy: bool) -> asyncio.subprocess.Process:
    """Runs a Python with nothing to read and all its output in one pipe.

    Args:
        keeps_proxy: it may know the proxies of the environment.

    Raises:
        OSError: it cannot be started.
    """
    env = child_environment()
    if keeps_proxy:
        env |= {name: value for name, value in os.environ.items() if name.upper().endswith("_PROXY")}
    return await asyncio.create_subprocess_exec(
        str(python),
        *args,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=env,
    )


async def end_child(process: asyncio.subprocess.Process) -> None:
    """Ends it: its stdin ends, and if that is not enough it is killed. Nothing is left behind, whoever stops waiting."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(CLOSE_S):
            await process.wait()
    except TimeoutError:
        pass
    finally:
        kill(process)
        await process.wait()


def kill(process: asyncio.subprocess.Process) -> None:
    """Ends a process at once. Idempotent."""
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        if sys.platform == "win32":
            process.kill()
        else:  # `Process.kill` polls, and so takes the exit status away from the loop, which then warns
            os.kill(process.pid, signal.SIGKILL)


class Look(NamedTuple):
    """What a process is seen to do."""

    state: str
    """As /proc names it: R computes, S waits, D waits for a disk, T was stopped from outside."""
    ticks: int
    """What it has computed so far."""


def look_at(pid: int) -> Look | None:
    """None: not to be seen on this system, or the process is gone."""
    try:
        state, *numbers = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(") ")[2].split()
        return Look(state, int(numbers[10]) + int(numbers[11]))
    except (OSError, ValueError, IndexError):
        return None


def speak_as_parent() -> None:
    """In a child, before it is confined: what it tells a person is in the language of the window."""
    code = os.environ.get(_LANGUAGE, language.ENGLISH)
    if code != language.ENGLISH:
        with suppress(OSError, ValueError):  # the window has said why, and English it stays
            language.use(language.load(resources() / "languages", code))


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
    kept[_LANGUAGE] = language.language()
    # Threads that wait for each other sleep: spinning, they starve whatever else runs and a busy computer all the more.
    kept["OMP_WAIT_POLICY"], kept["KMP_BLOCKTIME"], kept["OPENBLAS_NUM_THREADS"] = "PASSIVE", "0", "1"
    return kept
