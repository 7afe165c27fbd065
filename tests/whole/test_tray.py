"""The app in the tray of a desktop: it goes on when its window is closed, comes back when talked to, tells of an answer."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.whole.desk import Desk, desk

pytestmark = pytest.mark.whole


@pytest.fixture
def place() -> Iterator[Desk]:
    with desk() as own:
        yield own


def is_seen(place: Desk) -> bool:
    command = ["xdotool", "search", "--onlyvisible", "--name", "^Companion$"]
    return bool(subprocess.run(command, env=place.env, capture_output=True, text=True, check=False).stdout)


def wait(place: Desk, *, seen: bool) -> None:
    for _ in range(100):
        if is_seen(place) is seen:
            return
        time.sleep(0.1)
    pytest.fail(f"the window {'came' if not seen else 'did not come'}")


def ask(place: Desk, *arguments: str) -> int:
    command = [sys.executable, "-m", "companion", "--home", str(place.home), *arguments]
    return subprocess.run(command, env=place.env, capture_output=True, timeout=30, check=False).returncode


def test_a_closed_window_goes_on_in_the_tray_and_an_answer_is_told(place: Desk) -> None:
    command = [sys.executable, "-m", "tests.whole.tray"]
    tray = subprocess.Popen(command, env=place.env, stdout=subprocess.PIPE, text=True)
    assert tray.stdout is not None
    calls: Iterator[dict[str, Any]] = (json.loads(line) for line in tray.stdout)
    try:
        assert next(calls)["call"] == "ready"
        place.settle("general: {close_to_tray: true}\nsound: {cues: false, speak_answers: false}\n")
        app = place.start_ready()
        next(call for call in calls if call["call"] == "RegisterStatusNotifierItem")
        place.tap("ctrl+w")
        wait(place, seen=False)
        assert app.process.poll() is None, "it goes on"

        mark = app.mark()
        assert ask(place, "toggle-talk") == 0
        app.wait_for("PhaseChanged", since=mark, phase="listening")
        wait(place, seen=True)
        place.speak("austen-0870.wav")
        place.xdotool("search", "--onlyvisible", "--name", "^Companion$", "windowminimize")
        assert ask(place, "toggle-talk") == 0
        words = app.wait_for("UserSaid", since=mark)["text"]
        told = next(call for call in calls if call["call"] == "Notify")["says"]
        assert told[3:5] == ["Companion", "The answer has come."]
        assert words.split()[0] not in " ".join(told)

        assert app.close() == 0
    finally:
        tray.kill()
        tray.wait()
        tray.stdout.close()
