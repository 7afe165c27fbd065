"""A private session bus with a real, unlocked gnome-keyring behind it, for tests of the vault and of the whole app.

Yields the environment a process needs to find it. Everything lives in the given folder and ends with the block.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

_PARTS = {"dbus-daemon": "dbus-daemon", "gnome-keyring-daemon": "gnome-keyring"}


def need_keyring() -> None:
    """Skips on a desk without the parts, saying how to get them; under CI=true their absence is a failure."""
    missing = [package for program, package in _PARTS.items() if shutil.which(program) is None]
    if missing:
        says = f"no real keyring here: sudo apt-get install {' '.join(missing)}"
        if os.environ.get("CI") == "true":
            pytest.fail(says)
        pytest.skip(says)


@contextmanager
def private_bus(folder: Path) -> Iterator[Mapping[str, str]]:
    """Variables of a session bus without any service on it."""
    runtime = folder / "run"
    runtime.mkdir(parents=True, mode=0o700, exist_ok=True)
    (folder / "home").mkdir(exist_ok=True)
    environ = {
        "HOME": str(folder / "home"),
        "XDG_RUNTIME_DIR": str(runtime),
        "XDG_DATA_HOME": str(folder / "home/.local/share"),
    }
    # the standard session configuration would let the bus start services of the machine by itself
    config = folder / "bus.conf"
    config.write_text(
        "<busconfig><type>session</type><listen>unix:dir=" + str(runtime) + "</listen>"
        '<auth>EXTERNAL</auth><policy context="default"><allow send_destination="*" eavesdrop="true"/>'
        '<allow eavesdrop="true"/><allow own="*"/></policy></busconfig>'
    )
    bus = subprocess.Popen(
        ["dbus-daemon", f"--config-file={config}", "--print-address", "--nofork"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **environ},
        text=True,
    )
    try:
        assert bus.stdout is not None
        yield {**environ, "DBUS_SESSION_BUS_ADDRESS": bus.stdout.readline().strip()}
    finally:
        _end(bus)


@contextmanager
def private_keyring(folder: Path) -> Iterator[Mapping[str, str]]:
    """Variables of a session bus with an unlocked gnome-keyring."""
    with private_bus(folder) as environ:
        quiet = {
            name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")
        }
        daemon = subprocess.Popen(
            ["gnome-keyring-daemon", "--unlock", "--components=secrets", "--foreground"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**quiet, **environ},
        )
        try:
            assert daemon.stdin is not None
            daemon.stdin.write(b"password of a test")
            daemon.stdin.close()
            _wait_for_service(environ)
            yield environ
        finally:
            _end(daemon)


def _wait_for_service(environ: Mapping[str, str]) -> None:
    ask = [
        *("dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus"),
        *("org.freedesktop.DBus.NameHasOwner", "string:org.freedesktop.secrets"),
    ]
    for _ in range(100):
        reply = subprocess.run(
            ask, env={**os.environ, **environ}, capture_output=True, text=True, check=False
        )
        if "boolean true" in reply.stdout:
            return
        time.sleep(0.05)
    raise RuntimeError("gnome-keyring did not come up")


def _end(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None and not pipe.closed:
            pipe.close()
