"""What Whisper looks at: the log-mel spectrogram of int16 mono samples at 16 kHz. Pure."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from companion.flow import CAPTURE_RATE_HZ

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

FRAME_SAMPLES, STEP_SAMPLES = 400, 160
"""25 ms of sound every 10 ms."""
FRAMES_PER_S = CAPTURE_RATE_HZ // STEP_SAMPLES


def log_mel(pcm: bytes, bands: int, frames: int) -> Floats:
    """(bands, frames), the take first and silence after it, scaled as the model was trained: about -1 to 1."""
    samples = np.zeros(frames * STEP_SAMPLES, np.float32)
    sound = np.frombuffer(pcm, "<i2")[: samples.size]
    samples[: sound.size] = sound / np.float32(32768)
    padded = np.pad(samples, FRAME_SAMPLES // 2, mode="reflect")
    pieces = np.lib.stride_tricks.sliding_window_view(padded, FRAME_SAMPLES)[::STEP_SAMPLES][:frames]
    window = np.hanning(FRAME_SAMPLES + 1)[:-1].astype(np.float32)
    power = np.abs(np.fft.rfft(pieces * window)).astype(np.float32) ** 2
    log = np.log10(np.maximum(_filters(bands) @ power.T, 1e-10))
    scaled: Floats = ((np.maximum(log, log.max() - 8.0) + 4.0) / 4.0).astype(np.float32)
    return scaled


@cache
def _filters(bands: int) -> Floats:
    """(bands, 201): triangles of equal area, evenly spaced in mel (linear below 1 kHz, logarithmic above)."""
    edges = _hz(np.linspace(0.0, _mel(CAPTURE_RATE_HZ / 2), bands + 2))
    bins = np.linspace(0.0, CAPTURE_RATE_HZ / 2, FRAME_SAMPLES // 2 + 1)
    width = np.diff(edges)
    slopes = edges[:, None] - bins[None, :]
    rising, falling = -slopes[:-2] / width[:-1, None], slopes[2:] / width[1:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    scaled = triangles * (2.0 / (edges[2:] - edges[:-2]))[:, None]
    return scaled.astype(np.float32)


_BEND_HZ, _BEND_MEL, _LOG_STEP = 1000.0, 15.0, np.log(6.4) / 27.0


def _mel(hz: float) -> float:
    return float(_BEND_MEL + np.log(hz / _BEND_HZ) / _LOG_STEP) if hz >= _BEND_HZ else hz * 3.0 / 200.0


def _hz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    above = _BEND_HZ * np.exp(_LOG_STEP * (np.maximum(mel, _BEND_MEL) - _BEND_MEL))
    return np.where(mel >= _BEND_MEL, above, mel * 200.0 / 3.0)
