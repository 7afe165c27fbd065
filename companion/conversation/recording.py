"""A take in memory: frames go in while the person speaks and can be read any number of times, from the start.

The longest take (five minutes by default) is 9.6 MB, so a recogniser that fails can be followed by another.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from companion.flow import FRAME_BYTES, FRAME_MS


class Recording:
    """Grows until `end`. Belongs to one event loop."""

    def __init__(self, pcm: bytes = b"") -> None:
        """`pcm`: int16 mono at 16 kHz that is there already; the recording is then complete."""
        self.frames = [pcm[at : at + FRAME_BYTES] for at in range(0, len(pcm), FRAME_BYTES)]
        self._ended = bool(pcm)
        self._more = asyncio.Event()

    @property
    def seconds(self) -> float:
        return len(self.frames) * FRAME_MS / 1000

    def add(self, frame: bytes) -> None:
        self.frames.append(frame)
        self._more.set()

    def end(self) -> None:
        """Nothing more comes; readers finish once they have read all."""
        self._ended = True
        self._more.set()

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """All frames from the first, then those still to come. One reader at a time."""
        at = 0
        while True:
            while at < len(self.frames):
                yield self.frames[at]
                at += 1
            if self._ended:
                return
            self._more.clear()
            await self._more.wait()
