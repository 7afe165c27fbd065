"""A take from a real microphone: PortAudio's blocks in, 20 ms frames at 16 kHz out.

PortAudio's thread copies each block into a ring, notes the time and wakes the loop; nothing else happens there. All the
rest belongs to the loop's thread, except opening and closing, which block and run in a thread of their own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from companion.audio.devices import Stream, in_thread, let_go, open_stream
from companion.audio.ring import Ring
from companion.errors import CompanionError, Kind
from companion.flow import CAPTURE_RATE_HZ, FRAME_BYTES, FRAME_MS
from companion.pcm import SILENCE_DB, Resampler, level_db

OPEN_LIMIT_S = 5.0
KEPT_S = 30
"""How much waits for a reader before the oldest is dropped."""
LOST_AFTER_S = 1.0
"""A microphone that calls back no more for this long is gone, whatever it says of itself."""


class DeviceMicrophone:
    """Takes from the device called `device_name`; empty: the system's default one."""

    def __init__(self, device_name: str = "") -> None:
        self.device_name = device_name
        """May be changed between takes."""

    async def open(self) -> DeviceTake:
        """A take whose first samples have arrived. Cancelling lets the device go again.

        Raises:
            CompanionError: NO_AUDIO_SYSTEM, NO_MICROPHONE, MICROPHONE_BUSY, MICROPHONE_DENIED.
        """
        take = DeviceTake(asyncio.get_running_loop())
        try:
            async with asyncio.timeout(OPEN_LIMIT_S):
                await in_thread(
                    lambda: take.open(self.device_name), limit_s=OPEN_LIMIT_S, discard=Stream.close
                )
                await take.first_block()
        except TimeoutError as error:
            await take.close()
            raise CompanionError(
                Kind.MICROPHONE_BUSY, "The microphone does not start.", who=self.device_name, cause=error
            ) from error
        except BaseException:
            await take.close()
            raise
        return take


class DeviceTake:
    """One recording from a device; `DeviceMicrophone.open` makes it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._woken = asyncio.Event()
        self._stream: Stream | None = None
        self._ring = Ring(0)
        self._resampler = Resampler(CAPTURE_RATE_HZ, CAPTURE_RATE_HZ)
        self._pending = bytearray()
        self._lost_bytes = 0
        self._is_closing = False
        self._over = asyncio.Event()
        self._is_lost = False
        # What follows is written by PortAudio's thread.
        self._wake_is_due = False
        self._called_back_s = 0.0
        self._block_bytes = 0
        self._has_sound = False
        self._has_finished = False
        self.overflows = 0
        """Times the system lost samples before they came here."""

    def open(self, device_name: str) -> Stream:
        """Opens and starts the device. Blocks; runs in a thread of its own."""
        stream = open_stream(
            "input",
            device_name,
            rate_hz=CAPTURE_RATE_HZ,
            block_ms=FRAME_MS,
            latency_s="low",
            callback=self._on_block,
            finished=self._on_finished,
        )
        self._ring = Ring(stream.rate_hz * 2 * KEPT_S)
        self._resampler = Resampler(stream.rate_hz, CAPTURE_RATE_HZ)
        stream.start()
        self._stream = stream
        return stream

    async def first_block(self) -> None:
        while not self._ring.written:
            if self._has_finished:
                raise CompanionError(Kind.NO_MICROPHONE, who=self.device_label)
            await self._woken.wait()
            self._woken.clear()

    @property
    def is_open(self) -> bool:
        return self._stream is not None and not self._stream.is_closed and not self._has_finished

    @property
    def device_label(self) -> str:
        """The device that records, as a person reads it."""
        return self._stream.device.label if self._stream else ""

    @property
    def fell_back(self) -> bool:
        """The chosen device is not there; the system's default one records."""
        return self._stream is not None and self._stream.fell_back

    @property
    def level_db(self) -> float:
        end = self._ring.written
        return level_db(self._ring.copy(end - self._block_bytes, end)) if self.is_open and end else SILENCE_DB

    @property
    def dropped_frames(self) -> int:
        unread = max(0, self._ring.waiting - self._ring.capacity)
        return (self._lost_bytes + unread) // (self._rate_hz * FRAME_MS // 1000 * 2)

    @property
    def is_silent(self) -> bool:
        return not self._has_sound

    async def frames(self) -> AsyncIterator[bytes]:
        while True:
            is_over = self._over.is_set()  # before the ring is emptied: nothing is written after it
            self._collect()
            while len(self._pending) >= FRAME_BYTES:
                yield self._next_frame()
            if self._ring.waiting:
                continue
            if is_over:
                break
            if not await self._next_block():
                self._is_lost = True
                await self.close()
        self._pending += self._resampler.process(b"", last=True)
        while self._pending:
            yield self._next_frame()
        if self._is_lost:
            raise CompanionError(Kind.MICROPHONE_LOST, who=self.device_label)

    async def close(self) -> None:
        if self._is_closing:
            await self._over.wait()
            return
        self._is_closing = True
        try:
            if self._stream is not None:
                await let_go(self._stream.close, self.device_label)
        finally:
            self._over.set()
            self._woken.set()

    @property
    def _rate_hz(self) -> int:
        return self._stream.rate_hz if self._stream else CAPTURE_RATE_HZ

    def _collect(self) -> None:
        data, lost = self._ring.take(self._rate_hz * 2)
        self._lost_bytes += lost
        self._pending += self._resampler.process(data)

    def _next_frame(self) -> bytes:
        frame = bytes(self._pending[:FRAME_BYTES])
        del self._pending[:FRAME_BYTES]
        return frame.ljust(FRAME_BYTES, b"\0")

    async def _next_block(self) -> bool:
        """Waits until something may have come; False when the device has died."""
        age_s = time.monotonic() - self._called_back_s
        if not self._is_closing and (self._has_finished or age_s > LOST_AFTER_S):
            return False
        with suppress(TimeoutError):
            async with asyncio.timeout(LOST_AFTER_S):
                await self._woken.wait()
        self._woken.clear()
        return True

    def _on_block(self, data: Any, _frames: int, _time: Any, status: Any) -> None:
        block = memoryview(data).cast("B")
        if not self._has_sound:
            self._has_sound = any(block)
        self._ring.write(block)
        self._block_bytes = len(block)
        self._called_back_s = time.monotonic()
        if status.input_overflow:
            self.overflows += 1
        self._wake_loop()

    def _on_finished(self) -> None:
        self._has_finished = True
        self._wake_is_due = False
        self._wake_loop()

    def _wake_loop(self) -> None:
        if not self._wake_is_due:
            self._wake_is_due = True
            with suppress(RuntimeError):  # the loop is gone; whoever closes the stream is not on it
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._wake_is_due = False
        self._woken.set()
