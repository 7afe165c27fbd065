"""The two audio ports without a device: a recording as the microphone, memory as the speaker.

`companion reflect --mic FILE --speaker FILE`, the demo and the tests run on these. Everything belongs to the loop's thread.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path

from companion.decoding import read_file
from companion.flow import CAPTURE_RATE_HZ, FRAME_BYTES, FRAME_MS, Audio
from companion.pcm import SILENCE_DB, Resampler, level_db

_SILENCE = bytes(FRAME_BYTES)
_FRAME_S = FRAME_MS / 1000
_QUEUE_S = 30
_AHEAD_S = 0.06
"""A real device is handed its sound this long before it is heard."""


class FileMicrophone:
    """A recording that is spoken anew into every take."""

    def __init__(
        self, source: Path | str | Audio, *, realtime: bool = True, tail_silence_s: float = 0.3
    ) -> None:
        """Reads `source` at once.

        Args:
            source: a recording, in a file or in memory.
            realtime: frames come when a device would deliver them; otherwise as fast as they are read.
            tail_silence_s: the quiet after the last word, before `ended`.

        Raises:
            CompanionError: BAD_FILE.
        """
        pcm = _at_capture_rate(source) if isinstance(source, Audio) else read_file(Path(source)).pcm
        pcm += bytes(round(tail_silence_s * CAPTURE_RATE_HZ) * 2)
        self._frames = [
            pcm[start : start + FRAME_BYTES].ljust(FRAME_BYTES, b"\0")
            for start in range(0, len(pcm), FRAME_BYTES)
        ]
        self._realtime = realtime
        self.ended = asyncio.Event()
        """The recording of the newest take is through, or the take was closed."""

    async def open(self) -> FileTake:
        self.ended.clear()
        return FileTake(self._frames, self.ended, realtime=self._realtime)


class FileTake:
    """A recording being spoken. After its end there is silence until `close`."""

    def __init__(self, frames: list[bytes], ended: asyncio.Event, *, realtime: bool) -> None:
        loop = asyncio.get_running_loop()
        self._frames = frames
        self._ended = ended
        self._realtime = realtime
        self._started_s = _now_s()
        self._read = 0
        self._has_sound = False
        self._limit: int | None = None
        """How many frames the take has, once it is closed."""
        self._closed = asyncio.Event()
        self._timer = loop.call_later(len(frames) * _FRAME_S, ended.set) if realtime else None

    @property
    def is_open(self) -> bool:
        return self._limit is None

    @property
    def level_db(self) -> float:
        return level_db(self._frame(self._due() - 1)) if self.is_open else SILENCE_DB

    @property
    def dropped_frames(self) -> int:
        return 0

    @property
    def is_silent(self) -> bool:
        return not self._has_sound

    async def frames(self) -> AsyncGenerator[bytes, None]:
        while self._limit is None or self._read < self._limit:
            if self._read < self._due():
                frame = self._frame(self._read)
                self._read += 1
                self._has_sound = self._has_sound or any(frame)
                yield frame
                if not self._realtime and self._read == len(self._frames):
                    self._ended.set()
            else:
                await self._wait()

    async def close(self) -> None:
        if self._limit is None:
            self._limit = self._due() if self._realtime else self._read
            self._closed.set()
            self._ended.set()
            if self._timer:
                self._timer.cancel()

    def _due(self) -> int:
        """How many frames have been spoken by now."""
        if self._limit is not None:
            return self._limit
        return int((_now_s() - self._started_s) / _FRAME_S) + 1 if self._realtime else len(self._frames)

    def _frame(self, index: int) -> bytes:
        return self._frames[index] if 0 <= index < len(self._frames) else _SILENCE

    async def _wait(self) -> None:
        """Until the next frame is due, or the take is closed; a recording read faster than time waits for the latter."""
        due_s = self._started_s + self._read * _FRAME_S
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, due_s - _now_s()) if self._realtime else None):
                await self._closed.wait()


class CapturingPlayer:
    """A speaker that keeps what it played."""

    def __init__(self, *, realtime: bool = True, rate_hz: int = 24_000) -> None:
        """`realtime`: sound takes as long as it lasts; otherwise it is heard the moment it is written."""
        self._realtime = realtime
        self._rate_hz = rate_hz
        self._turn: int | None = None
        self._kept = bytearray()
        """All that was heard, then what is queued."""
        self._starts_at = 0
        """Where in it the turn begins."""
        self._heard_bytes = 0
        """Where in it the clock stood at `_at_s`."""
        self._played_bytes = 0
        """Where in it `played` has come to."""
        self._at_s = 0.0
        self._resampler: Resampler | None = None
        self._source_hz = 0
        self._changed = asyncio.Event()

    def audio(self) -> Audio:
        """Everything that was heard, turn after turn, without the pauses."""
        self._advance()
        return Audio(pcm=bytes(self._kept[: self._heard_bytes]), rate_hz=self._rate_hz)

    def begin(self, turn: int) -> None:
        self._cut()
        self._turn = turn
        self._starts_at = self._heard_bytes

    async def write(self, turn: int, audio: Audio) -> None:
        while turn == self._turn and self._queued_s() > _QUEUE_S:
            await self._pause(0.1)
        if turn == self._turn:
            self._advance()
            self._kept += self._resampled(audio)

    async def drain(self, turn: int) -> None:
        if turn == self._turn and self._resampler:
            self._advance()
            self._kept += self._resampler.process(b"", last=True)
            self._resampler = None
        while turn == self._turn and (left_s := self._queued_s()) > 0:
            await self._pause(left_s)

    def flush(self) -> float:
        self._cut()
        self._turn = None
        return self.heard_s

    def played(self) -> list[tuple[float, Audio]]:
        """What is heard since the last call, and when each piece is, as a real speaker tells it."""
        self._advance()
        start = min(self._played_bytes, len(self._kept))
        ahead = int(_AHEAD_S * self._rate_hz) * 2
        self._played_bytes = end = min(len(self._kept), self._heard_bytes + ahead)
        if end <= start:
            return []
        at_s = self._at_s + (start - self._heard_bytes) / 2 / self._rate_hz
        return [(at_s, Audio(pcm=bytes(self._kept[start:end]), rate_hz=self._rate_hz))]

    @property
    def heard_s(self) -> float:
        self._advance()
        return (self._heard_bytes - self._starts_at) / 2 / self._rate_hz

    @property
    def level_db(self) -> float:
        if self._queued_s() <= 0:
            return SILENCE_DB
        block = self._rate_hz * FRAME_MS // 1000 * 2
        return level_db(bytes(self._kept[self._heard_bytes : self._heard_bytes + block]))

    async def close(self) -> None:
        self.flush()

    def _cut(self) -> None:
        self._advance()
        del self._kept[self._heard_bytes :]
        self._resampler = None
        self._changed.set()
        self._changed = asyncio.Event()

    def _queued_s(self) -> float:
        self._advance()
        return (len(self._kept) - self._heard_bytes) / 2 / self._rate_hz

    def _advance(self) -> None:
        """Moves the clock to now. Time in which nothing was queued is not heard."""
        now_s = _now_s()
        gone = int((now_s - self._at_s) * self._rate_hz) * 2 if self._realtime else len(self._kept)
        self._heard_bytes = min(len(self._kept), self._heard_bytes + gone)
        self._at_s = now_s

    def _resampled(self, audio: Audio) -> bytes:
        before = b""
        if self._resampler is None or self._source_hz != audio.rate_hz:
            before = self._resampler.process(b"", last=True) if self._resampler else b""
            self._resampler, self._source_hz = Resampler(audio.rate_hz, self._rate_hz), audio.rate_hz
        return before + self._resampler.process(audio.pcm[: len(audio.pcm) // 2 * 2])

    async def _pause(self, longest_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(longest_s):
                await self._changed.wait()


def _now_s() -> float:
    """The loop's clock, where one runs: a test may let it run ahead."""
    try:
        return asyncio.get_running_loop().time()
    except RuntimeError:
        return time.monotonic()


def _at_capture_rate(audio: Audio) -> bytes:
    return Resampler(audio.rate_hz, CAPTURE_RATE_HZ).process(audio.pcm, last=True)
