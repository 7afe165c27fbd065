"""Speech to a real speaker: sound of any rate in, heard seconds out.

The loop's thread fills a ring and says where to cut; PortAudio's thread empties it, fades out where it was told to, and
notes which sample leaves the speaker when. What was heard is read from those notes, so it is true however late the
loop is. Opening and closing block and run in a thread of their own.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from companion import tasks
from companion.audio.devices import Stream, close_within_limit, in_thread, open_stream
from companion.audio.pulse import Watch
from companion.audio.remarks import Remarks, ignore
from companion.audio.ring import Ring
from companion.errors import CompanionError, Kind
from companion.events import Event
from companion.flow import Audio
from companion.language import tr
from companion.pcm import SILENCE_DB, Resampler, level_db

_log = logging.getLogger(__name__)

RATE_HZ = 24_000
"""What most voices deliver; a device that refuses it is opened at its own rate."""
BLOCK_MS = 20
LATENCY_S = 0.06
"""What the device holds: outlasts an interpreter that is busy for a moment, and is silent soon enough."""
FADE_MS = 10
QUEUE_S = 30
LINGER_S = 20.0
REST_AFTER_S = 0.5
OPEN_LIMIT_S = 5.0
LOST_AFTER_S = 1.0
GO_ON_S = 0.9
"""How long another is looked for in the middle of an answer: with the second above, two at most."""
TRY_AGAIN_S = 0.1
_PLAYED_S = 1
"""What was played stays readable this long, to tell its level and to play it again on another device."""
_NOTES = 64


class _Output:
    """The half that PortAudio's thread runs. Positions are bytes in its ring."""

    def __init__(self, finished: Callable[[], None]) -> None:
        self.ring = Ring(0)
        self.rate_hz = RATE_HZ
        self.cut_to = 0
        """Sound before this position is dropped; belongs to the loop."""
        self.expects_more = False
        """Silence would be a gap now; belongs to the loop."""
        self.is_running = False
        self.gaps = 0
        self.stream: Stream | None = None
        self._called_back_s = 0.0
        self._has_finished = False
        self._is_misplaced = self._is_unplugged = False
        self._watch: Watch | None = None
        self._notes: list[tuple[float, int, int]] = [(0.0, 0, 0)] * _NOTES
        self._noted = 0
        self._notes_read = 0
        """How many of the notes `played` has given; belongs to the loop."""
        self._was_sounding = False
        self._ramp: Any = None
        self._finished = finished

    def open(self, device_name: str) -> Stream:
        """Opens the device. Blocks, like the three that follow; they run in a thread of their own."""
        import numpy as np

        stream = open_stream(
            "output",
            device_name,
            rate_hz=RATE_HZ,
            block_ms=BLOCK_MS,
            latency_s=LATENCY_S,
            callback=self._on_block,
            finished=self._on_finished,
        )
        self.rate_hz = stream.rate_hz
        self.ring = Ring(self.rate_hz * 2 * (QUEUE_S + _PLAYED_S))
        self._ramp = np.linspace(1.0, 0.0, self.rate_hz * FADE_MS // 1000, dtype=np.float32)
        self.stream = stream
        if stream.node:
            self._watch = Watch("output", device_name, stream.node, self._on_misplaced)
        return stream

    def run(self) -> None:
        """Starts with what is queued: a device that ran before would first play the silence it holds."""
        self._has_finished = False
        self._called_back_s = time.monotonic()
        self.is_running = True
        if self.stream:
            self.stream.start()

    def rest(self) -> None:
        if self.stream:
            self.stream.rest()

    def close(self) -> None:
        self.is_running = False
        if self._watch is not None:
            self._watch.end()
        if self.stream:
            self.stream.close()

    @property
    def label(self) -> str:
        return self.stream.device.label if self.stream else ""

    @property
    def is_dead(self) -> bool:
        """It plays no more, or where nobody wants it."""
        is_late = time.monotonic() - self._called_back_s > LOST_AFTER_S
        return self._is_misplaced or (self.is_running and (self._has_finished or is_late))

    @property
    def went_away(self) -> str:
        """What a person reads of a device that is gone; empty while it is there, and wanted no longer."""
        is_gone = self._is_unplugged or (self.is_dead and not self._is_misplaced)
        return self.stream.device.full_label if is_gone and self.stream else ""

    @property
    def room(self) -> int:
        return self.rate_hz * 2 * QUEUE_S - self.ring.waiting

    @property
    def is_quiet(self) -> bool:
        """The last sample that was written has left the speaker."""
        return self.sounding()[0] >= self.ring.written

    def cut(self) -> None:
        """Silences at the next block, with a fade; what was queued is dropped."""
        self.cut_to = self.ring.written
        self.expects_more = False

    def sounding(self) -> tuple[int, bool]:
        """The position that leaves the speaker now, and whether sound does."""
        now_s = time.monotonic()
        newest = self._noted
        for number in range(newest - 1, max(newest - _NOTES, -1), -1):
            at_s, start, length = self._notes[number % _NOTES]
            if at_s <= now_s:
                heard = int((now_s - at_s) * self.rate_hz) * 2
                return start + min(heard, length), heard < length
        return 0, False

    @property
    def silent_s(self) -> float:
        """Seconds since the last sound left the speaker; infinite where none did lately."""
        newest = self._noted
        for number in range(newest - 1, max(newest - _NOTES, -1), -1):
            at_s, _, length = self._notes[number % _NOTES]
            if length:
                return max(0.0, time.monotonic() - at_s - length / 2 / self.rate_hz)
        return float("inf")

    def played(self) -> list[tuple[float, Audio]]:
        newest = self._noted
        notes = [
            self._notes[number % _NOTES] for number in range(max(self._notes_read, newest - _NOTES), newest)
        ]
        self._notes_read = newest
        return [
            (at_s, Audio(pcm=self.ring.copy(start, start + length), rate_hz=self.rate_hz))
            for at_s, start, length in notes
            if length
        ]

    def _on_block(self, out: Any, _frames: int, clock: Any, status: Any) -> None:
        now_s = time.monotonic()
        delay_s = clock.outputBufferDacTime - clock.currentTime
        if not clock.currentTime or not 0.0 <= delay_s < 2.0:  # some systems leave the clock out
            delay_s = LATENCY_S
        start = self.ring.read
        sound = self._faded(start) if self.cut_to > start else self._next(start, len(out))
        out[: len(sound)] = sound
        out[len(sound) :] = bytes(len(out) - len(sound))
        starved = self._was_sounding and len(sound) < len(out) and self.expects_more
        if starved or status.output_underflow:
            self.gaps += 1
        self._was_sounding = len(sound) == len(out)
        self._notes[self._noted % _NOTES] = (now_s + delay_s, start, len(sound))
        self._noted += 1
        self._called_back_s = now_s

    def _next(self, start: int, most: int) -> bytes:
        end = min(self.ring.written, start + most) if self.is_running else start
        self.ring.read = end
        return self.ring.copy(start, end)

    def _faded(self, start: int) -> bytes:
        import numpy as np

        cut_to = self.cut_to
        end = min(cut_to, start + len(self._ramp) * 2)
        samples = np.frombuffer(self.ring.copy(start, end), dtype="<i2")
        self.ring.read = cut_to
        return bytes((samples * self._ramp[: len(samples)]).astype("<i2").tobytes())

    def _on_misplaced(self, is_unplugged: bool) -> None:
        self._is_unplugged, self._is_misplaced = is_unplugged, True
        self._finished()

    def _on_finished(self) -> None:
        self._has_finished = True
        self._finished()


class DevicePlayer:
    """Plays on the device called `device_name`; empty: the system's default one.

    A device that goes away while it sounds is replaced by the default one, which goes on where the other fell silent.
    """

    def __init__(
        self, device_name: str = "", *, linger_s: float = LINGER_S, tell: Callable[[Event], None] = ignore
    ) -> None:
        """Nothing is opened yet.

        Args:
            linger_s: how long the device stays open after the last sound, so that the next comes at once.
            tell: is given what a person should know of the device.
        """
        self.device_name = device_name
        self._remarks = Remarks("output", device_name, tell)
        self._linger_s = linger_s
        self._turn: int | None = None
        self._output: _Output | None = None
        self._starts_at = 0
        self._heard_before_s = 0.0
        self._heard_s = 0.0
        self._resampler: Resampler | None = None
        self._source_hz = 0
        self._changed = asyncio.Event()
        self._opening = asyncio.Lock()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, turn: int) -> None:
        self._cut()
        self._turn = turn
        self._heard_s = self._heard_before_s = 0.0

    async def write(self, turn: int, audio: Audio) -> None:
        rest: memoryview | None = None
        while turn == self._turn:
            output = await self._opened()
            if turn != self._turn:
                break
            if rest is None:
                rest = memoryview(self._resampled(audio, output.rate_hz))
            fits = min(len(rest), max(0, output.room))
            output.ring.write(rest[:fits])
            output.expects_more = True
            rest = rest[fits:]
            await self._run()
            if not rest:
                break
            await self._pause(0.1)
        self._linger()

    async def drain(self, turn: int) -> None:
        if turn == self._turn and self._output and self._resampler:
            self._output.ring.write(memoryview(self._resampler.process(b"", last=True)))
            self._resampler = None
        while turn == self._turn and self._output and not self._output.is_quiet:
            output = await self._run()
            output.expects_more = False
            left_s = (output.ring.written - output.sounding()[0]) / 2 / output.rate_hz
            await self._pause(max(0.001, min(left_s, LOST_AFTER_S / 2)))
        self._linger()

    def flush(self) -> float:
        heard_s = self.heard_s
        self._cut()
        self._turn = None
        return heard_s

    @property
    def heard_s(self) -> float:
        if self._turn is not None and self._output:
            heard = self._output.sounding()[0] - self._starts_at
            now_s = self._heard_before_s + heard / 2 / self._output.rate_hz
            self._heard_s = max(self._heard_s, now_s)
        return self._heard_s

    @property
    def level_db(self) -> float:
        if self._output:
            position, is_sounding = self._output.sounding()
            block = self._output.rate_hz * 2 * BLOCK_MS // 1000
            if is_sounding:
                return level_db(self._output.ring.copy(max(0, position - block), position))
        return SILENCE_DB

    def played(self) -> list[tuple[float, Audio]]:
        """What was handed to the device since the last call, and when each piece leaves the speaker (monotonic clock).

        Reaches back 1.2 s. It is what an echo canceller compares the microphone with.
        """
        return self._output.played() if self._output else []

    @property
    def is_open(self) -> bool:
        return self._output is not None

    @property
    def silent_s(self) -> float:
        """Seconds since the last sound left the speaker; infinite where none did lately."""
        return self._output.silent_s if self._output else float("inf")

    @property
    def fell_back(self) -> bool:
        """The chosen device is not there; the system's default one plays."""
        stream = self._output.stream if self._output else None
        return stream is not None and stream.fell_back

    @property
    def gaps(self) -> int:
        """Times the voice broke off since the device was opened, because nothing was queued or the system was late."""
        return self._output.gaps if self._output else 0

    async def close(self) -> None:
        self.flush()
        if self._timer:
            self._timer.cancel()
        async with self._opening:
            await self._release()

    def _cut(self) -> None:
        self._resampler = None
        if self._output:
            self._output.cut()
            self._starts_at = self._output.ring.written
        self._notify()

    def _resampled(self, audio: Audio, rate_hz: int) -> bytes:
        before = b""
        if self._resampler is None or self._source_hz != audio.rate_hz:
            before = self._resampler.process(b"", last=True) if self._resampler else b""
            self._resampler, self._source_hz = Resampler(audio.rate_hz, rate_hz), audio.rate_hz
        return before + self._resampler.process(audio.pcm[: len(audio.pcm) // 2 * 2])

    async def _opened(self) -> _Output:
        """An output that can be filled."""
        async with self._opening:
            return await self._alive()

    async def _run(self) -> _Output:
        """An output that plays what is queued."""
        async with self._opening:
            output = await self._alive()
            try:
                await self._start(output)
            except CompanionError as error:
                _log.info("the speaker %s did not start: %s", output.label, error)
                output = await self._replace(output)
                await self._start(output)
            return output

    async def _start(self, output: _Output) -> None:
        if not output.is_running:
            try:
                await in_thread(output.run, limit_s=OPEN_LIMIT_S)
            except TimeoutError as error:
                raise CompanionError(Kind.SPEAKER_LOST, who=output.label, cause=error) from error

    async def _alive(self) -> _Output:
        if self._output is None:
            return await self._open()
        return await self._replace(self._output) if self._output.is_dead else self._output

    async def _open(self, *, instead_of: str = "") -> _Output:
        output = _Output(self._on_finished(asyncio.get_running_loop()))
        try:
            await in_thread(lambda: output.open(self.device_name), limit_s=OPEN_LIMIT_S, discard=Stream.close)
        except TimeoutError as error:
            raise CompanionError(
                Kind.NO_SPEAKER, tr("The speaker did not start."), who=self.device_name, cause=error
            ) from error
        self._output, self._starts_at = output, 0
        if output.stream is not None:
            self._remarks.opened(output.stream, instead_of=instead_of)
        return output

    async def _replace(self, dead: _Output) -> _Output:
        """Opens what there is now, and queues what the dead one had not played yet."""
        turn, self._heard_before_s = self._turn, self.heard_s
        went_away = dead.went_away  # empty also where it rested, and was closed to look for devices
        unheard = dead.ring.copy(max(dead.sounding()[0], self._starts_at), dead.ring.written)
        await self._release()
        output = await self._open_again(dead, instead_of=went_away)
        self._resampler = None
        if turn is not None and turn == self._turn:
            output.ring.write(memoryview(Resampler(dead.rate_hz, output.rate_hz).process(unheard, last=True)))
        return output

    async def _open_again(self, dead: _Output, *, instead_of: str) -> _Output:
        """The same device, or another; a sound system that starts again needs a moment."""
        until_s = time.monotonic() + GO_ON_S
        while True:
            try:
                return await self._open(instead_of=instead_of)
            except CompanionError as error:
                if time.monotonic() > until_s or error.kind is not Kind.NO_SPEAKER:
                    raise CompanionError(Kind.SPEAKER_LOST, who=dead.label, cause=error) from error
            await asyncio.sleep(TRY_AGAIN_S)

    async def _release(self) -> None:
        output, self._output = self._output, None
        if output:
            await close_within_limit(output.close, output.label)

    def _on_finished(self, loop: asyncio.AbstractEventLoop) -> Callable[[], None]:
        def wake() -> None:
            with suppress(RuntimeError):  # the loop is gone, and everybody who could wait with it
                loop.call_soon_threadsafe(self._notify)

        return wake

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _pause(self, longest_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(longest_s):
                await self._changed.wait()

    def _linger(self, wait_s: float = REST_AFTER_S) -> None:
        """The device rests soon after the last sound, and is let go `linger_s` later."""
        if self._timer:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(wait_s, self._quieten)

    def _quieten(self) -> None:
        output = self._output
        if output is None:
            return
        if not output.is_quiet:
            self._linger()
        elif output.is_running:
            output.is_running = False
            self._linger(self._linger_s)
            tasks.spawn(self._rest(output), name="rest speaker")
        else:
            tasks.spawn(self._close_quietly(), name="close speaker")

    async def _rest(self, output: _Output) -> None:
        async with self._opening:
            if not output.is_running and self._output is output:
                await close_within_limit(output.rest, output.label)

    async def _close_quietly(self) -> None:
        async with self._opening:
            if self._output and not self._output.is_running and self._output.is_quiet:
                self._heard_before_s = self.heard_s
                await self._release()
