"""PortAudio without a device, on the loop's clock: microphones and speakers that come, go, fall silent and change.

A microphone gives the number of the 20 ms of the world it is in as the value of every sample, so that a recording shows
what of the world is missing in it. What a speaker is handed is kept with the moment it is heard.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest

from companion.audio import capture, devices, playback, pulse
from tests import virtual_clock

T = TypeVar("T")
BLOCK_S = 0.02
RATES_HZ = (8_000, 16_000, 24_000, 44_100, 48_000)
OPENS_IN_S = 0.15
_BAD_RATE, _UNAVAILABLE = -9997, -9985


class PortAudioError(Exception):
    """Text and number."""


@dataclass(slots=True, eq=False)
class Plugged:
    """A device as it is now."""

    name: str
    is_input: bool
    rates_hz: tuple[int, ...] = RATES_HZ


@dataclass(eq=False)
class Running:
    """A stream that was opened."""

    card: Card
    device: Plugged
    samplerate: int
    blocksize: int
    callback: Callable[..., None]
    finished_callback: Callable[[], None]
    latency: float = 0.06
    is_running: bool = False
    is_mute: bool = False
    """Its callbacks have stopped, and it says nothing of that."""

    def start(self) -> None:
        if self.is_mute or self.device not in self.card.there:
            raise PortAudioError("Device unavailable", _UNAVAILABLE)
        self.is_running = True

    def stop(self) -> None:
        self.is_running = False

    def close(self) -> None:
        self.is_running = False
        self.card.streams.discard(self)

    def tick(self, block: int) -> None:
        """20 ms of the world."""
        if not self.is_running or self.is_mute:
            return
        status = SimpleNamespace(input_overflow=False, output_underflow=False)
        if self.device.is_input:
            sound = array("h", [block % 32_000 + 1]) * self.blocksize
            self.callback(memoryview(sound).cast("B"), self.blocksize, None, status)
        else:
            out = bytearray(self.blocksize * 2)
            clock = SimpleNamespace(currentTime=1.0, outputBufferDacTime=1.0)
            self.callback(memoryview(out), self.blocksize, clock, status)
            self.card.played.append((self.card.now(), bytes(out)))


@dataclass
class Card:
    """The computer's sound system; `there` is what is plugged in, the first of a direction being the default one."""

    now: Callable[[], float]
    there: list[Plugged] = field(default_factory=list)
    streams: set[Running] = field(default_factory=set)
    played: list[tuple[float, bytes]] = field(default_factory=list, repr=False)
    block: int = 0
    _known: tuple[Plugged, ...] = ()
    _initialized: int = 1
    PortAudioError = PortAudioError

    # -- what happens to it ---------------------------------------------------------------------------------

    def unplug(self, device: Plugged, *, says_so: bool) -> None:
        """Takes a device away; where it does not say so, only its callbacks stop."""
        if device in self.there:
            self.there.remove(device)
        self.break_off(device, says_so=says_so)

    def break_off(self, device: Plugged, *, says_so: bool) -> None:
        for stream in self.streams:
            if stream.device is device and stream.is_running:
                stream.is_mute = True
                if says_so:
                    stream.finished_callback()

    async def run(self) -> None:
        """Lets time pass for every stream."""
        while True:
            await asyncio.sleep(BLOCK_S)
            self.block += 1
            for stream in tuple(self.streams):
                stream.tick(self.block)

    # -- what sounddevice is asked --------------------------------------------------------------------------

    def _terminate(self) -> None:
        self._initialized = 0

    def _initialize(self) -> None:
        self._initialized, self._known = 1, tuple(self.there)

    def query_hostapis(self) -> list[dict[str, Any]]:
        return [{"name": "ALSA"}]

    def query_devices(self) -> list[dict[str, Any]]:
        return [
            {
                "name": each.name,
                "hostapi": 0,
                "max_input_channels": int(each.is_input),
                "max_output_channels": int(not each.is_input),
                "default_samplerate": float(each.rates_hz[-1]),
            }
            for each in self._known
        ]

    @property
    def default(self) -> SimpleNamespace:
        first = {
            name: next((at for at, each in enumerate(self._known) if each.is_input is is_input), -1)
            for name, is_input in (("input", True), ("output", False))
        }
        return SimpleNamespace(device=first)

    def RawInputStream(self, *, device: int, samplerate: int, blocksize: int, **options: Any) -> Running:
        found = self._known[device]
        if samplerate not in found.rates_hz:
            raise PortAudioError("Invalid sample rate", _BAD_RATE)
        if found not in self.there:
            raise PortAudioError("No such device", -9996)
        made = Running(self, found, samplerate, blocksize, options["callback"], options["finished_callback"])
        self.streams.add(made)
        return made

    RawOutputStream = RawInputStream


@asynccontextmanager
async def sound_card(patch: pytest.MonkeyPatch, *there: Plugged) -> AsyncIterator[Card]:
    """A sound system for the code under test; what blocks there takes a moment of the loop's clock."""
    loop = asyncio.get_running_loop()
    card = Card(loop.time, list(there))
    card._initialize()

    async def in_thread(
        work: Callable[[], T], *, limit_s: float, discard: Callable[[T], None] | None = None
    ) -> T:
        async with asyncio.timeout(limit_s):
            await asyncio.sleep(OPENS_IN_S)
        return work()

    clock = SimpleNamespace(monotonic=loop.time)
    for module in (capture, playback):
        patch.setattr(module, "time", clock)
        patch.setattr(module, "in_thread", in_thread)
    patch.setattr(devices, "in_thread", in_thread)
    patch.setattr(devices, "_portaudio", lambda: card)
    patch.setattr(pulse, "look", lambda: None)
    patch.setattr(virtual_clock, "GRACE_S", 0.0)  # no socket and no thread has a part in it
    running = asyncio.ensure_future(card.run())
    try:
        yield card
    finally:
        running.cancel()
