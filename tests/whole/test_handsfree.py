"""Hands-free on a real desk: speech alone begins and ends turns, nothing else does; talking over the answer stops it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from companion.flow import Audio
from companion.pcm import write_file
from tests.audio import room
from tests.audio.room import Wave, mix
from tests.audio.signals import DATA, find, samples
from tests.whole.desk import Desk, RunningApp
from tests.whole.sound import Recorded
from tests.whole.test_offline import AUSTEN, last_sound_s, likeness

pytestmark = pytest.mark.whole
FREE = "talk: {mode: free}\nsound: {cues: false}\n"
LEAD_S = 0.3
"""Noise begins this long after a recording of it does, so that nothing of it is lost."""


@pytest.fixture(scope="module")
def app(place: Desk) -> Iterator[RunningApp]:
    """Beside its loudspeaker from the beginning; the tests before the first one that asks for it are not."""
    with place.sound.echo():
        yield listening(place)


def listening(
    place: Desk, settings: str = FREE, home: str = "", env: dict[str, str] | None = None
) -> RunningApp:
    """The app, hands-free, its microphone open."""
    place.settle(settings, home)
    app = place.start_ready(home=home, env=env)
    app.wait_for("HandsFreeChanged", is_on=True, is_muted=False)
    return app


def wav(place: Desk, name: str, wave: Wave) -> str:
    path = place.folder / f"{name}.wav"
    write_file(path, Audio(pcm=room.pcm(wave), rate_hz=room.RATE_HZ))
    return str(path)


def turns_begun(app: RunningApp, since: int) -> list[dict[str, object]]:
    return [event for event in app.of("PhaseChanged", since) if event["phase"] == "listening"]


def answer_aloud(place: Desk, app: RunningApp, text: str = "I had a long day and I am tired") -> int:
    """Types `text`, and returns once the answer sounds; gives a place in the events from before it."""
    since = app.mark()
    place.write(text)
    app.wait_for("PhaseChanged", phase="speaking", since=since)
    return since


def test_with_headphones_the_answer_can_be_talked_over_without_echo_cancellation(
    place: Desk, tmp_path: Path
) -> None:
    (tmp_path / "pywebrtc_audio.py").write_text("raise ImportError('not installed')")
    without = {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.getcwd()])}
    app = listening(place, FREE.replace("free", "free, headphones: true"), "headphones", without)
    assert app.of("HandsFreeChanged")[-1]["cancels_echo"]
    since = answer_aloud(place, app)
    place.speak("austen-0890.wav")
    assert app.wait_for("TurnFinished", since=since)["record"]["reply_state"] == "interrupted"
    assert app.wait_for("UserSaid", since=app.mark())["saved"]
    assert app.close() == 0


def test_a_loudspeaker_without_echo_cancellation_is_told_and_waited_for(place: Desk, tmp_path: Path) -> None:
    (tmp_path / "pywebrtc_audio.py").write_text("raise ImportError('not installed')")
    without = {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.getcwd()])}
    app = listening(place, FREE, "loudspeaker", without)
    assert not app.of("HandsFreeChanged")[-1]["cancels_echo"]
    with place.sound.echo():
        since = answer_aloud(place, app)
        record = app.wait_for("TurnFinished", since=since)["record"]
        assert record["reply_state"] == "whole"
        assert turns_begun(app, since) == [], "its own voice is nobody's turn"
        place.speak("austen-0890.wav")
        assert app.wait_for("UserSaid", since=app.mark())["saved"]
    assert app.close() == 0


def test_speaking_begins_a_turn_and_a_pause_ends_it(place: Desk, app: RunningApp) -> None:
    assert place.sound.open_microphones() == ["mic"]
    for _ in range(2):
        since = app.mark()
        place.speak("austen-0870.wav")
        said = app.wait_for("UserSaid", since=since)
        assert likeness(said["text"], AUSTEN) > 0.6
        partial = [e for e in app.of("TranscriptHeard", since) if not e["transcript"]["is_final"]]
        assert partial, "words appear while the person still speaks"
        record = app.wait_for("TurnFinished", since=since)["record"]
        assert record["reply_state"] == "whole"
        app.wait_for("PhaseChanged", phase="ready", since=since)
        assert len(turns_begun(app, since)) == 1
    assert place.sound.open_microphones() == ["mic"], "it goes on listening"


def noises(level_db: float) -> Wave:
    """Eleven seconds of what a desk hears that nobody said, as loud as this."""
    louder = 10 ** ((level_db + 24) / 20)
    parts = mix((0, room.noise(3, -24)), (3, room.pink(3, -24)), (6, room.chords(3)), (9, room.knocks(2)))
    return parts * louder


def test_noise_music_and_its_own_voice_begin_no_turn(place: Desk, app: RunningApp) -> None:
    since = app.mark()
    place.speak(wav(place, "loud", noises(-24)))  # as loud as a person
    for text in ("I had a long day and I am tired", "What remains when the day is over"):
        answer_aloud(place, app, text)
        place.speak(wav(place, "soft", noises(-40)), wait=False)  # behind the app's own voice
        turn = app.of("PhaseChanged")[-1]["turn"]
        record = app.wait_for("TurnFinished", since=since, turn=turn)["record"]
        assert record["reply_state"] == "whole"
    time.sleep(1.0)
    assert turns_begun(app, since) == []


@pytest.mark.long
def test_a_while_in_which_nobody_speaks(place: Desk, app: RunningApp) -> None:
    since, until_s, answers = app.mark(), time.monotonic() + 80, 0
    while time.monotonic() < until_s:
        place.speak(wav(place, "loud", noises(-24)))
        for level_db in (-40, -60):
            answer_aloud(place, app)
            place.speak(wav(place, "soft", noises(level_db)), wait=False)
            turn = app.of("PhaseChanged")[-1]["turn"]
            app.wait_for("TurnFinished", since=since, turn=turn)
            answers += 1
    begun = turns_begun(app, since)
    print(f"{len(begun)} false starts in 80 seconds with {answers} answers")
    assert begun == []


def test_talking_over_the_answer_silences_it_and_is_the_next_turn(place: Desk, app: RunningApp) -> None:
    after_signal_ms, after_onset_ms = [], []
    for asked in ("What can you do?", "Who are you?", "Is this private?"):  # each has a long answer
        since = answer_aloud(place, app, asked)
        time.sleep(1.5)
        mouth, ear = place.sound.record_speaker("vmic"), place.sound.record_speaker()
        place.speak("austen-0870.wav")
        began = app.wait_for("PhaseChanged", phase="listening", since=since)
        interrupted = app.wait_for("TurnFinished", since=app.events.index(began))["record"]
        heard, played = mouth.stop(), ear.stop()
        said = app.wait_for("UserSaid", since=app.events.index(began))
        after_signal_ms.append((last_sound_s(before(played, said["t"])) - began["t"]) * 1000)
        after_onset_ms.append((last_sound_s(before(played, said["t"])) - onset_s(heard)) * 1000)
        assert interrupted["reply_state"] == "interrupted"
        assert 0 < len(interrupted["heard_text"]) < len(interrupted["reply_text"])
        assert likeness(said["text"], AUSTEN) > 0.5
        app.wait_for("PhaseChanged", phase="speaking", since=app.events.index(said))
        place.tap("Escape")
        app.wait_for("TurnFinished", since=app.events.index(said))
    print("silent after the turn began, ms:", [round(ms) for ms in after_signal_ms])
    print("silent after the first sound of speech, ms:", [round(ms) for ms in after_onset_ms])
    assert min(after_signal_ms) < 150
    assert min(after_onset_ms) < 1000, "a few words, and mostly the first"


def before(sound: Recorded, at_s: float) -> Recorded:
    """What sounded until then."""
    count = round((at_s - sound.started_s) * sound.rate_hz)
    return Recorded(samples=sound.samples[:count], rate_hz=sound.rate_hz, started_s=sound.started_s)


def onset_s(heard: Recorded) -> float:
    """`time.monotonic()` at the first sound of the person in what the microphone heard."""
    from companion.decoding import read_file
    from companion.pcm import Resampler

    spoken = read_file(DATA / "austen-0870.wav")
    wave = samples(Resampler(spoken.rate_hz, heard.rate_hz).process(spoken.pcm, last=True))
    at, _ = find(wave, heard.samples)
    first = int(np.flatnonzero(np.abs(wave.astype(np.int32)) > 600)[0])
    return heard.started_s + (at + first) / heard.rate_hz


def test_muting_closes_the_microphone_and_nothing_else(place: Desk, app: RunningApp) -> None:
    since = answer_aloud(place, app)
    place.tap("ctrl+m")
    app.wait_for("HandsFreeChanged", is_on=True, is_muted=True, since=since)
    assert place.sound.open_microphones() == []
    place.speak("austen-0870.wav", wait=False)
    record = app.wait_for("TurnFinished", since=since)["record"]
    assert record["heard_text"] == record["reply_text"], "the answer is heard to its end"
    time.sleep(1.0)
    assert turns_begun(app, since) == []
    since = app.mark()
    place.tap("ctrl+m")
    app.wait_for("HandsFreeChanged", is_on=True, is_muted=False, since=since)
    assert place.sound.open_microphones() == ["mic"]
    place.speak("austen-0890.wav")
    assert app.wait_for("UserSaid", since=since)["saved"]
    place.tap("Escape")
    assert app.close() == 0
    assert place.sound.open_microphones() == []
