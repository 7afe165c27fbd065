"""What every test gets: an empty home, no keys, no network beyond this machine, and no unexpected warning."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from companion.paths import Home, find_home
from tests.virtual_clock import JumpingClockLoop, VirtualClockLoop
from tests.weights import weights

_KEPT = ("COMPANION_TEST_",)
_guard = {"on": False}


def _refuse_the_world(event: str, args: tuple[object, ...]) -> None:
    if not _guard["on"] or event != "socket.connect":
        return
    address = args[1]
    if isinstance(address, tuple):
        host = str(address[0])
        try:
            local = ipaddress.ip_address(host.split("%", maxsplit=1)[0]).is_loopback
        except ValueError:
            local = host == "localhost"
        if not local:
            raise RuntimeError(f"a test tried to reach {host}")


sys.addaudithook(_refuse_the_world)


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Which clock the loop of a test has."""
    clocks = {"virtual_clock": VirtualClockLoop, "jumping_clock": JumpingClockLoop}
    chosen = {name: loop for name, loop in clocks.items() if item.get_closest_marker(name) is not None}
    return chosen or {"real": asyncio.new_event_loop}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A private, empty home for the app; environment without keys or choices."""
    for name in list(os.environ):
        chosen = name.startswith(("AI_", "COMPANION_", "LOCAL_MODEL_", "XDG_CONFIG", "XDG_DATA", "XDG_STATE"))
        vendor = name.startswith(("OPENAI_", "ANTHROPIC_", "OLLAMA_")) or name.endswith("_API_KEY")
        if (chosen or vendor) and not name.startswith(_KEPT):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COMPANION_HOME", str(tmp_path / "companion"))
    (tmp_path / "home").mkdir()
    _guard["on"] = True
    yield find_home()
    _guard["on"] = False


@pytest.fixture(autouse=True)
def no_room_is_set_aside(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand homes with 64 MB each would fill the disk; the tests of it are without this."""
    if request.module.__name__ != "tests.journal.test_reserve":
        monkeypatch.setattr("companion.journal.reserve.LEAST_FREE_BYTES", 2**62)


@pytest.fixture
def travel(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Takes this computer into another time zone, named as POSIX does: `travel("NZDT-13")`; home again at the end."""

    def go(zone: str) -> None:
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield go
    monkeypatch.undo()
    time.tzset()


@pytest.fixture(name="weights")
def _weights() -> Callable[[str], Path]:
    """`weights("whisper-base")`: the folder of a real model; see `tests.weights`."""
    return weights


@pytest.fixture(autouse=True)
def no_unexpected_warning(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """A WARNING or worse in the log fails the test, unless it takes `expected_warnings` and looks itself."""
    yield
    if "expected_warnings" in request.fixturenames:
        return
    stray = [
        record
        for when in ("setup", "call")
        for record in caplog.get_records(when)
        if record.levelno >= logging.WARNING
    ]
    assert not stray, "unexpected warning: " + "; ".join(record.getMessage() for record in stray)


@pytest.fixture
def expected_warnings(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """For tests in which the log is meant to hold warnings."""
    return caplog
