"""The whole app on real input, offline: a held key, a virtual microphone, a real window, a recorded speaker."""

from __future__ import annotations

import difflib
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from companion.flow import Audio
from companion.pcm import Resampler, to_wav
from tests.whole.desk import Desk, RunningApp
from tests.whole.sound import Recorded

pytestmark = pytest.mark.whole
AUSTEN = (
    "and mister john dashwood had then leisure to consider how much there might be prudently "
    "in his power to do for them"
)
UNRELATED = (
    "Ten small boats went round the harbour wall before breakfast. Nobody counted the gulls. Which of them "
    "carried salt, and which carried letters from the northern islands?"
)
LOUD = 300
"""Above this sample value something sounds; the virtual speaker is digitally silent otherwise."""


@pytest.fixture(scope="module")
def app(place: Desk) -> RunningApp:
    # one private bus stands for the system's and the session's; cues would be mistaken for speech
    bus = place.env["DBUS_SESSION_BUS_ADDRESS"]
    return place.start_ready(
        env={"COMPANION_SOUND__CUES": "false", "DBUS_SYSTEM_BUS_ADDRESS": bus, **NOT_LOCKED}
    )


def words(text: str) -> list[str]:
    return "".join(c.lower() if c.isalnum() else " " for c in text).split()


def likeness(said: str, meant: str) -> float:
    """Share of `meant`'s words that `said` has in the same order."""
    matcher = difflib.SequenceMatcher(None, words(said), words(meant), autojunk=False)
    return sum(block.size for block in matcher.get_matching_blocks()) / max(1, len(words(meant)))


def recognise(sound: Recorded, folder: Path) -> str:
    down = Resampler(sound.rate_hz, 16_000)
    pcm = down.process(sound.samples.tobytes(), last=True)
    path = folder / "heard.wav"
    path.write_bytes(to_wav(Audio(pcm=pcm, rate_hz=16_000)))
    command = [sys.executable, "-m", "companion", "transcribe", str(path), "--provider", "builtin"]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


