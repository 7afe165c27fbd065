"""A newcomer's first minute by keyboard alone: an empty home, the welcome, a try of the microphone, a first reflection."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.whole.desk import RunningApp, desk
from tests.whole.test_offline import AUSTEN, LOUD, likeness
from tests.whole.test_offline_mode import counted, strace

pytestmark = pytest.mark.whole


def test_from_an_empty_home_to_the_first_reflection_and_nothing_leaves(tmp_path: Path) -> None:
    log = tmp_path / "calls"
    with desk() as place:
        command = [
            *strace(log),
            sys.executable,
            "-m",
            "companion",
            "--home",
            str(place.home),
            "-D",
            "events,log",
        ]
        app = RunningApp(command, place.env)
        place.apps.append(app)
        app.wait_for("JournalOpened")
        place.xdotool("search", "--sync", "--onlyvisible", "--name", "Companion", "windowactivate", "--sync")
        time.sleep(0.5)
        place.press()  # on the first page the space bar chooses, and nobody listens
        place.release()
        place.tap("Return")  # what this is
        place.tap("Return")  # ears and a voice; nothing is fetched
        time.sleep(0.5)
        place.tap()  # "Try it" has the focus
        time.sleep(1.5)
        place.speak("austen-0870.wav")
        tried = app.wait_for("MicrophoneTried")
        assert likeness(tried["text"], AUSTEN) > 0.5
        place.tap("Tab")  # the level has no focus; then the voices, then the button that plays one
        place.tap("Tab")
        recording = place.sound.record_speaker()
        place.tap()
        time.sleep(2.5)
        assert np.abs(recording.stop().samples).max() > LOUD, "the voice is heard"
        for _ in range(3):
            place.tap("Tab")
        place.tap("Return")  # on to who thinks
        time.sleep(0.5)
        place.tap("Return")
        time.sleep(0.5)
        place.tap("Return")  # begin
        time.sleep(0.5)

        since = app.mark()
        place.press()
        app.wait_for("PhaseChanged", phase="listening", since=since)
        place.speak("austen-0890.wav")
        place.release()
        assert app.wait_for("UserSaid", since=since)["saved"]
        finished = app.wait_for("TurnFinished", since=since, limit_s=90)
        assert finished["record"]["reply_text"]
        assert app.of("DataSent") == []
        assert app.of("ProgramNoted") == [], "the first page has said it"
        assert app.close(limit_s=40) == 0

        kept = json.loads((place.home / "state" / "welcome.json").read_text())
        assert kept["is_over"]
        assert not (place.home / "state" / "sent-today.json").exists()
        assert not (place.home / "data" / "models").exists()
    inet, every = counted(log)
    assert every > 10
    assert inet == 0
