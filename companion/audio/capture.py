"""A take from a real microphone: PortAudio's blocks in, 20 ms frames at 16 kHz out.

PortAudio's thread copies each block into a ring, notes the time and wakes the loop; nothing else happens there (`_Input`).
All the rest belongs to the loop's thread, except opening and closing, which block and run in a thread of their own. A
device that dies in the middle of a take is opened again, or another in its place, before the take is given up.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from typing import Any

from companion.audio.devices import Stream, close_within_limit, in_thread, open_stream
from companion.audio.pulse import Watch
from companion.audio.remarks import Remarks, ignore
from companion.audio.ring import Ring
from companion.errors import CompanionError, Kind
from companion.events import Event, MicrophoneKept
from companion.flow import CAPTURE_RATE_HZ, FRAME_BYTES, FRAME_MS
from companion.language import tr
from companion.pcm import SILENCE_DB, Resampler, level_db

OPEN_LIMIT_S = 5.0
KEPT_S = 30
"""How much waits for a reader before the oldest is dropped."""
LOST_AFTER_S = 1.0
"""A microphone that calls back no more for this long is gone, whatever it says of itself."""
GO_ON_S = 0.9
"""How long another is looked for in the middle of a take: with the second above, two at most."""
TRY_AGAIN_S = 0.1
PRE_ROLL_S = 0.3
"""A microphone that is open already lets a take begin before the press: people are quicker than their fingers."""


class _Input:
    """The half that PortAudio's thread runs."""

    def __init__(self, wake: Callable[[], None] | None = None) -> None:
        self.wake = wake
        """Called on PortAudio's thread after each block; belongs to the loop."""
        self.ring = Ring(0)
        self.rate_hz = CAPTURE_RATE_HZ
        self.stream: Stream | None = None
        self.called_back_s = time.monotonic()
        self.has_sound = False
        self.has_finished = False
        self.is_misplaced = False
        """Another device should record: the chosen one is back, the default is another one, or this one is gone."""
        self.is_unplugged = False
        self._watch: Watch | None = None
        self.overflows = 0
        """Times the system lost samples before they came here."""
        self._block_bytes = 0

    def open(self, device_name: str) -> _Input:
        """Opens and starts the device. Blocks, like `close`; both run in a thread of their own."""
        stream = open_stream(
            "input",
            device_name,
            rate_hz=CAPTURE_RATE_HZ,
            block_ms=FRAME_MS,
            latency_s="low",
            callback=self._on_block,
            finished=self._on_finished,
        )
        self.rate_hz = stream.rate_hz
        self.ring = Ring(stream.rate_hz * 2 * KEPT_S)
        self.called_back_s = time.monotonic()
        stream.start()
        self.stream = stream
        if stream.node:
            self._watch = Watch("input", device_name, stream.node, self._on_misplaced)
        return self

    def close(self) -> None:
        if self._watch is not None:
            self._watch.end()
        if self.stream is not None:
            self.stream.close()

    @property
    def is_open(self) -> bool:
        return self.stream is not None and not self.stream.is_closed and not self.has_finished

    @property
    def is_dead(self) -> bool:
        """Nothing more comes of it, or nothing that is wanted."""
        is_late = time.monotonic() - self.called_back_s > LOST_AFTER_S
        return self.has_finished or self.is_misplaced or is_late

    @property
    def went_away(self) -> str:
        """What a person reads of a device that is gone; empty while it is there, and wanted no longer."""
        is_there = self.is_misplaced and not self.is_unplugged
        return "" if is_there or self.stream is None else self.stream.device.full_label

    @property
    def label(self) -> str:
        return self.stream.device.label if self.stream else ""

    @property
    def level_db(self) -> float:
        end = self.ring.written
        return level_db(self.ring.copy(end - self._block_bytes, end)) if self.is_open and end else SILENCE_DB

    def seconds(self, size: int) -> float:
        return size / 2 / self.rate_hz

    def _on_block(self, data: Any, _frames: int, _time: Any, status: Any) -> None:
        block = memoryview(data).cast("B")
        if not self.has_sound:
            self.has_sound = any(block)
        self.ring.write(block)
        self._block_bytes = len(block)
        self.called_back_s = time.monotonic()
        if status.input_overflow:
            self.overflows += 1
        if (wake := self.wake) is not None:
            wake()

    def _on_misplaced(self, is_unplugged: bool) -> None:
        self.is_unplugged, self.is_misplaced = is_unplugged, True
        if (wake := self.wake) is not None:
            wake()

    def _on_finished(self) -> None:
        self.has_finished = True
        if (wake := self.wake) is not None:
            wake()