def sounding_s(sound: Recorded) -> float:
    """Seconds in which 20 ms blocks are above silence."""
    size = sound.rate_hz // 50
    blocks = sound.samples[: len(sound.samples) // size * size].reshape(-1, size)
    return float(np.sum(np.abs(blocks).max(axis=1) > LOUD)) / 50


def last_sound_s(sound: Recorded) -> float:
    """`time.monotonic()` of the last sample above silence."""
    loud = np.flatnonzero(np.abs(sound.samples) > LOUD)
    return float(sound.started_s + loud[-1] / sound.rate_hz)


def test_hold_space_speak_and_hear_the_answer(place: Desk, app: RunningApp, tmp_path: Path) -> None:
    since = app.mark()
    recording = place.sound.record_speaker()
    place.press()
    app.wait_for("PhaseChanged", phase="listening", since=since)
    place.speak("austen-0870.wav")
    place.release()
    said = app.wait_for("UserSaid", since=since)
    finished = app.wait_for("TurnFinished", since=since, limit_s=90)
    sound = recording.stop()

    assert likeness(said["text"], AUSTEN) > 0.6
    partial = [e for e in app.of("TranscriptHeard", since) if not e["transcript"]["is_final"]]
    released = next(e["t"] for e in app.of("PhaseChanged", since) if e["phase"] == "transcribing")
    assert any(event["t"] < released for event in partial), "words appear while the person still speaks"
    assert said["saved"]
    assert finished["saved"]
    reply = finished["record"]["reply_text"]
    assert len(app.of("ReplyDelta", since)) > 5, "the answer streams"
    assert finished["record"]["heard_text"] == reply
    assert reply.count("?") == 1

    length_s = sounding_s(sound)
    print(f"reply of {len(reply)} characters sounded {length_s:.1f} s")
    assert len(reply) / 30 < length_s < len(reply) / 6, "speech of the right length"
    heard = recognise(sound, tmp_path)
    own, other = likeness(heard, reply), likeness(heard, UNRELATED)
    print(f"recognised again: {own:.2f} of the reply's words, {other:.2f} of an unrelated text's")
    assert own > max(0.15, 1.5 * other), heard


def test_a_tap_keeps_listening_until_the_next_tap(place: Desk, app: RunningApp) -> None:
    since = app.mark()
    place.tap()
    app.wait_for("PhaseChanged", phase="listening", latched=True, since=since)
    place.speak("austen-0890.wav")
    place.tap()
    assert app.wait_for("UserSaid", since=since)["saved"]
    app.wait_for("PhaseChanged", phase="speaking", since=since)
    place.tap("Escape")
    ended = app.wait_for("TurnFinished", since=since)
    assert ended["record"]["reply_state"] == "interrupted"
    app.wait_for("PhaseChanged", phase="ready", since=since)


def test_talking_over_the_answer_silences_it(place: Desk, app: RunningApp) -> None:
    delays_ms = []
    for _ in range(3):
        since = app.mark()
        recording = place.sound.record_speaker()
        place.write("I had a long day and I am tired")
        app.wait_for("PhaseChanged", phase="speaking", since=since)
        time.sleep(1.2)
        place.press("F9")  # talks from everywhere, also from the text field
        pressed_s = app.wait_for("PhaseChanged", phase="arming", since=since)["t"]
        time.sleep(0.5)
        place.tap("Escape")
        place.release("F9")
        app.wait_for("TakeDiscarded", since=since)
        sound = recording.stop()
        delays_ms.append((last_sound_s(sound) - pressed_s) * 1000)
        record = app.wait_for("TurnFinished", since=since)["record"]
        assert record["reply_state"] == "interrupted"
        assert 0 < len(record["heard_text"]) < len(record["reply_text"])
        assert record["reply_text"].startswith(record["heard_text"])
    print("sound after the press, ms:", [round(ms) for ms in delays_ms])
    assert min(delays_ms) < 150


def test_a_key_of_the_desktop_talks_without_the_window(place: Desk, app: RunningApp) -> None:
    command = [sys.executable, "-m", "companion", "--home", str(place.home), "toggle-talk"]
    since = app.mark()
    started = time.monotonic()
    subprocess.run(command, check=True, env=place.env, timeout=30)
    heard = app.wait_for("PhaseChanged", phase="arming", since=since)["t"]
    print(f"the command talks after {(heard - started) * 1000:.0f} ms")
    app.wait_for("PhaseChanged", phase="listening", since=since)
    place.speak("austen-0890.wav")
    subprocess.run(command, check=True, env=place.env, timeout=30)
    assert app.wait_for("UserSaid", since=since)["saved"]
    app.wait_for("PhaseChanged", phase="speaking", since=since)
    place.tap("Escape")
    app.wait_for("TurnFinished", since=since)


NOT_LOCKED = {"COMPANION_JOURNAL__LOCK_WITH_SCREEN": "false"}
"""What a locked window does is tried elsewhere."""


def tell_bus(place: Desk, member: str, *arguments: str, path: str = "/org/freedesktop/login1") -> None:
    bus = place.env["DBUS_SESSION_BUS_ADDRESS"]
    subprocess.run(
        ["dbus-send", f"--bus={bus}", "--type=signal", path, f"org.freedesktop.login1.{member}", *arguments],
        check=True,
        timeout=20,
    )


def test_locking_the_screen_ends_a_take_that_goes_on_by_itself(place: Desk, app: RunningApp) -> None:
    since = app.mark()
    place.tap("F9")  # the text field has the keyboard since somebody wrote in it
    app.wait_for("PhaseChanged", phase="listening", latched=True, since=since)
    place.speak("austen-0890.wav")
    tell_bus(place, "Session.Lock", path="/org/freedesktop/login1/session/_31")
    assert app.wait_for("UserSaid", since=since)["saved"]
    place.tap("Escape")
    app.wait_for("TurnFinished", since=since)


def test_a_computer_that_sleeps_is_silent_and_welcomes_back(place: Desk, app: RunningApp) -> None:
    since = app.mark()
    place.write("I had a long day and I am tired")
    app.wait_for("PhaseChanged", phase="speaking", since=since)
    time.sleep(1.0)
    tell_bus(place, "Manager.PrepareForSleep", "boolean:true")
    record = app.wait_for("TurnFinished", since=since)["record"]
    assert record["reply_state"] == "interrupted"
    assert 0 < len(record["heard_text"]) < len(record["reply_text"])
    tell_bus(place, "Manager.PrepareForSleep", "boolean:false")
    notice = app.wait_for("Trouble", since=since)["error"]
    assert (notice["kind"], notice["message"]) == ("slept", "Welcome back.")
    since = app.mark()
    place.tap("F9")
    app.wait_for("PhaseChanged", phase="listening", since=since)
    place.tap("Escape")
    app.wait_for("TakeDiscarded", since=since)
