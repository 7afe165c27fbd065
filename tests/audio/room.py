"""A room to listen in, without devices and faster than time: the app's voice, its echo, a person, noises, and a stage."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import cache

import numpy as np
import numpy.typing as npt

from companion.audio.handsfree import OpenMicrophone, Signal
from companion.decoding import read_file
from companion.flow import CAPTURE_RATE_HZ, FRAME_BYTES, FRAME_MS, Audio
from companion.pcm import Resampler
from companion.tasks import spawn
from tests.audio.signals import DATA, samples
from tests.servers.speech import say

RATE_HZ = CAPTURE_RATE_HZ
FRAME_S = FRAME_MS / 1000
Wave = npt.NDArray[np.float64]
"""Samples at 16 kHz, full scale 32768."""
SAID = (
    "That sounds like a long day, and it makes sense that you feel tired. What part of it stays with you most?",
    "You said the walk by the river helped. Perhaps it gave you room to breathe.",
)


def db(wave: Wave) -> float:
    """Mean power, in dB below full scale."""
    return float(10 * np.log10(np.mean(np.square(wave)) / 32768**2 + 1e-12))


def at_level(wave: Wave, level_db: float) -> Wave:
    """`wave` so that its louder parts have this level."""
    return wave * float(10 ** ((level_db - db(wave[np.abs(wave) > 300])) / 20))


def pcm(wave: Wave) -> bytes:
    return wave.clip(-32767, 32767).astype("<i2").tobytes()


def silence(seconds: float) -> Wave:
    return np.zeros(round(seconds * RATE_HZ))


def noise(seconds: float, level_db: float, seed: int = 7) -> Wave:
    wave = np.random.default_rng(seed).standard_normal(round(seconds * RATE_HZ))
    return wave * float(32768 * 10 ** (level_db / 20))


def pink(seconds: float, level_db: float) -> Wave:
    spectrum = np.fft.rfft(noise(seconds, 0, seed=5))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 20))
    wave = np.fft.irfft(spectrum)
    return wave * float(10 ** ((level_db - db(wave)) / 20))


def chords(seconds: float) -> Wave:
    """A slow progression of plucked chords."""
    at = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    wave = np.zeros_like(at)
    for beat, root in enumerate((220.0, 174.6, 261.6, 196.0) * 4):
        since = at - beat * 0.5
        envelope = np.where(since >= 0, np.exp(-since / 0.4), 0.0)
        for ratio in (1.0, 1.26, 1.5, 2.0, 3.0):
            wave += envelope * np.sin(2 * np.pi * root * ratio * at) / ratio
    return at_level(wave * 3000, -22)


def typing(seconds: float) -> Wave:
    """A quiet room with a key struck every 150 ms: down, then up."""
    wave, rng = noise(seconds, -64), np.random.default_rng(11)
    for at_s in np.arange(0.0, seconds - 0.1, 0.075):
        at = round(float(at_s) * RATE_HZ)
        click = rng.standard_normal(480) * rng.choice([12_000, 6_000]) * np.exp(-np.arange(480) / 80)
        wave[at : at + 480] += click
    return wave


def knocks(seconds: float) -> Wave:
    """Something set down on the desk, every 700 ms: a low thump of 80 ms."""
    wave, at = noise(seconds, -64), np.arange(round(0.08 * RATE_HZ)) / RATE_HZ
    thump = 15_000 * np.sin(2 * np.pi * 90 * at) * np.exp(-at / 0.02)
    for start in range(0, len(wave) - len(thump), round(0.7 * RATE_HZ)):
        wave[start : start + len(thump)] += thump
    return wave


@cache
def person(name: str, level_db: float = -26.0) -> Wave:
    """A human reading, from its first sound to its last."""
    wave = samples(read_file(DATA / name).pcm).astype(np.float64)
    loud = np.flatnonzero(np.abs(wave) > 600)
    return at_level(wave[loud[0] : loud[-1]], level_db)


@cache
def app_voice(text: str, level_db: float = -20.0) -> Audio:
    """What the app says, as the player is given it."""
    wave = samples(say(text, 24_000)).astype(np.float64)
    return Audio(pcm=pcm(at_level(wave, level_db)), rate_hz=24_000)


def echo(
    far: Audio, *, delay_ms: int = 110, gain_db: float = -6.0, ring_s: float = 0.012, seed: int = 1
) -> Wave:
    """What a microphone hears of `far`: later, softer, through a loudspeaker that distorts, in a room that rings on."""
    heard = samples(Resampler(far.rate_hz, RATE_HZ).process(far.pcm, last=True)) / 32768
    tail = np.random.default_rng(seed).standard_normal(round(ring_s * 5 * RATE_HZ))
    tail *= np.exp(-np.arange(len(tail)) / (ring_s * RATE_HZ))
    tail[0] = 3.0
    tail /= np.linalg.norm(tail)
    wave = np.convolve(np.tanh(1.5 * heard) / 1.5, tail) * float(32768 * 10 ** (gain_db / 20))
    return np.concatenate([silence(delay_ms / 1000), wave])


def mix(*parts: tuple[float, Wave]) -> Wave:
    """Each wave from its second on, together."""
    whole = np.zeros(max(round(at_s * RATE_HZ) + len(wave) for at_s, wave in parts))
    for at_s, wave in parts:
        start = round(at_s * RATE_HZ)
        whole[start : start + len(wave)] += wave
    return whole


class Stage:
    """A microphone that hears `near` and a player that plays `far`, in a time of their own."""

    def __init__(self, near: Wave, far: Audio | None = None, far_at_s: float = 0.0) -> None:
        data = pcm(near)
        self.frames = [
            data[i : i + FRAME_BYTES].ljust(FRAME_BYTES, b"\0") for i in range(0, len(data), FRAME_BYTES)
        ]
        self.now_s = 0.0
        self.ended = asyncio.Event()
        self._far, self._far_at_s, self._told = far, far_at_s, 0

    async def open(self) -> StageTake:
        return StageTake(self)

    def played(self) -> list[tuple[float, Audio]]:
        """In blocks of 20 ms, each told 60 ms before it sounds, as a device does."""
        far = self._far
        if far is None:
            return []
        block, found = far.rate_hz // 50 * 2, []
        while self._told < len(far.pcm):
            at_s = self._far_at_s + self._told / 2 / far.rate_hz
            if at_s > self.now_s + 0.06:
                break
            found.append((at_s, Audio(pcm=far.pcm[self._told : self._told + block], rate_hz=far.rate_hz)))
            self._told += block
        return found

    async def listen(self, ear: OpenMicrophone) -> list[tuple[float, Signal]]:
        """Everything that is signalled until `near` has been heard, and when it was."""
        told: list[tuple[float, Signal]] = []

        async def read() -> None:
            async for signal in ear.signals():
                told.append((self.now_s, signal))

        await ear.open()
        reading = spawn(read(), name="read signals")
        await self.ended.wait()
        await ear.close()
        await reading
        return told


class StageTake:
    dropped_frames = 0
    is_silent = False
    level_db = -20.0

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._closed = asyncio.Event()

    @property
    def is_open(self) -> bool:
        return not self._closed.is_set()

    async def frames(self) -> AsyncIterator[bytes]:
        for frame in self._stage.frames:
            self._stage.now_s += FRAME_S
            yield frame
            await asyncio.sleep(0)
            if self._closed.is_set():
                return
        self._stage.ended.set()
        await self._closed.wait()

    async def close(self) -> None:
        self._closed.set()