class DeviceMicrophone:
    """Takes from the device called `device_name`; empty: the system's default one."""

    def __init__(
        self,
        device_name: str = "",
        *,
        keeps_open: bool = False,
        may_reach_back: Callable[[], bool] = lambda: True,
        tell: Callable[[Event], None] = ignore,
    ) -> None:
        """Nothing is opened yet.

        Args:
            keeps_open: the device stays open between takes, until `close`; the next take then begins at once.
            may_reach_back: whether such a take may begin a little before it was asked for; not while the app speaks.
            tell: is given what a person should know of the device.
        """
        self.device_name = device_name
        self.keeps_open = keeps_open
        self.remarks, self._tell = Remarks("input", device_name, tell), tell
        self._may_reach_back = may_reach_back
        self._kept: _Input | None = None

    async def open(self) -> DeviceTake:
        """A take whose first samples have arrived. Cancelling lets the device go again.

        Raises:
            CompanionError: NO_AUDIO_SYSTEM, NO_MICROPHONE, MICROPHONE_BUSY, MICROPHONE_DENIED.
        """
        take = DeviceTake(self)
        try:
            async with asyncio.timeout(OPEN_LIMIT_S):
                if self._kept is not None and self._kept.is_dead:
                    await self.rest()
                if self._kept is not None:
                    kept, self._kept = self._kept, None
                    self._tell(MicrophoneKept(is_open=False))
                    take.take_over(kept, PRE_ROLL_S if self._may_reach_back() else 0.0)
                else:
                    await take.open()
                await take.first_block()
        except TimeoutError as error:
            await take.close()
            raise CompanionError(
                Kind.MICROPHONE_BUSY, tr("The microphone did not start."), who=self.device_name, cause=error
            ) from error
        except BaseException:
            await take.close()
            raise
        return take

    def keep(self, used: _Input) -> bool:
        """Takes a take's device back open; False when it is to be closed."""
        if not self.keeps_open or self._kept is not None or used.is_dead or not used.is_open:
            return False
        used.wake, self._kept = None, used
        self._tell(MicrophoneKept(is_open=True))
        return True

    async def close(self) -> None:
        """Closes a device that was kept open, and keeps none from now on. A take under way goes on. Idempotent."""
        self.keeps_open = False
        await self.rest()

    async def rest(self) -> None:
        """Closes a device that was kept open; the next take opens it again."""
        kept, self._kept = self._kept, None
        if kept is not None:
            await close_within_limit(kept.close, kept.label)
            self._tell(MicrophoneKept(is_open=False))


