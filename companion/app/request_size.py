"""How much of a person a request carries, in the words of a receipt: counted from what it holds, as it passes."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace
from typing import Any

from companion.flow import ChatRequest, HearRequest, Message, SpeakRequest
from companion.language import tr, trn
from companion.providers.replay import through


def with_excerpts(said: str, count: int) -> str:
    """A receipt of what went with so many excerpts of earlier reflections."""
    if not count:
        return said
    excerpts = trn("{n} earlier excerpt", "{n} earlier excerpts", count)
    return tr("{what} and {excerpts}", what=said, excerpts=excerpts)


class RequestSize:
    """What one request carried; parts that come as they are made are counted as they pass."""

    def __init__(self) -> None:
        self._messages: tuple[Message, ...] = ()
        self._words = 0
        self._read_words = 0
        """Of text that comes as it is written."""
        self._bytes = 0
        self._rate_hz = 0
        self._quoted_words = self._excerpts = 0

    def quotes(self, text: str, excerpts: int) -> int:
        """So much of the request is from earlier reflections; how many bytes of its body that is."""
        self._quoted_words, self._excerpts = len(text.split()), excerpts
        return len(json.dumps(text, ensure_ascii=False).encode()) - 2

    def weighed(self, request: Any) -> Any:
        """`request`, counted."""
        if isinstance(request, ChatRequest):
            self._messages = request.messages
        elif isinstance(request, HearRequest):
            self._rate_hz = request.rate_hz
            return replace(request, frames=through(request.frames, self._counted))
        elif isinstance(request, SpeakRequest):
            self._words = len(request.text.split())
            if request.pieces is not None:
                return replace(request, pieces=through(request.pieces, self._counted))
        return request

    @property
    def in_words(self) -> str:
        """ "412 words and 3 earlier excerpts", "8.2 s of your voice"."""
        if self._rate_hz:
            return tr("{bytes:.1f} s of your voice", bytes=self._bytes / 2 / self._rate_hz)
        asked = sum(len(message.content.split()) for message in self._messages)
        count = asked + self._words - self._quoted_words
        return with_excerpts(trn("{n:,} word", "{n:,} words", count), self._excerpts)

    async def _counted(self, parts: AsyncIterator[Any]) -> AsyncGenerator[Any, None]:
        self._bytes = 0  # another attempt carries the same again, not more
        self._words -= self._read_words
        self._read_words = 0
        try:
            async for part in parts:
                if isinstance(part, bytes):
                    self._bytes += len(part)
                else:
                    words = len(part.split())
                    self._words += words
                    self._read_words += words
                yield part
        finally:
            close = getattr(parts, "aclose", None)
            if close is not None:
                await close()
