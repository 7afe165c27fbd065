"""Speech and writing that arrive bit by bit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

BLOCK = b"\x01\x02" * 1600
"""A tenth of a second at 16 kHz, which is a word to the vendors' servers."""


class Take:
    """A take whose frames the test hands out one by one."""

    def __init__(self, *frames: bytes) -> None:
        self._frames: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.speak(*frames)

    def speak(self, *frames: bytes) -> None:
        for frame in frames:
            self._frames.put_nowait(frame)

    def end(self) -> None:
        self._frames.put_nowait(None)

    async def frames(self) -> AsyncIterator[bytes]:
        while (frame := await self._frames.get()) is not None:
            yield frame


async def recorded(blocks: int = 12) -> AsyncIterator[bytes]:
    for _ in range(blocks):
        yield BLOCK


async def written(*pieces: str) -> AsyncIterator[str]:
    for piece in pieces:
        yield piece
