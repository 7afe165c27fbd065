from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.audio.segment import WINDOW_S, Speech, SpeechGate
from companion.flow import FRAME_BYTES
from companion.pcm import read_file
from tests.audio.signals import DATA, Samples, samples, sine

RATE_HZ = 16_000
TABLE = [
    ("silence", [0.0] * 50, 0, 50),
    ("a click, however sure the model is", [0.0, 0.9, 0.95, 0.0, 0.0], 0, 5),
    ("many clicks do not add up", [0.9, 0.9, 0.0] * 10, 0, 30),
    ("a short word", [0.0] * 5 + [0.6, 0.9, 0.9, 0.7] + [0.0] * 5, 4, 5),
    ("a consonant in the middle is held", [0.9, 0.9, 0.9, 0.4, 0.4, 0.9, 0.1], 6, 1),
    ("but not where nothing began", [0.4] * 20, 0, 20),
    ("two words with a pause", [0.9] * 4 + [0.0] * 10 + [0.9] * 3, 7, 0),
    ("still speaking", [0.0, 0.9, 0.9, 0.9], 3, 0),
]


@pytest.mark.parametrize(
    ("probabilities", "speech", "pause"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_speech_is_what_lasts(probabilities: list[float], speech: int, pause: int) -> None:
    heard = Speech()
    for probability in probabilities:
        heard.add(probability)
    assert heard.speech_s == pytest.approx(speech * WINDOW_S)
    assert heard.pause_s == pytest.approx(pause * WINDOW_S)


@given(st.lists(st.floats(0, 1), max_size=80))
def test_speech_and_pause_never_exceed_what_was_heard_and_speech_never_shrinks(
    probabilities: list[float],
) -> None:
    heard, before_s = Speech(), 0.0
    for count, probability in enumerate(probabilities, 1):
        heard.add(probability)
        assert before_s <= heard.speech_s <= count * WINDOW_S - heard.pause_s + 1e-9
        before_s = heard.speech_s


def gate_after(heard: Samples) -> SpeechGate:
    gate, pcm = SpeechGate(), heard.astype("<i2").tobytes()
    for at in range(0, len(pcm), FRAME_BYTES):
        gate.feed(pcm[at : at + FRAME_BYTES])
    return gate


def noise(seconds: float, level: float) -> Samples:
    wave = np.random.default_rng(7).standard_normal(int(seconds * RATE_HZ)) * level
    return wave.clip(-32768, 32767).astype(np.int16)


def typing() -> Samples:
    """Two seconds of a quiet room with a key struck every 150 ms: down, then up."""
    room, rng = noise(2.0, 20).astype(np.float64), np.random.default_rng(11)
    for stroke in range(13):
        for at_s, level in ((0.15 * stroke, 12_000), (0.15 * stroke + 0.07, 6_000)):
            at = int(at_s * RATE_HZ)
            decay = np.exp(-np.arange(480) / 80)
            part = room[at : at + 480]
            part += (rng.standard_normal(480) * level * decay)[: len(part)]
    return room.clip(-32768, 32767).astype(np.int16)


NO_SPEECH = {
    "silence": np.zeros(2 * RATE_HZ, dtype=np.int16),
    "a quiet room": noise(2, 60),
    "loud white noise": noise(2, 8_000),
    "typing": typing(),
    "mains hum": samples(sine(2, RATE_HZ, hz=50).pcm),
    "a beep": samples(sine(2, RATE_HZ, hz=880).pcm),
}


@pytest.mark.parametrize("name", NO_SPEECH)
def test_what_is_no_speech_does_not_pass(name: str) -> None:
    gate = gate_after(NO_SPEECH[name])
    assert not gate.heard_speech
    assert gate.speech_s == 0.0


@pytest.mark.parametrize("start_s", [0.5, 1.7, 3.1, 4.0])
@pytest.mark.parametrize("length_s", [0.25, 0.3])
def test_a_word_as_short_as_yes_passes(start_s: float, length_s: float) -> None:
    speech = samples(read_file(DATA / "austen-0870.wav").pcm)
    word = speech[int(start_s * RATE_HZ) : int((start_s + length_s) * RATE_HZ)]
    tail = np.zeros(int(0.2 * RATE_HZ), dtype=np.int16)  # what is recorded after the key is let go
    assert gate_after(np.concatenate([word, tail])).heard_speech


def test_whole_sentences_pass_with_their_length_and_the_pause_after_them() -> None:
    speech = samples(read_file(DATA / "austen-0890.wav").pcm)
    gate = gate_after(np.concatenate([speech, np.zeros(RATE_HZ, dtype=np.int16)]))
    assert 4.0 < gate.speech_s < len(speech) / RATE_HZ
    assert 0.9 < gate.pause_s < 1.6
