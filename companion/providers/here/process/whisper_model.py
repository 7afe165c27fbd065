"""Whisper through CTranslate2: one stretch of sound to its text. No state between two stretches.

The encoder is given the stretch and a few seconds of silence instead of the half minute it was trained on, which costs a
fifth. It may then repeat itself without end; such a text is noticed and heard again with the whole window.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from companion.flow import CAPTURE_RATE_HZ
from companion.providers.here.process.mel import FRAMES_PER_S, log_mel
from companion.providers.here.process.whisper_tokens import Tokens

WINDOW_S = 30.0
"""What the encoder takes at most."""
MARGIN_S, LAST_MARGIN_S = 4.0, 6.0
"""Silence after the stretch. More costs time and gives better stops and commas: worth it for the last look."""
MOST_TOKENS = 224
LOOPING = 2.4
"""Texts that compress better than this repeat themselves; Whisper's authors found the figure."""
SILENT, DOUBTFUL = 0.6, -1.0
"""No speech: the model holds this likely, and its words unlikely (mean log-probability)."""

CERTAIN = 0.7
"""A language that is so likely is the one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What one look at a stretch gave."""

    text: str
    language: str = ""
    """Tag of the language that was most likely; empty: the model knows only English."""
    language_certainty: float = 0.0
    no_speech: float = 0.0
    log_probability: float = 0.0
    """Mean over the tokens."""

    @property
    def confidence(self) -> float:
        return math.exp(min(0.0, self.log_probability))

    @property
    def is_silence(self) -> bool:
        return self.no_speech > SILENT and self.log_probability < DOUBTFUL


def repeats_itself(text: str, seconds: float) -> bool:
    """Whether a text is a loop: it compresses too well, or has more words than anybody says in that time."""
    data = text.encode()
    return len(text.split()) > 6 + 5 * seconds or len(data) / len(zlib.compress(data)) > LOOPING


def hear_without_loops(look: Callable[[float, int], Heard], seconds: float, margin_s: float) -> Heard:
    """What `look(window in seconds, length of what may not come twice)` finds in a stretch, in a window long enough."""
    heard = look(min(WINDOW_S, seconds + margin_s), 0)
    if repeats_itself(heard.text, seconds):
        heard = look(WINDOW_S, 0)
    if repeats_itself(heard.text, seconds):
        heard = look(WINDOW_S, 3)
    return heard


class WhisperModel:
    """A model in memory. One call at a time: each uses every core it was given."""

    def __init__(self, folder: Path, threads: int) -> None:
        """Loads it.

        Raises:
            ImportError: CTranslate2 is not installed.
            OSError, ValueError, RuntimeError: the folder holds no whole model.
        """
        import ctranslate2

        self._view = ctranslate2.StorageView.from_array
        self._tokens = Tokens.read(folder)
        self._model = ctranslate2.models.Whisper(
            str(folder), device="cpu", compute_type="int8", intra_threads=threads, inter_threads=1
        )
        self.is_multilingual = bool(self._model.is_multilingual)
        self._bands = int(self._model.n_mels)

    def knows(self, language: str) -> bool:
        """Whether it was trained on a language."""
        return self._tokens.knows(language) if self.is_multilingual else language == "en"

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
        """The text of at most `WINDOW_S` of int16 mono at 16 kHz.

        Args:
            language: that it is in; empty: whichever is likeliest, if any is likely.
            usual: that it is in where none is.
            is_last: nothing of the stretch is still to come.
            go_on: called before each long step; what it raises ends the work.
        """
        seconds = len(pcm) / 2 / CAPTURE_RATE_HZ

        def look(window_s: float, no_repeat: int) -> Heard:
            go_on()
            frames = math.ceil(window_s * FRAMES_PER_S / 2) * 2
            features = np.ascontiguousarray(log_mel(pcm, self._bands, frames)[None])
            encoded = self._model.encode(self._view(features))
            go_on()
            return self._write(encoded, seconds, (language, usual), context, no_repeat)

        return hear_without_loops(look, seconds, LAST_MARGIN_S if is_last else MARGIN_S)

    def _write(
        self, encoded: Any, seconds: float, languages: tuple[str, str], context: str, no_repeat: int
    ) -> Heard:
        likely, certainty, written = "", 0.0, ""
        if self.is_multilingual:
            token, certainty = self._model.detect_language(encoded)[0][0]
            likely, (language, usual) = token.strip("<|>"), languages
            written = language or (usual if usual and certainty < CERTAIN else likely)
        prompt = self._tokens.prompt(written, context)
        found = self._model.generate(
            encoded,
            [prompt],
            beam_size=1,
            max_length=len(prompt) + min(MOST_TOKENS, 16 + int(12 * seconds)),
            no_repeat_ngram_size=no_repeat,
            return_scores=True,
            return_no_speech_prob=True,
        )[0]
        numbers = found.sequences_ids[0]
        heard = Heard(
            text=self._tokens.decode(numbers).strip(),
            language=likely,
            language_certainty=certainty,
            no_speech=found.no_speech_prob,
            log_probability=found.scores[0] * len(numbers) / (len(numbers) + 1),
        )
        return replace(heard, text="") if heard.is_silence else heard
