"""The talk key on a real keyboard: whatever is pressed with it, written by it or in front of it, the next hold is heard."""

from __future__ import annotations

import subprocess
import time

import pytest

from tests.whole.desk import Desk, RunningApp, desk

pytestmark = pytest.mark.whole
T_KEY, SHIFT, CTRL, ALT_GR = "28", "50", "37", "108"
LONGER_THAN_A_TAP_S = 0.5


def hold(app: RunningApp, own: Desk, *meanwhile: tuple[str, str], before_up: str = "") -> None:
    """A hold of the key T during which other keys go down or up; it begins at once, ends, and closes the microphone."""
    mark = app.mark()
    own.xdotool("keydown", T_KEY)
    app.wait_for("PhaseChanged", since=mark, phase="listening", limit_s=3)
    time.sleep(LONGER_THAN_A_TAP_S)
    for what, key in meanwhile:
        own.xdotool(what, key)
    if before_up:
        layout(own, before_up)
    own.xdotool("keyup", T_KEY)
    for what, key in meanwhile:
        if what == "keydown":
            own.xdotool("keyup", key)
    app.wait_for("PhaseChanged", since=mark, phase="ready", limit_s=5)
    assert own.sound.open_microphones() == []


def layout(own: Desk, name: str) -> None:
    subprocess.run(["setxkbmap", "-layout", name], env=own.env, check=True)
    time.sleep(0.2)


def test_every_hold_is_heard_from_its_beginning_to_its_end() -> None:
    with desk(keyring=False) as own:
        own.settle("talk:\n  key: T\n")
        app = own.start_ready(env={"COMPANION_SOUND__CUES": "false"})
        for modifier in (SHIFT, CTRL, ALT_GR):
            hold(app, own, ("keydown", modifier))
        hold(app, own, before_up="ru")
        for name in ("ru", "gr", "il", "us"):
            layout(own, name)
            hold(app, own)

        own.xdotool("keydown", T_KEY)  # the focus goes in the middle of a hold, and its release with it
        time.sleep(1.0)
        window = own.xdotool("search", "--onlyvisible", "--name", "^Companion$").split()[0]
        own.xdotool("windowminimize", window)
        time.sleep(0.3)
        own.xdotool("keyup", T_KEY)
        own.xdotool("windowactivate", "--sync", window)
        time.sleep(0.3)
        assert own.sound.open_microphones() == []
        hold(app, own)
