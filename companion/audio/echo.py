"""The app's own voice taken out of what the microphone hears: WebRTC's echo canceller (AEC3), an optional install.

In: what the speaker plays and what the microphone hears, each with its time on the monotonic clock. Out: the microphone's
frames without the echo. `FarEnd` lays the two beside each other, `EchoCanceller` subtracts. About 0.2 ms per frame on the
caller's thread. Without the `echo` extra frames pass as they are and `cancels` is False.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from companion.flow import CAPTURE_RATE_HZ, FRAME_BYTES, FRAME_MS, Audio
from companion.pcm import Resampler

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from pywebrtc_audio import EchoCanceller as Aec3

_FRAME_S = FRAME_MS / 1000
LEAD_S = 0.02
"""The reference runs ahead of its echo by this much more than the way through the air, so that a clock that is a little
wrong never puts the echo first: a canceller can only look back."""
SLIP_S = 0.06
"""When the clocks differ by more, the two streams are laid beside each other anew at once."""
LATE_S = 4 * SLIP_S
"""A gap up to this is a speaker that was late; a longer one is a pause."""
LASTING_S = 0.008
LASTING_PIECES = 5
"""And when they differ by this much for so long: a device was late, and what follows is late too. The canceller would need
seconds to find out, in which the echo passes. A clock that only trembles leaves no seam."""
SETTLE_S = 0.4
"""A speaker that starts tells the times of its first pieces up to 20 ms too early; so long its word is not yet trusted."""
TREMBLE_S = 0.003
"""Smaller differences are the clocks' own."""
RELEARNS_S = 0.8
"""After the two were laid anew the canceller leaves more in for so long."""
LEARNT_FRAMES = 1000 // FRAME_MS
LEARNT_TIMES = 30
"""A canceller that takes out all but a thirtieth of the power in so many frames knows its room,"""
LEARNT_AFTER_FRAMES = 3000 // FRAME_MS
"""and so does one that has heard so much, in whatever noise."""
LONGEST_GAP_S = 2.0


class _Lasting:
    """Tells a difference that lasts from one that trembles."""

    def __init__(self) -> None:
        self._newest: deque[float] = deque(maxlen=LASTING_PIECES)

    def add(self, off_s: float) -> float:
        """The difference, once it lasts; until then 0."""
        self._newest.append(off_s)
        if len(self._newest) < LASTING_PIECES or not (
            min(self._newest) > LASTING_S or max(self._newest) < -LASTING_S
        ):
            return 0.0
        self._newest.clear()
        return off_s


