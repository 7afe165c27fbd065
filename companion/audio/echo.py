"""The app's own voice taken out of what the microphone hears: WebRTC's echo canceller (AEC3), an optional install.

In: what the speaker plays and what the microphone hears, each with its time on the monotonic clock. Out: the microphone's
frames without the echo. `FarEnd` lays the two beside each other, `EchoCanceller` subtracts. About 0.2 ms per frame on the
caller's thread. Without the `echo` extra frames pass as they are and `cancels` is False.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from companion.flow import CAPTURE_RATE_HZ, FRAME_BYTES, FRAME_MS, Audio
from companion.pcm import Resampler

if TYPE_CHECKING:
    from pywebrtc_audio import EchoCanceller as Aec3

_FRAME_S = FRAME_MS / 1000
LEAD_S = 0.02
"""The reference runs ahead of its echo by this much more than the way through the air, so that a clock that is a little
wrong never puts the echo first: a canceller can only look back."""
SLIP_S = 0.06
"""Clocks may differ by so much before the two streams are laid beside each other anew, which costs the canceller some of
what it has learnt."""
LONGEST_GAP_S = 2.0


def can_cancel() -> bool:
    """Whether the `echo` extra is installed."""
    return importlib.util.find_spec("pywebrtc_audio") is not None


class FarEnd:
    """What the speaker plays, as a stream beside the microphone's: without a seam as long as both clocks agree."""

    def __init__(self) -> None:
        self._pcm = bytearray()
        self._starts_s = 0.0
        """When the first byte of it leaves the speaker."""
        self._is_flowing = False
        self._resampler = Resampler(CAPTURE_RATE_HZ, CAPTURE_RATE_HZ)
        self._source_hz = CAPTURE_RATE_HZ

    def add(self, audio: Audio, at_s: float) -> None:
        """Takes the next piece, whose first sample leaves the speaker at `at_s`."""
        if audio.rate_hz != self._source_hz:
            self._source_hz = audio.rate_hz
            self._resampler = Resampler(audio.rate_hz, CAPTURE_RATE_HZ, is_prompt=True)
        gap_s = at_s - (self._starts_s + _seconds(len(self._pcm)))
        if not self._pcm or gap_s > LONGEST_GAP_S:
            self._pcm.clear()
            self._starts_s, self._is_flowing = at_s, False
        elif gap_s > SLIP_S:
            self._pcm += bytes(_size(gap_s))
        elif gap_s < -SLIP_S:
            self._starts_s += gap_s
        self._pcm += self._resampler.process(audio.pcm)

    def take(self, at_s: float) -> bytes:
        """One frame of what left the speaker up to `at_s`; silence where nothing did."""
        from_s = at_s - _FRAME_S + LEAD_S
        if not self._pcm:
            return bytes(FRAME_BYTES)
        ahead_s = self._starts_s - from_s
        quiet = 0
        if not self._is_flowing or abs(ahead_s) > SLIP_S:
            self._drop(_size(max(0.0, -ahead_s)))
            quiet = min(FRAME_BYTES, _size(max(0.0, ahead_s)))
            self._is_flowing = quiet < FRAME_BYTES
        sound = bytes(self._pcm[: FRAME_BYTES - quiet])
        self._drop(len(sound))
        self._is_flowing = self._is_flowing and bool(self._pcm)
        return (bytes(quiet) + sound).ljust(FRAME_BYTES, b"\0")

    def _drop(self, count: int) -> None:
        count = min(count, len(self._pcm))
        del self._pcm[:count]
        self._starts_s += _seconds(count)


class EchoCanceller:
    """Removes from the microphone what the speaker plays."""

    def __init__(self) -> None:
        self._far = FarEnd()
        self._canceller = _load()

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

        heard, played = (np.frombuffer(pcm, dtype="<i2") for pcm in (frame, self._far.take(at_s)))
        return bytes(self._canceller.process(heard, played).astype("<i2").tobytes())


def _load() -> Aec3 | None:
    try:
        from pywebrtc_audio import EchoCanceller as Aec3
    except ImportError:  # not chosen, or it does not load on this system
        return None
    return Aec3(sample_rate=CAPTURE_RATE_HZ)


def _size(seconds: float) -> int:
    """Bytes of so much sound."""
    return round(seconds * CAPTURE_RATE_HZ) * 2


def _seconds(size: int) -> float:
    return size / 2 / CAPTURE_RATE_HZ
