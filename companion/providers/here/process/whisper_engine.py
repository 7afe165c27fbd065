"""Whisper in the engine process: a take comes in, its words go out while it is still being spoken.

A model hears whole stretches only, so the stretch under way is heard again about every second (`live_words` tells what
is firm). Where the speaker pauses, a stretch ends: it is heard once more and never again, and its sound is forgotten, so
that a long take costs no more a second than a short one. Stretches without speech are not heard at all.
"""

from __future__ import annotations

import math
import os
import platform
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import reduce
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

from companion.flow import CAPTURE_RATE_HZ
from companion.language import tr
from companion.providers.here.process.job import Job, Refused, as_json
from companion.providers.here.process.kept import IDLE_S, Kept
from companion.providers.here.process.live_words import LiveWords, count_words, ended, joined
from companion.providers.here.process.whisper_model import CERTAIN, Heard, WhisperModel
from companion.segment import WINDOW_S, SpeechGate

BYTES_PER_S = CAPTURE_RATE_HZ * 2
LULL_S = 0.01
"""A look begins when no sound waits to be taken: first what has been said, then what it means."""
FIRST_S, STEP_S, LONGEST_STEP_S = 0.7, 1.0, 8.0
"""How much is said until the first look, and how much more until the next."""
SLOW_S = 0.7
"""A look that takes longer doubles the step; so a busy computer is left some air."""
REST_S = 0.3
"""After speech, such a quiet is worth a look: at the end of a take it is the last one."""
LEAD_S = 0.6
"""Sound kept from before the first word of a stretch: speech is certain only some time after it began."""
BREATH_S = 0.15
PAUSES = ((6.0, 0.6), (12.0, BREATH_S))
"""How long a stretch is, and how long a quiet ends it then; between two, the quiet is between theirs. Words need their
neighbours, but after a long quiet in the middle of a stretch the model may take what comes first for everything."""
THIN, LONG_S = 1.0, 4.0
"""Fewer words than this in a second of speech, in so much of it: some may be missing."""
LONGEST_S = 25.0
"""Ends a stretch in which nobody breathes, at its softest place."""
ENOUGH_S = 2.0
"""A language that is certain in a stretch of such a length holds for the take; shorter ones are often mistaken."""
MOST_THREADS = 8


class Model(Protocol):
    """What hears: `WhisperModel`, or a test's."""

    is_multilingual: bool

    def hear(
        self,
        pcm: bytes,
        *,
        language: str,
        usual: str,
        context: str,
        is_last: bool,
        go_on: Callable[[], None],
    ) -> Heard: ...


class Gate(Protocol):
    """What tells speech from quiet: `SpeechGate`, or a test's."""

    @property
    def speech_s(self) -> float: ...

    @property
    def pause_s(self) -> float: ...

    def feed(self, frame: bytes) -> None: ...


class _Overtaken(Exception):
    """The take ended while a look was on its way: the last look sees more."""