class FarEnd:
    """What the speaker plays, as a stream beside the microphone's: without a seam as long as both clocks agree."""

    def __init__(self) -> None:
        self._pcm = bytearray()
        self._starts_s = 0.0
        """When the first byte of it leaves the speaker."""
        self._is_flowing = False
        self._late_s, self._ahead_s = _Lasting(), _Lasting()
        self.was_moved = False
        """A device was late, or clocks drifted apart; whoever reads it takes it back."""
        self._since_start_s = 0.0
        """Length of what was told since the speaker started."""
        self._resampler = Resampler(CAPTURE_RATE_HZ, CAPTURE_RATE_HZ)
        self._source_hz = CAPTURE_RATE_HZ

    def add(self, audio: Audio, at_s: float) -> None:
        """Takes the next piece, whose first sample leaves the speaker at `at_s`."""
        if audio.rate_hz != self._source_hz:
            self._source_hz = audio.rate_hz
            self._resampler = Resampler(audio.rate_hz, CAPTURE_RATE_HZ, is_prompt=True)
        gap_s = at_s - (self._starts_s + _seconds(len(self._pcm)))
        if not self._pcm or gap_s > LONGEST_GAP_S:
            self.was_moved = self.was_moved or LASTING_S < gap_s < LATE_S
            self._pcm.clear()
            self._starts_s, self._is_flowing, self._since_start_s = at_s, False, 0.0
        elif gap_s > SLIP_S:  # a pause, or a speaker that was late
            self._pcm += bytes(_size(gap_s))
            self._since_start_s, self.was_moved = 0.0, self.was_moved or gap_s < LATE_S
        elif gap_s < -SLIP_S:
            self._starts_s += gap_s
            self.was_moved = True
        elif self._since_start_s < SETTLE_S and abs(gap_s) > TREMBLE_S:
            self._shift(gap_s)
        elif lasting_s := self._late_s.add(gap_s):
            self._shift(lasting_s)
            self.was_moved = True
        self._pcm += self._resampler.process(audio.pcm)
        self._since_start_s += audio.seconds

    def take(self, at_s: float) -> bytes:
        """One frame of what left the speaker up to `at_s`; silence where nothing did."""
        from_s = at_s - _FRAME_S + LEAD_S
        if not self._pcm:
            return bytes(FRAME_BYTES)
        ahead_s = self._starts_s - from_s
        quiet = 0
        if self._is_flowing and (abs(ahead_s) > SLIP_S or self._ahead_s.add(ahead_s)):
            self._is_flowing, self.was_moved = False, True
        if not self._is_flowing:
            self._drop(_size(max(0.0, -ahead_s)))
            quiet = min(FRAME_BYTES, _size(max(0.0, ahead_s)))
            self._is_flowing = quiet < FRAME_BYTES
        sound = bytes(self._pcm[: FRAME_BYTES - quiet])
        self._drop(len(sound))
        self._is_flowing = self._is_flowing and bool(self._pcm)
        return (bytes(quiet) + sound).ljust(FRAME_BYTES, b"\0")

    def _shift(self, by_s: float) -> None:
        """What is not taken yet sounds so much later."""
        self._starts_s += by_s
        self._is_flowing = False

    def _drop(self, count: int) -> None:
        count = min(count, len(self._pcm))
        del self._pcm[:count]
        self._starts_s += _seconds(count)


class EchoCanceller:
    """Removes from the microphone what the speaker plays."""

    def __init__(self) -> None:
        self._far = FarEnd()
        self._canceller = _load()
        self._relearns_until_s = 0.0
        self._frames_played = self._frames_clean = 0
        self.relearns = False
        """The newest frame may still hold the app's voice: it has hardly spoken yet, or a device was late a moment ago."""

    @property
    def cancels(self) -> bool:
        """False: the optional install is missing; headphones are recommended."""
        return self._canceller is not None

    def far(self, audio: Audio, at_s: float) -> None:
        """The next piece for the speaker, which its first sample leaves at `at_s`."""
        if self._canceller is not None:
            self._far.add(audio, at_s)

    def near(self, frame: bytes, at_s: float) -> bytes:
        """The next captured frame, whose last sample came at `at_s`, without the echo in it."""
        if self._canceller is None:
            return frame
        import numpy as np

        if self._far.was_moved:
            self._far.was_moved, self._relearns_until_s = False, at_s + RELEARNS_S
        heard, played = (np.frombuffer(pcm, dtype="<i2") for pcm in (frame, self._far.take(at_s)))
        clean = self._canceller.process(heard, played).astype("<i2")
        if played.any() and not self._has_learnt:
            self._frames_played += 1
            self._frames_clean += _power(heard) > LEARNT_TIMES * _power(clean)
        self.relearns = at_s < self._relearns_until_s or not self._has_learnt
        return bytes(clean.tobytes())

    @property
    def _has_learnt(self) -> bool:
        return self._frames_clean >= LEARNT_FRAMES or self._frames_played >= LEARNT_AFTER_FRAMES


def _load() -> Aec3 | None:
    try:
        from pywebrtc_audio import EchoCanceller as Aec3
    except ImportError:  # not chosen, or it does not load on this system
        return None
    return Aec3(sample_rate=CAPTURE_RATE_HZ)


def _power(samples: npt.NDArray[np.int16]) -> float:
    wide = samples.astype("f4")
    return float(wide @ wide)


def _size(seconds: float) -> int:
    """Bytes of so much sound."""
    return round(seconds * CAPTURE_RATE_HZ) * 2


def _seconds(size: int) -> float:
    return size / 2 / CAPTURE_RATE_HZ
