"""What Whisper sees and writes, against known values, and what is done when it repeats itself."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from companion.providers.here.process.mel import log_mel
from companion.providers.here.process.whisper_model import WINDOW_S, Heard, hear_without_loops, repeats_itself
from companion.providers.here.process.whisper_tokens import Tokens

LETTERS = [chr(code) for code in (*range(33, 127), *range(161, 173), *range(174, 256), *range(256, 324))]
WORDS = ["Ġand", "Ġso", "Ġmy", "Ġs"]
SPECIAL = ["<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|de|>", "<|transcribe|>", "<|startofprev|>"]
VOCABULARY = [*LETTERS, *WORDS, *SPECIAL, "<|notimestamps|>", "<|0.00|>"]


def sine(hz: float, seconds: float = 1.0) -> bytes:
    at = np.arange(int(seconds * 16_000)) / 16_000
    return bytes((16_384 * np.sin(2 * np.pi * hz * at)).astype("<i2"))


# -- what it sees -------------------------------------------------------------------------------------------


def test_silence_is_the_lowest_value_everywhere() -> None:
    seen = log_mel(bytes(32_000), 80, 150)
    assert seen.shape == (80, 150)
    assert seen.dtype == np.float32
    assert np.allclose(seen, -1.5)


@pytest.mark.parametrize(("hz", "band"), [(250, 6), (1000, 26), (4000, 61)])
def test_a_tone_is_in_its_band_while_it_sounds(hz: float, band: int) -> None:
    """Bands are spaced evenly in mel: 200 / 3 Hz each up to 1 kHz, then by equal factors of 6.4 ** (1 / 27)."""
    seen = log_mel(sine(hz), 80, 200)
    assert abs(int(seen[:, 50].argmax()) - band) <= 1
    assert seen[:, 50].max() > seen[:, 150].max() + 1, "the second after it is silent"
    assert seen.max() - seen.min() == pytest.approx(2.0), "eight decades are seen, no more"


def test_the_filters_are_those_the_model_was_trained_with() -> None:
    from companion.providers.here.process.mel import _filters

    filters = _filters(80)
    assert filters.shape == (80, 201)
    assert filters[0, 1] == pytest.approx(0.02486259, abs=1e-7)
    assert filters[1, 1:3] == pytest.approx([0.00199082, 0.02287177], abs=1e-7)
    assert _filters(128)[0, 1] == pytest.approx(0.01237399, abs=1e-7)


# -- what it writes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [" and so my", "Grüße, 世界 🙂", " s and"])
def test_tokens_spell_any_text(text: str) -> None:
    tokens = Tokens(VOCABULARY)
    numbers = tokens.encode(text)
    assert tokens.decode(numbers) == text
    assert tokens.decode([*numbers, tokens.end, len(VOCABULARY) - 1]) == text, "signs are no text"


def test_the_longest_token_is_taken() -> None:
    tokens = Tokens(VOCABULARY)
    first = len(LETTERS)
    assert tokens.encode(" and so my") == [first, first + 1, first + 2]


def test_the_prompt_names_language_task_and_hints() -> None:
    tokens, special = Tokens(VOCABULARY), len(LETTERS) + len(WORDS)
    assert tokens.prompt("de") == [special + 1, special + 3, special + 4, special + 6]
    assert tokens.prompt("") == [special + 1, special + 6], "a model of English only is told nothing"
    assert tokens.prompt("en", "so")[:2] == [special + 5, len(LETTERS) + 1]
    assert tokens.knows("de")
    assert not tokens.knows("xx")


def test_tokens_are_read_from_whichever_file_is_there(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="tokenizer"):
        Tokens.read(tmp_path)
    plain, added = len(LETTERS) + len(WORDS), len(VOCABULARY)
    vocabulary = {word: number for number, word in enumerate(VOCABULARY[:plain])}
    signs = [{"id": number, "content": VOCABULARY[number]} for number in range(plain, added)]
    told = {"model": {"vocab": vocabulary}, "added_tokens": signs}
    (tmp_path / "tokenizer.json").write_text(json.dumps(told), encoding="utf-8")
    prompts = [Tokens.read(tmp_path).prompt("en", "so my")]
    (tmp_path / "vocabulary.json").write_text(json.dumps(VOCABULARY), encoding="utf-8")
    prompts.append(Tokens.read(tmp_path).prompt("en", "so my"))
    (tmp_path / "vocabulary.txt").write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    prompts.append(Tokens.read(tmp_path).prompt("en", "so my"))
    assert prompts[0] == prompts[1] == prompts[2]
    (tmp_path / "vocabulary.txt").write_text("a\nb\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no tokens"):
        Tokens.read(tmp_path)


# -- loops --------------------------------------------------------------------------------------------------

LOOP = "and so we went and so we went " * 9


@pytest.mark.parametrize(
    ("text", "seconds", "is_loop"),
    [
        ("Yes.", 0.4, False),
        ("And so my fellow Americans, ask not what your country can do for you.", 6.0, False),
        ("no no no no no", 1.0, False),
        (LOOP, 30.0, True),
        ("one two three four five six seven eight nine ten eleven twelve", 1.0, True),
        ("", 3.0, False),
    ],
)
def test_a_text_that_nobody_said_is_noticed(text: str, seconds: float, is_loop: bool) -> None:
    assert repeats_itself(text, seconds) is is_loop


def test_a_loop_in_the_short_window_is_heard_again_in_the_whole_one() -> None:
    asked: list[tuple[float, int]] = []

    def look(window_s: float, no_repeat: int) -> Heard:
        asked.append((window_s, no_repeat))
        return Heard(text="And so we went." if window_s == WINDOW_S else LOOP)

    assert hear_without_loops(look, 5.0, 4.0).text == "And so we went."
    assert asked == [(9.0, 0), (WINDOW_S, 0)]


def test_a_decoder_that_is_stuck_in_any_window_may_not_say_a_thing_twice() -> None:
    asked: list[tuple[float, int]] = []

    def look(window_s: float, no_repeat: int) -> Heard:
        asked.append((window_s, no_repeat))
        return Heard(text="And so we went." if no_repeat else LOOP)

    assert hear_without_loops(look, 28.0, 4.0).text == "And so we went."
    assert asked == [(WINDOW_S, 0), (WINDOW_S, 0), (WINDOW_S, 3)]


def test_what_the_model_holds_for_silence_is_silence() -> None:
    assert Heard(text="Thank you.", no_speech=0.9, log_probability=-1.4).is_silence
    assert not Heard(text="Yes.", no_speech=0.7, log_probability=-0.3).is_silence
    assert Heard(text="Yes.", log_probability=-0.5).confidence == pytest.approx(math.exp(-0.5))