class DeviceTake:
    """One recording from a device; `DeviceMicrophone.open` makes it."""

    def __init__(self, microphone: DeviceMicrophone) -> None:
        self._microphone = microphone
        self._loop = asyncio.get_running_loop()
        self._woken = asyncio.Event()
        self._wake_is_due = False
        self._input = _Input(self._wake_loop)
        self._resampler = Resampler(CAPTURE_RATE_HZ, CAPTURE_RATE_HZ)
        self._pending = bytearray()
        self._lost_s = 0.0
        """Sound that nobody read in time, or that passed while no device was open."""
        self._had_sound = False
        """In an input that is given back or dead."""
        self._is_closing = False
        self._over = asyncio.Event()
        self._is_lost = False
        self.device_label = ""
        """The device that records, as a person reads it."""
        self.fell_back = False
        """The chosen device is not there; the system's default one records."""

    async def open(self, limit_s: float = OPEN_LIMIT_S, *, after: _Input | None = None) -> None:
        """Opens the device, or another in place of the one `after` which this take goes on.

        Raises:
            CompanionError: as `DeviceMicrophone.open`.
            TimeoutError: it does not open within `limit_s`.
        """
        fresh, name = _Input(self._wake_loop), self._microphone.device_name
        await in_thread(lambda: fresh.open(name), limit_s=limit_s, discard=_Input.close)
        if self._is_closing:
            fresh.wake = None
            await close_within_limit(fresh.close, fresh.label)
        else:
            self._use(fresh)
            if fresh.stream is not None:
                self._microphone.remarks.opened(
                    fresh.stream, instead_of=after.went_away if after else "", has_moved=after is not None
                )

    def take_over(self, kept: _Input, pre_roll_s: float) -> None:
        """Begins on a device that is open, so much before now."""
        reach = min(int(pre_roll_s * kept.rate_hz) * 2, kept.ring.written)
        kept.ring.read = kept.ring.written - reach
        kept.has_sound, kept.overflows = False, 0
        self._use(kept)
        kept.wake = self._wake_loop

    async def first_block(self) -> None:
        while not self._input.ring.waiting:
            if self._input.has_finished:
                raise CompanionError(Kind.NO_MICROPHONE, who=self.device_label)
            await self._woken.wait()
            self._woken.clear()

    @property
    def is_open(self) -> bool:
        return self._input.is_open

    @property
    def level_db(self) -> float:
        return self._input.level_db

    @property
    def dropped_frames(self) -> int:
        ring = self._input.ring
        unread_s = self._input.seconds(max(0, ring.waiting - ring.capacity))
        return round((self._lost_s + unread_s) * 1000 / FRAME_MS)

    @property
    def is_silent(self) -> bool:
        return not (self._had_sound or self._input.has_sound)

    async def frames(self) -> AsyncGenerator[bytes, None]:
        while True:
            is_over = self._over.is_set()  # before the ring is emptied: nothing is written after it
            self._collect()
            while len(self._pending) >= FRAME_BYTES:
                yield self._next_frame()
            if self._input.ring.waiting:
                continue
            if is_over:
                break
            if not await self._next_block() and not await self._go_on():
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
        used = self._input
        try:
            if self._microphone.keep(used):
                while used.ring.waiting:  # it goes on without this take
                    self._collect()
                self._had_sound, self._input = not self.is_silent, _Input()
            else:
                await close_within_limit(used.close, used.label)
        finally:
            self._microphone.remarks.lost(
                self.device_label, self.dropped_frames * FRAME_MS / 1000, used.overflows
            )
            self._over.set()
            self._woken.set()

    def _use(self, given: _Input) -> None:
        self._pending += self._resampler.process(b"", last=True)
        self._had_sound = self._had_sound or self._input.has_sound
        self._input, self._resampler = given, Resampler(given.rate_hz, CAPTURE_RATE_HZ)
        self.device_label = given.label
        self.fell_back = given.stream is not None and given.stream.fell_back

    async def _go_on(self) -> bool:
        """Finds a device in place of the one that died; False when there is none, True also when the take was closed."""
        dead, until_s = self._input, time.monotonic() + GO_ON_S
        was_heard = dead.ring.written or dead.is_misplaced  # else the next would bring nothing, either
        if not was_heard or not await close_within_limit(dead.close, dead.label, limit_s=GO_ON_S):
            return self._is_closing
        while not self._is_closing:
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                return False
            try:
                await self.open(left_s, after=dead)
            except (CompanionError, TimeoutError):
                await asyncio.sleep(TRY_AGAIN_S)
            else:
                self._lost_s += time.monotonic() - dead.called_back_s
                break
        return True

    def _collect(self) -> None:
        if self._input.ring.waiting:
            data, lost = self._input.ring.take(self._input.rate_hz * 2)
            self._lost_s += self._input.seconds(lost)
            self._pending += self._resampler.process(data)

    def _next_frame(self) -> bytes:
        frame = bytes(self._pending[:FRAME_BYTES])
        del self._pending[:FRAME_BYTES]
        return frame.ljust(FRAME_BYTES, b"\0")

    async def _next_block(self) -> bool:
        """Waits until something may have come; False when the device has died."""
        if not self._is_closing and self._input.is_dead:
            return False
        with suppress(TimeoutError):
            async with asyncio.timeout(LOST_AFTER_S):
                await self._woken.wait()
        self._woken.clear()
        return True

    def _wake_loop(self) -> None:
        """Runs on PortAudio's thread."""
        if not self._wake_is_due:
            self._wake_is_due = True
            with suppress(RuntimeError):  # the loop is gone; whoever closes the stream is not on it
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._wake_is_due = False
        self._woken.set()
