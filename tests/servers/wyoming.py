"""A Wyoming recogniser and voice, on the server classes of the `wyoming` package itself.

What was said is told by `heard` (bytes of sound) and `asked` (events); `script` decides what comes back.
"""

from __future__ import annotations

import asyncio
import warnings
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it imports audioop where Python still has it
    from wyoming.asr import Transcribe, Transcript, TranscriptChunk, TranscriptStart, TranscriptStop
    from wyoming.audio import AudioChunk, AudioStart, AudioStop
    from wyoming.error import Error
    from wyoming.event import Event
    from wyoming.info import (
        AsrModel,
        AsrProgram,
        Attribution,
        Describe,
        Info,
        TtsProgram,
        TtsVoice,
        TtsVoiceSpeaker,
    )
    from wyoming.server import AsyncEventHandler, AsyncTcpServer
    from wyoming.tts import Synthesize

HOME = Attribution(name="home", url="")
INFO = Info(
    asr=[
        AsrProgram(
            name="ears", attribution=HOME, installed=True, description="", version="1",
            models=[
                AsrModel(
                    name="small", attribution=HOME, installed=True, description="", version="1",
                    languages=["en", "de"],
                )
            ],
        )
    ],
    tts=[
        TtsProgram(
            name="mouth", attribution=HOME, installed=True, description="", version="1",
            voices=[
                TtsVoice(
                    name="lessac", attribution=HOME, installed=True, description="calm", version="1",
                    languages=["en_US"],
                ),
                TtsVoice(
                    name="choir", attribution=HOME, installed=True, description="", version="1",
                    languages=["de_DE"], speakers=[TtsVoiceSpeaker(name="a"), TtsVoiceSpeaker(name="b")],
                ),
            ],
        )
    ],
)  # fmt: skip


@dataclass
class Script:
    """What the next requests get."""

    text: str = "It was a long day."
    partial: tuple[str, ...] = ()
    error: str = ""
    raw: bytes = b""
    """Sent instead of an answer, then the connection ends."""
    silent: bool = False
    """Takes everything and never answers."""
    rate_hz: int = 22_050
    width: int = 2
    channels: int = 1
    seconds: float = 0.5
    cut_after: int = -1
    """Chunks of sound after which the connection breaks."""


@dataclass
class WyomingServer:
    script: Script = field(default_factory=Script)
    asked: list[Event] = field(default_factory=list)
    heard: bytearray = field(default_factory=bytearray)
    gone: int = 0
    """Connections that have ended."""

    async def __aenter__(self) -> Self:
        self._server = AsyncTcpServer("127.0.0.1", 0)
        await self._server.start(lambda reader, writer: _Talk(self, reader, writer))
        assert self._server._server is not None
        self.port = self._server._server.sockets[0].getsockname()[1]
        self.url = f"tcp://127.0.0.1:{self.port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._server.stop()


class _Talk(AsyncEventHandler):
    def __init__(self, server: WyomingServer, *streams: Any) -> None:
        super().__init__(*streams)
        self._server = server

    async def handle_event(self, event: Event) -> bool:
        try:
            return await self._answer(event)
        except ConnectionError:  # the client hung up, which is its right
            return False

    async def _answer(self, event: Event) -> bool:
        server, script = self._server, self._server.script
        if AudioChunk.is_type(event.type):
            server.heard += AudioChunk.from_event(event).audio
            return True
        server.asked.append(event)
        asks = (Describe, Synthesize, AudioStop)
        if not any(kind.is_type(event.type) for kind in asks) or script.silent:
            return True
        if script.raw:
            self.writer.write(script.raw)
            await self.writer.drain()
            return False
        if script.error:
            await self.write_event(Error(text=script.error, code="engine-failed").event())
        elif Describe.is_type(event.type):
            await self.write_event(INFO.event())
        elif Synthesize.is_type(event.type):
            return await self._say()
        else:
            await self._tell()
        return True

    async def _tell(self) -> None:
        script = self._server.script
        if script.partial:
            await self.write_event(TranscriptStart().event())
            for part in script.partial:
                await self.write_event(TranscriptChunk(text=part).event())
        await self.write_event(Transcript(text=script.text).event())
        if script.partial:
            await self.write_event(TranscriptStop().event())

    async def _say(self) -> bool:
        script = self._server.script
        form = {"rate": script.rate_hz, "width": script.width, "channels": script.channels}
        await self.write_event(AudioStart(**form).event())
        sample = {1: b"\x80", 3: b"\x00\x10\x00", 4: b"\x00\x00\x10\x00"}.get(script.width, b"\x10\x00")
        chunk = sample * (script.rate_hz // 50) * script.channels
        for number in range(int(script.seconds * 50)):
            if number == script.cut_after:
                return False
            await self.write_event(AudioChunk(audio=chunk, **form).event())
            await asyncio.sleep(0)
        await self.write_event(AudioStop().event())
        return True

    async def disconnect(self) -> None:
        self._server.gone += 1


__all__ = ["Script", "Transcribe", "WyomingServer"]
