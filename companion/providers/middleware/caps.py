"""`capped`: an answer that does not end by itself is ended: too long, going round in circles, or endless sound."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import TypeVar

from companion.flow import Audio, ChatDelta
from companion.ports import Call
from companion.providers.provider import opened

RequestT = TypeVar("RequestT")
ChunkT = TypeVar("ChunkT")

WINDOW_CHARS = 40
MAX_REPEATS = 20
THOUGHTS = 8
"""A model may think so many times as long as it may answer."""


def capped(
    call: Call[RequestT, ChunkT], *, max_chars: int = 32_000, max_audio_s: float = 600.0
) -> Call[RequestT, ChunkT]:
    """Ends an answer that does not end by itself: too long, going round in circles, or endless sound.

    A cut text ends with the finish reason `length`; cut sound just ends.
    """

    async def run(request: RequestT) -> AsyncGenerator[ChunkT, None]:
        text = _Circles()
        chars = thoughts = 0
        seconds = 0.0
        async with opened(call, request) as chunks:
            async for chunk in chunks:
                if isinstance(chunk, ChatDelta):
                    chars += len(chunk.text)
                    thoughts += len(chunk.reasoning)
                    too_long = chars > max_chars or thoughts > THOUGHTS * max_chars
                    if too_long or text.adds_too_many_repeats(chunk.text):
                        kept = chunk.text[: len(chunk.text) - max(0, chars - max_chars)]
                        yield replace(chunk, text=kept, finish_reason="length")
                        return
                elif isinstance(chunk, Audio):
                    seconds += chunk.seconds
                    if seconds > max_audio_s:
                        return
                yield chunk

    return run


class _Circles:
    """Notices that the same stretch of text comes again and again, without overlap, whatever the period."""

    def __init__(self) -> None:
        self._tail = ""
        self._position = 0
        self._seen: dict[str, tuple[int, int]] = {}
        """Stretch -> how often, and where its last occurrence ended. Bounded by the cap on characters."""

    def adds_too_many_repeats(self, text: str) -> bool:
        joined = self._tail + text
        for end in range(WINDOW_CHARS, len(joined) + 1):
            start = self._position + end - WINDOW_CHARS
            window = joined[end - WINDOW_CHARS : end]
            times, last_end = self._seen.get(window, (0, 0))
            if start >= last_end:
                self._seen[window] = (times + 1, start + WINDOW_CHARS)
                if times >= MAX_REPEATS:
                    return True
        kept = min(len(joined), WINDOW_CHARS - 1)
        self._position += len(joined) - kept
        self._tail = joined[len(joined) - kept :]
        return False
