"""A recording nobody could make out waits, sealed, for the next run: found, played and heard again by keyboard alone."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.whole.desk import DATA, Desk, RunningApp, desk
from tests.whole.test_offline import AUSTEN, likeness
from tests.whole.test_providers import vendor

pytestmark = [pytest.mark.whole, pytest.mark.long]
SETTINGS = """\
talk: {review_before_sending: false}
sound: {cues: false}
providers:
  stt: {active: openai, stand_ins: "", openai: {base_url: "%s"}}
"""


def reflect(place: Desk, env: dict[str, str]) -> dict[str, object]:
    """One spoken turn without a window; what it came to."""
    command = [sys.executable, "-m", "companion", "--home", str(place.home), "reflect", "--fast", "--json"]
    command += ["--mic", str(DATA / "austen-0870.wav")]
    done = subprocess.run(command, env=env, check=False, capture_output=True, text=True, timeout=120)
    assert done.stdout, done.stderr[-2000:]
    said: dict[str, object] = json.loads(done.stdout)
    return said


def walk_to(place: Desk, app: RunningApp, *keys: str) -> int:
    since = app.mark()
    for key in keys:
        place.tap(key)
    return since


def test_a_recording_that_failed_is_heard_in_the_next_run(tmp_path: Path) -> None:
    with desk() as place, vendor("openai") as openai:
        openai.script(status=503)
        (place.home / "config").mkdir(parents=True)
        (place.home / "config" / "settings.yaml").write_text(SETTINGS % openai.url)
        env = {**place.env, "OPENAI_API_KEY": "sk-0123456789abcdef"}
        failed = reflect(place, env)
        assert failed["reply"] == ""
        takes = list((place.home / "data" / "takes").glob("*.take"))
        assert len(takes) == 1, "it waits on disk"

        app = place.start_ready(env={"OPENAI_API_KEY": "sk-0123456789abcdef"})
        assert app.wait_for("JournalOpened")["waiting_takes"] == 1
        app.wait_for("Trouble")
        place.tap("ctrl+j")
        time.sleep(1.0)  # the list is read in the background
        recording = place.sound.record_speaker()
        since = walk_to(place, app, "Tab", "space")  # from the list to Play
        place.screenshot(tmp_path / "waiting.png")
        time.sleep(2.5)
        sound = recording.stop()
        assert float(np.abs(sound.samples).max()) > 300, "the recording was played"

        walk_to(place, app, "space")  # stop
        walk_to(place, app, "Tab", "Tab", "space")  # Hear with …
        walk_to(place, app, "Down", "Return")  # the first of the menu: this computer
        said = app.wait_for("UserSaid", since=since, limit_s=60)
        assert likeness(said["text"], AUSTEN) > 0.6
        finished = app.wait_for("TurnFinished", since=since, limit_s=90)
        assert finished["record"]["engines"]["stt"] == "builtin"
        assert finished["saved"]
        assert not list((place.home / "data" / "takes").glob("*.take")), "its words are committed: it is gone"
        assert app.close() == 0