def physical_cores() -> int:
    """How many cores this process may use, those counted once that pretend to be two."""
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    siblings = set()
    for core in usable:
        place = Path(f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list")
        try:
            siblings.add(place.read_text())
        except OSError:  # no Linux, or one that does not say
            is_double = platform.machine().lower() in ("amd64", "x86_64") and len(usable) > 2
            return max(1, len(usable) // 2 if is_double else len(usable))
    return max(1, len(siblings))


def _loaded(folder: str) -> WhisperModel:
    try:
        return WhisperModel(Path(folder), threads=min(MOST_THREADS, physical_cores()))
    except ImportError as error:
        raise Refused("engine_missing") from error
    except (OSError, ValueError, RuntimeError) as error:
        name = Path(folder).name
        raise Refused(
            "engine_missing",
            tr("The Whisper model “{name}” on this computer is damaged.", name=name),
            tr("Remove it in Settings under Hearing and fetch it again. What you said is kept."),
        ) from error


class Ear(Kept[Model]):
    """The model that is loaded, if one is. One look at a time: each uses every core."""

    def __init__(self, load: Callable[[str], Model] | None = None, *, idle_s: float = IDLE_S) -> None:
        super().__init__(load or _loaded, idle_s=idle_s)
        self._turn = threading.Lock()

    @contextmanager
    def turn(self, job: Job, *, waits: bool) -> Iterator[bool]:
        """Whether it is this job's turn within the block; one that waits gets it, or is cancelled."""
        got = self._turn.acquire(blocking=False)
        while waits and not got:
            job.stop_if_cancelled()
            got = self._turn.acquire(timeout=0.05)
        try:
            with self.in_use():
                yield got
        finally:
            if got:
                self._turn.release()


_ear = Ear()


def load_whisper(job: Job) -> dict[str, Any]:
    """Makes the model ready."""
    _ear.get(job.order["folder"])
    return {}


def hear_with_whisper(job: Job) -> dict[str, Any]:
    """Takes int16 mono at 16 kHz; offers what `Listening.told` says whenever the words change."""
    listening = Listening(_ear.get(job.order["folder"]), _ear, job)
    told: Mapping[str, Any] = {}
    for data in job.received(lull_s=LULL_S):
        listening.feed(data)
        if listening.told != told and job.offer(as_json(listening.told)):
            told = listening.told
    return listening.finish()


class Listening:
    """One take."""

    def __init__(self, model: Model, ear: Ear, job: Job, gate: Gate | None = None) -> None:
        self._model, self._ear, self._job = model, ear, job
        self._words = LiveWords()
        self._gate = gate or SpeechGate()
        self._pcm = bytearray()
        """The stretch under way."""
        self._new_s = 0.0
        """Sound since the latest look."""
        self._seen_speech_s = self._closed_speech_s = 0.0
        """Speech of the take at the latest look, and where the stretch began."""
        self._step_s = FIRST_S
        self._latest: Heard | None = None
        """What the latest look gave, while no speech came after it."""
        self._language = job.order["language"] if model.is_multilingual else ""
        self._likely, self._certainty = "", 0.0
        self._closed_s, self._confidence_s = 0.0, 0.0
        """Closed stretches: how long, and that weighed by how sure."""
        self._looked_s = self._sound_s = 0.0
        """How long the model was at work, and on how much sound."""
        self.told: Mapping[str, Any] = {"text": "", "committed": 0}

    def feed(self, data: bytes) -> None:
        """Takes more of the take; nothing: there is time for a look."""
        self._pcm += data
        self._gate.feed(data)
        self._new_s += len(data) / BYTES_PER_S
        if not self._has_speech:
            del self._pcm[: max(0, len(self._pcm) - int(LEAD_S * CAPTURE_RATE_HZ) * 2)]
            self._new_s = 0.0
        elif self._is_over:
            self._close(len(self._pcm) if self._gate.pause_s >= BREATH_S else softest_place(self._pcm))
        elif not data and self._is_due:
            self._look()

    def finish(self) -> dict[str, Any]:
        """Everything that was said."""
        if self._has_speech:
            self._close(len(self._pcm))
        return {
            "text": ended(self._words.text),
            "confidence": self._confidence_s / self._closed_s if self._closed_s else None,
            "language": self._likely,
            "pace": self._looked_s / self._sound_s if self._sound_s else 0.0,
        }

    # -- when -----------------------------------------------------------------------------------------------

    @property
    def _has_speech(self) -> bool:
        return self._gate.speech_s > self._closed_speech_s

    @property
    def _is_due(self) -> bool:
        if self._gate.speech_s <= self._seen_speech_s:
            return False
        return self._new_s >= self._step_s or self._gate.pause_s >= REST_S

    @property
    def _is_over(self) -> bool:
        length_s = len(self._pcm) / BYTES_PER_S
        return self._gate.pause_s >= ending_pause_s(length_s) or length_s >= LONGEST_S

    # -- looking --------------------------------------------------------------------------------------------

    def _look(self) -> None:
        began, speech_s = time.monotonic(), self._gate.speech_s
        may_be_last = self._gate.pause_s >= BREATH_S
        with self._ear.turn(self._job, waits=False) as is_ours:
            if not is_ours:  # another take is being heard; this one is looked at when that is done
                return
            try:
                go_on = self._job.stop_if_cancelled if may_be_last else self._stop_if_over
                heard = self._hear(bytes(self._pcm), go_on, is_last=may_be_last)
            except _Overtaken:
                return
        is_slow = time.monotonic() - began > SLOW_S
        self._step_s = min(LONGEST_STEP_S, self._step_s * 2) if is_slow else max(STEP_S, self._step_s / 2)
        self._new_s, self._seen_speech_s = 0.0, speech_s
        self._latest = heard if may_be_last else None
        self._words.look(heard.text)
        self._tell()

    def _close(self, cut: int) -> None:
        stretch = bytes(self._pcm[:cut])
        del self._pcm[:cut]
        heard = self._latest if self._gate.speech_s <= self._seen_speech_s else None
        with self._ear.turn(self._job, waits=True):
            heard = heard or self._hear(stretch, self._job.stop_if_cancelled, is_last=True)
            text = self._whole(heard.text, stretch)
        self._latest = None
        self._words.close(text)
        seconds = len(stretch) / BYTES_PER_S
        self._closed_s += seconds
        self._confidence_s += seconds * heard.confidence
        rest_s = WINDOW_S if self._pcm else 0.0  # what is left after a cut in the middle of speech is some
        self._closed_speech_s = self._seen_speech_s = self._gate.speech_s - rest_s
        self._new_s = 0.0
        self._tell()

    def _hear(self, pcm: bytes, go_on: Callable[[], None], *, is_last: bool) -> Heard:
        order, began = self._job.order, time.monotonic()
        heard = self._model.hear(
            pcm,
            language=self._language,
            usual=order["usual_language"],
            context=order["context"],
            is_last=is_last,
            go_on=go_on,
        )
        self._looked_s += time.monotonic() - began
        self._sound_s += len(pcm) / BYTES_PER_S
        if len(pcm) >= ENOUGH_S * BYTES_PER_S and heard.language_certainty >= max(CERTAIN, self._certainty):
            self._likely, self._certainty = heard.language, heard.language_certainty
            self._language = self._language or heard.language
        return heard

    def _whole(self, text: str, stretch: bytes) -> str:
        """`text`, or what the two halves of the stretch say where it is suspiciously little for so much speech."""
        share = len(stretch) / (len(stretch) + len(self._pcm))  # the rest waits for the next stretch
        speech_s = share * (self._gate.speech_s - self._closed_speech_s)
        if speech_s < LONG_S or count_words(text) >= THIN * speech_s:
            return text
        cut = softest_place(stretch, among_s=len(stretch) / BYTES_PER_S - 1.0)
        halves = (stretch[:cut], stretch[cut:])
        texts = [self._hear(half, self._job.stop_if_cancelled, is_last=True).text for half in halves if half]
        more = reduce(joined, texts)
        return more if count_words(more) > count_words(text) else text

    def _stop_if_over(self) -> None:
        self._job.stop_if_cancelled()
        if self._job.has_ended:
            raise _Overtaken

    def _tell(self) -> None:
        self.told = {"text": self._words.text, "committed": self._words.committed_chars}


def ending_pause_s(length_s: float) -> float:
    """How long a quiet ends a stretch of such a length."""
    if length_s < PAUSES[0][0]:
        return math.inf
    for (shorter_s, longer_pause_s), (longer_s, pause_s) in pairwise(PAUSES):
        if length_s < longer_s:
            grown = (length_s - shorter_s) / (longer_s - shorter_s)
            return longer_pause_s + grown * (pause_s - longer_pause_s)
    return PAUSES[-1][1]


def softest_place(pcm: bytes | bytearray, among_s: float = 6.0) -> int:
    """Where in the last seconds it is most quiet, in bytes."""
    import numpy as np

    first = max(0, len(pcm) // 2 - int(among_s * CAPTURE_RATE_HZ))  # of the samples
    samples = np.frombuffer(bytes(pcm), "<i2")[first:].astype(np.float64)
    width = CAPTURE_RATE_HZ // 5
    if samples.size <= width:
        return len(pcm)
    energy = np.convolve(samples * samples, np.ones(width), "valid")
    return (first + int(energy.argmin()) + width // 2) * 2
