"""One take in the engine process: when it is looked at, where it is cut, and who waits for whom. The model is scripted."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from companion.providers.here.process.job import Cancelled, Job, Refused
from companion.providers.here.process.pipe import Frame
from companion.providers.here.process.whisper_engine import (
    BYTES_PER_S,
    Ear,
    Listening,
    hear_with_whisper,
    physical_cores,
    softest_place,
)
from companion.providers.here.process.whisper_model import Heard

FRAME = 640
VOICE, QUIET = b"\x00\x10" * (FRAME // 2), bytes(FRAME)


class ScriptedModel:
    """Hears a word for each second of sound, as the script says, and remembers what it was given."""

    is_multilingual = True

    def __init__(self, said: Callable[[int], str] = lambda second: f"word{second}") -> None:
        self.said = said
        self.looks: list[tuple[float, str, str, bool]] = []
        self.language = ("en", 0.99)
        self.before_step: Callable[[], None] = lambda: None

    def hear(
        self,
        pcm: bytes,
        *,
        language: str = "",
        usual: str = "",
        context: str = "",
        is_last: bool = True,
        go_on: Callable[[], None] = lambda: None,
    ) -> Heard:
        for _ in range(2):  # before it is encoded, and before it is written
            self.before_step()
            go_on()
        seconds = len(pcm) / BYTES_PER_S
        self.looks.append((round(seconds, 2), language, usual, is_last))
        text = " ".join(self.said(second) for second in range(int(seconds)))
        return Heard(text=text, language=self.language[0], language_certainty=self.language[1])


class LoudnessGate:
    """Whatever sounds is speech, at once; a little of it is lost, as with the real one."""

    def __init__(self) -> None:
        self.speech_s = self.pause_s = 0.0

    def feed(self, frame: bytes) -> None:
        for start in range(0, len(frame), FRAME):
            is_quiet = not any(frame[start : start + FRAME])
            self.speech_s += 0.0 if is_quiet else 0.018
            self.pause_s = self.pause_s + 0.02 if is_quiet else 0.0


def job(language: str = "", usual: str = "") -> Job:
    order = {"language": language, "usual_language": usual, "context": "", "folder": "base"}
    return Job(1, order, lambda *_: None)


def listening(model: ScriptedModel, work: Job | None = None) -> Listening:
    return Listening(model, Ear(), work or job(), LoudnessGate())


def say(take: Listening, seconds: float, sound: bytes = VOICE) -> None:
    """Sound as a microphone gives it: there is time for a look after each frame."""
    for _ in range(round(seconds * 50)):
        take.feed(sound)
        take.feed(b"")


def test_the_first_look_comes_within_a_second_and_then_one_a_second() -> None:
    model = ScriptedModel()
    take = listening(model)
    say(take, 1.0)
    assert [look[0] for look in model.looks] == [0.7]
    say(take, 4.0)
    assert [look[0] for look in model.looks] == pytest.approx([0.7, 1.7, 2.7, 3.7, 4.7], abs=0.05)
    assert take.told["text"] == "word0 word1 word2 word3"
    assert take.told["text"][: take.told["committed"]] == "word0"


def test_a_pause_is_looked_at_and_at_the_end_nothing_is_left_to_hear() -> None:
    model = ScriptedModel()
    take = listening(model)
    say(take, 2.0)
    say(take, 0.5, QUIET)
    looks = len(model.looks)
    assert model.looks[-1] == (2.3, "", "", True)
    assert take.finish()["text"] == "word0 word1"
    assert len(model.looks) == looks


def test_who_lets_go_while_a_pause_is_looked_at_waits_for_that_look_only() -> None:
    model, work = ScriptedModel(), job()
    take = listening(model, work)
    say(take, 2.0)
    model.before_step = lambda: work.deliver(Frame.END, b"")
    say(take, 0.5, QUIET)
    looks = len(model.looks)
    assert take.finish()["text"] == "word0 word1"
    assert len(model.looks) == looks


def test_what_was_said_after_the_latest_look_is_heard_at_the_end() -> None:
    model = ScriptedModel()
    take = listening(model)
    say(take, 3.5)
    told = take.finish()
    assert told.pop("pace") > 0, "how long the model is at work for a second of speech"
    assert told == {"text": "word0 word1 word2", "confidence": 1.0, "language": "en"}
    assert model.looks[-1][0] == 3.5


def test_silence_is_never_looked_at_and_not_kept() -> None:
    model = ScriptedModel()
    take = listening(model)
    say(take, 60, QUIET)
    assert len(take._pcm) <= BYTES_PER_S
    assert take.finish()["text"] == ""
    assert model.looks == []
    say(take, 1.0)
    assert model.looks[0][0] < 1.5, "of the silence only the moment before the first word is heard"


def test_a_stretch_ends_at_a_pause_and_is_never_heard_again() -> None:
    model = ScriptedModel()
    take = listening(model)
    for _ in range(3):
        say(take, 7.0)
        say(take, 0.7, QUIET)
    say(take, 2.0)
    take.finish()
    whole = [seconds for seconds, _, _, is_last in model.looks if is_last]
    assert max(seconds for seconds, *_ in model.looks) < 8.5
    assert len(whole) >= 4
    assert take.told["text"].split().count("word0") == 4
    assert take.told["text"][: take.told["committed"]].split()[:7] == [f"word{n}" for n in range(7)]


def test_a_take_of_five_minutes_costs_as_much_a_minute_as_a_short_one() -> None:
    model, longest = ScriptedModel(), 0
    take = listening(model)
    for _ in range(30):
        say(take, 9.2)
        longest = max(longest, len(take._pcm))
        say(take, 0.8, QUIET)
    take.finish()
    assert longest <= 10 * BYTES_PER_S, "the sound of what was heard is forgotten"
    assert sum(look[0] for look in model.looks[-len(model.looks) // 30 :]) < 60
    assert len(model.looks) < 12 * 30


def test_who_never_breathes_is_cut_at_the_softest_place_and_nothing_is_lost() -> None:
    model = ScriptedModel()
    take = listening(model)
    say(take, 20.0)
    say(take, 0.2, b"\x10\x00" * (FRAME // 2))
    say(take, 12.0)
    take.finish()
    closed = [seconds for seconds, _, _, is_last in model.looks if is_last]
    assert closed[0] == pytest.approx(20.1, abs=0.15)
    assert sum(closed) == pytest.approx(32.2, abs=0.1)


def test_the_softest_place_of_something_short_is_its_end() -> None:
    assert softest_place(VOICE) == len(VOICE)
    assert softest_place(b"") == 0


def test_a_stretch_with_too_few_words_is_heard_in_two_parts() -> None:
    """The model may end its text after the first sentence of a stretch."""
    model = ScriptedModel()
    whole = model.hear

    def ends_early(pcm: bytes, **order: Any) -> Heard:
        heard = whole(pcm, **order)
        return replace(heard, text=" ".join(heard.text.split()[: 3 if len(pcm) > 8 * BYTES_PER_S else 99]))

    model.hear = ends_early  # type: ignore[method-assign]
    take = listening(model)
    for _ in range(225):
        take.feed(VOICE)
    take.feed(bytes(FRAME) * 25)
    for _ in range(225):
        take.feed(VOICE)
    assert take.finish()["text"] == "word0 word1 word2 word3 word0 word1 word2 word3"


def test_sound_that_waits_is_taken_before_anything_is_looked_at() -> None:
    model = ScriptedModel()
    take = listening(model)
    for _ in range(250):  # a recording that is fed as fast as it is read
        take.feed(VOICE)
    assert model.looks == []
    assert take.finish()["text"] == "word0 word1 word2 word3 word4"
    assert [look[0] for look in model.looks] == [5.0]


def test_a_slow_look_makes_looks_rarer(monkeypatch: pytest.MonkeyPatch) -> None:
    model, now = ScriptedModel(), [0.0]
    monkeypatch.setattr("companion.providers.here.process.whisper_engine.time.monotonic", lambda: now[0])

    def pass_time() -> None:
        now[0] += 0.4

    take = listening(model)
    model.before_step = pass_time
    say(take, 5.0)
    assert [look[0] for look in model.looks] == pytest.approx([0.7, 2.1, 4.9], abs=0.05)
    model.before_step = lambda: None
    model.looks.clear()
    say(take, 12.0)
    seconds = [look[0] for look in model.looks]
    assert seconds[-1] - seconds[-2] == pytest.approx(1.0, abs=0.05), (
        "quick ones make them as frequent as before"
    )


# -- the language -------------------------------------------------------------------------------------------


def test_a_language_that_is_certain_holds_for_the_take() -> None:
    model = ScriptedModel()
    model.language = ("de", 0.9)
    take = listening(model)
    say(take, 3.0)
    model.language = ("en", 0.8)
    say(take, 2.0)
    assert take.finish()["language"] == "de"
    assert {language for seconds, language, *_ in model.looks if seconds > 3} == {"de"}


def test_a_short_word_is_taken_to_be_in_the_usual_language() -> None:
    model = ScriptedModel()
    model.language = ("nn", 0.95)
    take = listening(model, job(usual="de"))
    say(take, 0.9)
    assert take.finish()["language"] == ""
    assert {(language, usual) for _, language, usual, _ in model.looks} == {("", "de")}


def test_a_language_that_is_set_is_used_and_what_was_heard_is_told() -> None:
    model = ScriptedModel()
    model.language = ("de", 0.9)
    take = listening(model, job(language="en"))
    say(take, 3.0)
    assert take.finish()["language"] == "de"
    assert {language for _, language, *_ in model.looks} == {"en"}


# -- cancelled, crowded, idle -------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [1, 2])
def test_a_cancelled_take_stops_before_the_next_step_and_lets_the_next_take_in(step: int) -> None:
    model, work, steps = ScriptedModel(), job(), [0]

    def cancel() -> None:
        steps[0] += 1
        if steps[0] == step:
            work.deliver(Frame.CANCEL, b"")

    ear = Ear()
    take = Listening(model, ear, work, LoudnessGate())
    model.before_step = cancel
    with pytest.raises(Cancelled):
        say(take, 3.0)
    assert model.looks == []
    other = Listening(model, ear, job(), LoudnessGate())
    say(other, 2.0)
    assert other.finish()["text"] == "word0 word1"


def test_a_cancelled_take_does_not_wait_for_its_turn() -> None:
    ear, work = Ear(), job()
    work.deliver(Frame.CANCEL, b"")
    with ear.turn(job(), waits=True) as first, pytest.raises(Cancelled), ear.turn(work, waits=True):
        assert first


def test_a_look_on_the_way_never_holds_up_another_take() -> None:
    ear, model = Ear(), ScriptedModel()
    take = Listening(model, ear, job(), LoudnessGate())
    with ear.turn(job(), waits=True):
        say(take, 3.0)
    assert model.looks == []
    assert take.finish()["text"] == "word0 word1 word2"


def test_when_the_take_has_ended_a_look_on_the_way_is_given_up() -> None:
    model, work = ScriptedModel(), job()
    take = Listening(model, Ear(), work, LoudnessGate())
    model.before_step = lambda: work.deliver(Frame.END, b"")
    say(take, 1.0)
    assert model.looks == []
    model.before_step = lambda: None
    assert take.finish()["text"] == "word0"


def test_a_model_nobody_uses_is_given_back_and_loaded_again() -> None:
    loaded: list[str] = []

    def load(folder: str) -> ScriptedModel:
        loaded.append(folder)
        return ScriptedModel()

    ear = Ear(load, idle_s=0.02)
    first = ear.get("base")
    assert ear.get("base") is first
    while ear.is_loaded:
        time.sleep(0.005)
    assert ear.get("base") is not first
    ear.get("small")
    assert loaded == ["base", "base", "small"]


def test_a_model_in_use_is_not_given_back() -> None:
    ear = Ear(lambda _: ScriptedModel(), idle_s=0.01)
    ear.get("base")
    with ear.turn(job(), waits=True):
        time.sleep(0.05)
        assert ear.is_loaded


def test_a_folder_that_holds_no_model_is_refused_in_words(tmp_path: object) -> None:
    work = Job(1, {**job().order, "folder": str(tmp_path)}, lambda *_: None)
    with pytest.raises(Refused) as caught:
        hear_with_whisper(work)
    assert caught.value.kind == "engine_missing"
    assert "damaged" in caught.value.message


def test_partial_words_that_the_app_does_not_take_are_offered_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "companion.providers.here.process.whisper_engine._ear", Ear(lambda _: ScriptedModel())
    )
    monkeypatch.setattr("companion.providers.here.process.whisper_engine.SpeechGate", LoudnessGate)
    told: list[dict[str, object]] = []
    work = Job(
        1, job().order, lambda _, kind, data: told.append(json.loads(data)) if kind is Frame.DATA else None
    )
    hearing = threading.Thread(target=hear_with_whisper, args=(work,))
    hearing.start()
    for _ in range(120):
        work.deliver(Frame.DATA, VOICE)
        time.sleep(0.001)
        while work._inbox.qsize() > 10:
            time.sleep(0.001)
    work.deliver(Frame.END, b"")
    hearing.join()
    assert all(set(each) == {"text", "committed"} for each in told)


def test_at_least_one_core_is_used() -> None:
    assert physical_cores() >= 1
