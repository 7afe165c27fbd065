"""Sound and words of OpenAI's audio calls as servers really send them: `Samples` cuts sound, `follow_words` reads words.

Servers differ in what they answer: bare samples or a WAV file, a stream of events or one JSON object. Bytes go in.
"""

from __future__ import annotations

import json
import struct
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import Any

from companion.flow import Transcript
from companion.providers.wire.faults import CallContext, until_over
from companion.providers.wire.sse import Splitter

SPEECH_HZ = 24_000
"""Rate of the `pcm` format: headerless int16 mono (developers.openai.com, text to speech)."""
_FILES = (b"ID3", b"OggS", b"fLaC", b"\xff\xfb", b"\xff\xf3")
"""How files begin that are not bare samples."""
_LONGEST_HEAD = 65_536
_ENDLESS = 0x7FFF_0000
"""Lengths from here on mean that the writer did not know."""


class NoSound(Exception):
    """What came is no sound that can be played; the text says what it is, to follow "sent"."""


class Samples:
    """Whole int16 mono samples out of blocks of bytes, bare or in a WAV file."""

    def __init__(self, rate_hz: int = SPEECH_HZ) -> None:
        self.rate_hz = rate_hz
        self._rest = b""
        self._in_sound = False
        self._left: int | None = None
        """Bytes of sound still to come, where the file says."""

    def take(self, block: bytes) -> bytes:
        """The samples that are whole with this block.

        Raises:
            NoSound: a file of another kind.
        """
        pcm = self._rest + block
        if not self._in_sound:
            if len(pcm) < 4:
                self._rest = pcm
                return b""
            if pcm.startswith(b"RIFF"):
                start = self._head(pcm)
                if start is None:
                    self._rest = pcm
                    return b""
                pcm = pcm[start:]
            elif pcm.startswith(_FILES):
                raise NoSound("a sound file instead of bare sound")
            self._in_sound = True
        if self._left is not None:
            pcm = pcm[: self._left]
        whole = len(pcm) & ~1
        if self._left is not None:
            self._left -= whole
        self._rest = pcm[whole:]
        return pcm[:whole]

    @property
    def is_short(self) -> bool:
        """A file that promised at least a tenth of a second more."""
        return self._left is not None and self._left > self.rate_hz // 10 * 2

    def _head(self, file: bytes) -> int | None:
        """Where the sound begins; None: later."""
        at, is_known = 12, False
        while len(file) >= at + 8:
            name, size = file[at : at + 4], struct.unpack_from("<I", file, at + 4)[0]
            if name == b"data" and is_known:
                self._left = size if 0 < size < _ENDLESS else None
                return at + 8
            if name == b"fmt " and len(file) >= at + 24:
                kind, channels, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", file, at + 8)
                if kind not in (1, 0xFFFE) or channels != 1 or bits != 16 or not rate_hz:
                    raise NoSound("a sound file of a kind that cannot be played")
                self.rate_hz, is_known = rate_hz, True
            at += 8 + size + (size & 1)
            if at > _LONGEST_HEAD:
                break
        if at > _LONGEST_HEAD or len(file) > _LONGEST_HEAD:
            raise NoSound("a sound file instead of bare sound")
        return None


async def follow_words(call: CallContext, blocks: AsyncIterator[bytes]) -> AsyncGenerator[Transcript, None]:
    """The words of a recording while the server finds them, then exactly one final transcript."""
    text, splitter = "", Splitter()
    final: Transcript | None = None
    is_over: Callable[[], bool] = lambda: final is not None  # noqa: E731 - reads the variable as it is then
    async with aclosing(until_over(blocks, is_over)) as arriving:
        async for block in arriving:
            for event in splitter.feed(block):
                if event.data == "[DONE]":
                    continue
                told = json.loads(event.data)
                kind = told.get("type") or event.event
                if kind.endswith("text.delta"):
                    text += told.get("delta") or told.get("text") or ""
                    words = text.strip()
                    yield Transcript(text=words, committed_chars=len(words))
                elif kind in ("transcript.text.done", "transcription.done"):
                    final = Transcript(text=told["text"].strip(), is_final=True)
                elif kind == "error" or told.get("error") or told.get("object") == "error":
                    raise call.inside(told)
    if final is None:
        raise call.cut()
    yield final


def words_of(call: CallContext, told: Mapping[str, Any]) -> Transcript:
    """The words of a recording from a server that answers once."""
    if told.get("error") or told.get("object") == "error":
        raise call.inside(told)
    return Transcript(text=told["text"].strip(), is_final=True)
