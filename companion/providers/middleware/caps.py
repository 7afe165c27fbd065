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
    """Notices that the same stretch of text comes again and again, without overlap, whatever the period.

    Looks at nothing before there is room for so many repeats, since most spoken answers end sooner; and only at stretches
    that begin with a word, or have no space in them.
    """

    def __init__(self) -> None:
        self._waiting: list[str] = []
        self._waiting_chars = 0
        self._tail = " "
        self._position = 0
        self._ends: dict[str, int] = {}
        """Stretch -> where its last occurrence ended. Bounded by the cap on characters."""
        self._again: dict[str, int] = {}
        """Stretch -> how often it came after its first time."""

    def adds_too_many_repeats(self, text: str) -> bool:
        if self._waiting_chars < WINDOW_CHARS * MAX_REPEATS:
            self._waiting.append(text)
            self._waiting_chars += len(text)
            if self._waiting_chars < WINDOW_CHARS * MAX_REPEATS:
                return False
            text = "".join(self._waiting)
            self._waiting.clear()
        return self._is_one_too_many(text)

    def _is_one_too_many(self, text: str) -> bool:
        joined = self._tail + text
        at, last = 1, len(joined) - WINDOW_CHARS
        while at <= last:
            if joined[at - 1] != " " and (space := joined.find(" ", at, at + WINDOW_CHARS)) >= 0:
                at = space + 1
                continue
            window, start = joined[at : at + WINDOW_CHARS], self._position + at
            last_end = self._ends.get(window)
            if last_end is None or start >= last_end:
                self._ends[window] = start + WINDOW_CHARS
                if last_end is not None:
                    self._again[window] = again = self._again.get(window, 0) + 1
                    if again >= MAX_REPEATS:
                        return True
            at += 1
        kept = min(len(joined), WINDOW_CHARS)
        self._position += len(joined) - kept
        self._tail = joined[len(joined) - kept :]
        return False
