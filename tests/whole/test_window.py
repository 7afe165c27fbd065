"""The window on a real desktop: it is back where it was with what was not sent, and a key of the desktop reaches it."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from tests.whole.desk import Desk, RunningApp

pytestmark = pytest.mark.whole
QUIET = {"COMPANION_SOUND__CUES": "false"}
UNSENT = "what I did not send"


def shape(place: Desk) -> tuple[int, ...]:
    """Left, top, width and height of the window inside its frame."""
    window = place.xdotool("search", "--onlyvisible", "--name", "^Companion$").split()[0]
    lines = place.xdotool("getwindowgeometry", "--shell", window).split()
    named = dict(line.split("=") for line in lines)
    return tuple(int(named[name]) for name in ("X", "Y", "WIDTH", "HEIGHT"))


def ask(place: Desk, *arguments: str, home: str = "", **env: str) -> tuple[int, str]:
    """Another `companion`, from elsewhere; its exit code and what it said."""
    command = [sys.executable, "-m", "companion", "--home", home or str(place.home), *arguments]
    done = subprocess.run(
        command, env={**place.env, **env}, capture_output=True, text=True, timeout=30, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_it_comes_back_where_it_was_with_what_was_not_sent(place: Desk) -> None:
    app = place.start_ready(env=QUIET)
    window = place.xdotool("search", "--onlyvisible", "--name", "^Companion$").split()[0]
    place.xdotool("windowsize", "--sync", window, "800", "620", "windowmove", "--sync", window, "90", "70")
    time.sleep(0.3)
    place.click(0.53, -78)
    place.type(UNSENT)
    before = shape(place)
    for _ in range(3):
        assert app.close() == 0
        app = place.start_ready(env=QUIET)
        assert shape(place) == before
    place.tap("Return")
    place.click(0.53, -78)
    place.tap("Return")
    assert app.wait_for("UserSaid")["text"] == UNSENT
    app.wait_for("TurnFinished")
    app.close()
    leftover = place.home / "data" / "takes" / "draft"
    assert not leftover.exists()


def test_a_key_of_the_desktop_reaches_it_from_everywhere(place: Desk) -> None:
    app: RunningApp = place.start_ready(env={**QUIET, "TMPDIR": str(place.folder)})
    link = place.folder / "link"
    os.symlink(place.home, link)
    for home in (str(place.home), str(link)):
        place.xdotool("search", "--onlyvisible", "--name", "^Companion$", "windowminimize")
        time.sleep(0.3)
        mark = app.mark()
        assert ask(place, "toggle-talk", home=home) == (0, "")
        app.wait_for("PhaseChanged", since=mark, phase="listening")
        assert shape(place), "whoever talks sees it"
        assert ask(place, "toggle-talk", home=home) == (0, "")
        app.wait_for("PhaseChanged", since=mark, phase="transcribing")
    place.xdotool("search", "--onlyvisible", "--name", "^Companion$", "windowminimize")
    time.sleep(0.3)
    code, said = ask(place)
    assert (code, "already open" in said) == (0, True)
    time.sleep(0.3)
    assert shape(place)
    app.close()
    assert ask(place, "toggle-talk")[0] == 1
