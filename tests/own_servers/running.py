"""Somebody else's server as a process: a free port, and waiting until it listens there."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

START_S = 60.0


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@contextmanager
def listening(command: Sequence[str | Path], port: int) -> Iterator[None]:
    """A running server that accepts connections at `port`."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + START_S
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(10)


def companion(*arguments: str, code: int = 0, told: bool = False) -> str:
    """What the command line prints, or with `told` says beside it, in a process of its own that ends with `code`."""
    command = [sys.executable, "-m", "companion", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stderr if told else done.stdout
