"""Signals the tests play, and how to find them again in what was recorded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from companion.flow import Audio

DATA = Path(__file__).parent.parent / "data"
Samples = npt.NDArray[np.int16]


def chirp(seconds: float, rate_hz: int) -> Audio:
    """A rising sweep: no two parts of it are alike, so a slip or a repeat is found."""
    at = np.arange(int(seconds * rate_hz)) / rate_hz
    wave = 0.5 * np.sin(2 * np.pi * (200 * at + 2800 * at * at / 2 / seconds))
    return Audio(pcm=(wave * 32767).astype("<i2").tobytes(), rate_hz=rate_hz)


def sine(seconds: float, rate_hz: int, hz: float = 440.0, level: float = 0.5) -> Audio:
    at = np.arange(int(seconds * rate_hz)) / rate_hz
    return Audio(pcm=(level * 32767 * np.sin(2 * np.pi * hz * at)).astype("<i2").tobytes(), rate_hz=rate_hz)


def samples(pcm: bytes) -> Samples:
    return np.frombuffer(pcm, dtype="<i2")


def find(part: Samples, whole: Samples) -> tuple[int, float]:
    """Where `part` lies in `whole`, and how alike they are there (1: the same but for loudness)."""
    a, b = whole.astype(np.float64), part.astype(np.float64)
    size = 1 << (len(a) + len(b)).bit_length()
    at = int(np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size)), size)[: len(a)].argmax())
    there = a[at : at + len(b)]
    likeness = there @ b[: len(there)] / (np.linalg.norm(there) * np.linalg.norm(b) + 1e-9)
    return at, float(likeness)


def loud_span(heard: Samples, threshold: int = 60) -> tuple[int, int]:
    """First and last sample that is no silence."""
    loud = np.flatnonzero(np.abs(heard.astype(np.int32)) > threshold)
    return int(loud[0]), int(loud[-1])
