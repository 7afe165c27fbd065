from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, strategies as st

from companion.decoding import read_file
from companion.flow import FRAME_BYTES, TurnSignal
from companion.segment import WINDOW_S, Endpoint, Endpointing, Endpoints, Probabilities, Speech, SpeechGate
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


def test_a_take_is_listened_to_as_if_it_were_the_first() -> None:
    speech = samples(read_file(DATA / "austen-0890.wav").pcm)[: 2 * RATE_HZ]
    first = [*Probabilities().feed(speech.astype("<i2").tobytes())]
    _ = [*Probabilities().feed(noise(1, 8_000).astype("<i2").tobytes())]
    at_once = Probabilities(), Probabilities()
    assert [[*each.feed(speech.astype("<i2").tobytes())] for each in at_once] == [first, first]


FRUGAL = """
import os, threading
from companion.segment import SpeechGate
gate = SpeechGate()
for _ in range(50):
    gate.feed(os.urandom(640))
print(len(os.listdir("/proc/self/task")), os.environ.get("OMP_THREAD_LIMIT"))
"""


@pytest.mark.parametrize("own", [None, "3"])
def test_listening_takes_one_thread_and_limits_no_other_program(own: str | None) -> None:
    """A window is far too little work to be shared out: four threads cost ten times as much."""
    environment = {**os.environ, **({"OMP_THREAD_LIMIT": own} if own else {})}
    told = subprocess.run(
        [sys.executable, "-c", FRUGAL], env=environment, capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == ["1", str(own)]


# -- turns ------------------------------------------------------------------------------------------------------

STARTED, EAGER_END, RESUMED, ENDED = TurnSignal
RULES = Endpointing(
    onset_windows=3,
    guarded_windows=5,
    eager_pause_s=10 * WINDOW_S,
    end_pause_s=20 * WINDOW_S,
    first_pause_s=40 * WINDOW_S,
    settled_s=100 * WINDOW_S,
    pre_roll_s=5 * WINDOW_S,
)
TALK, QUIET, LONG = [0.9], [0.0], [0.9] * 100
TURNS = [
    ("silence", QUIET * 100, []),
    ("clicks", ([0.95] * 2 + QUIET) * 30, []),
    ("unsure", [0.49] * 100, []),
    (
        "a turn of length ends after the short pause",
        LONG + QUIET * 20,
        [(3, STARTED), (110, EAGER_END), (120, ENDED)],
    ),
    ("but not one window earlier", LONG + QUIET * 19, [(3, STARTED), (110, EAGER_END)]),
    (
        "who has hardly begun is given longer",
        TALK * 50 + QUIET * 40,
        [(3, STARTED), (60, EAGER_END), (80, ENDED)],
    ),
    (
        "a pause within a sentence",
        LONG + QUIET * 15 + TALK * 3 + QUIET * 20,
        [(3, STARTED), (110, EAGER_END), (118, RESUMED), (128, EAGER_END), (138, ENDED)],
    ),
    ("a consonant is no pause", LONG + [0.4] * 30 + TALK, [(3, STARTED)]),
    (
        "clicks do not resume",
        LONG + QUIET * 12 + TALK * 2 + QUIET * 6,
        [(3, STARTED), (110, EAGER_END), (120, ENDED)],
    ),
    (
        "a word that begins as the pause runs out is waited for",
        LONG + QUIET * 18 + TALK * 5,
        [(3, STARTED), (110, EAGER_END), (121, RESUMED)],
    ),
    (
        "two turns",
        (LONG + QUIET * 20) * 2,
        [(3, STARTED), (110, EAGER_END), (120, ENDED), (123, STARTED), (230, EAGER_END), (240, ENDED)],
    ),
]


@pytest.mark.parametrize(
    ("probabilities", "wanted"), [row[1:] for row in TURNS], ids=[row[0] for row in TURNS]
)
def test_turns_begin_pause_go_on_and_end(
    probabilities: list[float], wanted: list[tuple[int, TurnSignal]]
) -> None:
    turns, told = Endpoints(RULES), []
    for window, probability in enumerate(probabilities, 1):
        if endpoint := turns.add(probability):
            assert endpoint.at_s == pytest.approx(window * WINDOW_S)
            told.append((window, endpoint.signal))
    assert told == wanted


def test_an_endpoint_tells_where_the_speech_or_the_quiet_began_and_how_much_was_said() -> None:
    turns = Endpoints(RULES)
    told = [
        turns.add(probability) for probability in QUIET * 10 + LONG + QUIET * 12 + TALK * 100 + QUIET * 20
    ]
    started, eager, resumed, _, ended = [endpoint for endpoint in told if endpoint]
    assert (started.since_s, started.pre_roll_s) == pytest.approx((10 * WINDOW_S, 5 * WINDOW_S))
    assert (eager.since_s, resumed.since_s, ended.since_s) == pytest.approx(
        (110 * WINDOW_S, 122 * WINDOW_S, 222 * WINDOW_S)
    )
    assert (started.speech_s, eager.speech_s, ended.speech_s) == pytest.approx(
        (3 * WINDOW_S, 100 * WINDOW_S, 200 * WINDOW_S)
    )


def test_pre_roll_reaches_back_neither_before_the_beginning_nor_into_the_last_turn() -> None:
    turns = Endpoints(RULES)
    told = [turns.add(probability) for probability in QUIET * 2 + LONG + QUIET * 21 + TALK * 3]
    starts = [endpoint for endpoint in told if endpoint and endpoint.signal is STARTED]
    assert [start.pre_roll_s for start in starts] == pytest.approx([2 * WINDOW_S, 1 * WINDOW_S])


def test_while_the_app_speaks_a_turn_needs_more_but_goes_on_as_ever() -> None:
    turns = Endpoints(RULES)
    assert [turns.add(0.55, is_guarded=True) for _ in range(30)] == [None] * 30
    *before, last = [turns.add(0.8, is_guarded=True) for _ in range(RULES.guarded_windows)]
    assert before == [None] * len(before)
    assert last is not None
    assert last.signal is STARTED
    assert [turns.add(0.4, is_guarded=True) for _ in range(30)] == [None] * 30


def test_a_turn_ended_in_the_middle_of_a_word_does_not_begin_again_with_the_rest_of_it() -> None:
    turns = Endpoints(RULES)
    for _ in range(20):
        turns.add(0.9)
    ended = turns.close()
    assert ended is not None
    assert ended.signal is ENDED
    assert turns.close() is None
    rest = TALK * 50 + QUIET * 8 + TALK * 10 + QUIET * 9
    assert [turns.add(probability) for probability in rest] == [None] * len(rest)
    assert [turns.add(probability) for probability in QUIET + TALK * 3][-1] is not None


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.3, 0.4, 0.6, 0.9]), st.integers(1, 30), st.booleans(), st.booleans()
        ),
        max_size=40,
    )
)
def test_whatever_is_heard_turns_are_whole_and_time_goes_forward(
    stretches: list[tuple[float, int, bool, bool]],
) -> None:
    turns, told = Endpoints(RULES), list[Endpoint]()
    for probability, windows, is_guarded, is_given_up in stretches:
        told += [said for _ in range(windows) if (said := turns.add(probability, is_guarded=is_guarded))]
        if is_given_up and (ended := turns.close()):
            told.append(ended)
    if ended := turns.close():
        told.append(ended)
    follows = {
        None: {STARTED},
        STARTED: {EAGER_END, ENDED},
        EAGER_END: {RESUMED, ENDED},
        RESUMED: {EAGER_END, ENDED},
        ENDED: {STARTED},
    }
    before: Endpoint | None = None
    for endpoint in told:
        assert endpoint.signal in follows[before.signal if before else None]
        assert endpoint.since_s - endpoint.pre_roll_s >= -1e-9
        assert endpoint.since_s <= endpoint.at_s
        assert endpoint.speech_s > 0
        if before:
            assert endpoint.at_s >= before.at_s
        before = endpoint
    assert before is None or before.signal is ENDED
