"""A WebSocket conversation with one client: what comes is kept in `Seen.body`, what goes meets the script's misfortunes."""

from __future__ import annotations

import asyncio
import base64
import json
import math
import struct
import time
from collections.abc import AsyncIterator
from functools import cache
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from tests.servers.script import SCRIPT, SEEN, Script, Seen


class Talk:
    """One open WebSocket. `content` counts (words, blocks of sound); `frame` (greetings, marks, last words) does not."""

    def __init__(self, request: web.Request, close_with: tuple[int, str] = (1000, "")) -> None:
        self.request = request
        self.script: Script = request[SCRIPT]
        self.seen: Seen = request[SEEN]
        self.seen.body = []
        self.audio = bytearray()
        """What came as binary."""
        self.ended = False
        """Over before its proper end: whoever writes should stop."""
        self._close_with = close_with
        self._socket = web.WebSocketResponse(max_msg_size=16 * 2**20)

    async def open(self) -> web.WebSocketResponse:
        await self._socket.prepare(self.request)
        return self._socket

    async def received(self) -> AsyncIterator[Any]:
        """Messages as they come: bytes, parsed JSON, or a bare word. Ends when the client closes."""
        async for message in self._socket:
            if message.type is WSMsgType.BINARY:
                self.audio += message.data
                self.seen.files["audio"] = bytes(self.audio)
                yield message.data
            elif message.type is WSMsgType.TEXT:
                read = _parsed(message.data)
                self.seen.body.append(read)
                yield read
        if not self.ended:
            self.seen.disconnected = True

    async def frame(self, data: dict[str, Any]) -> None:
        if not self.ended and not self._socket.closed:
            await self._socket.send_str(json.dumps(data))

    async def content(self, data: dict[str, Any], error: dict[str, Any]) -> None:
        """One word or block, or what the script has in its place; `error` is the vendor's error inside a conversation."""
        if self.ended:
            return
        script, sent = self.script, self.seen.chunks
        if script.stall_after == sent:
            await asyncio.Event().wait()
        if script.garbage_after == sent:
            await self._socket.send_str(json.dumps(data, default=str)[:20])
            await self.end()
        elif script.error_after == sent:
            await self.frame(error)
            await self.end()
        elif script.end_after == sent:
            await self.end()
        elif script.cut_after == sent:
            self.ended = True
            assert self.request.transport is not None
            self.request.transport.abort()
        if self.ended:
            return
        if script.token_delay_s:
            await asyncio.sleep(script.token_delay_s)
        await self.frame(data)
        self.seen.chunks += 1
        if self.seen.first_chunk_at is None:
            self.seen.first_chunk_at = time.monotonic()

    async def end(self, code: int | None = None) -> None:
        """The server closes: properly with a code, or as the test wants it without one."""
        self.ended = True
        given, reason = self._close_with
        await self._socket.close(
            code=code or given or WSCloseCode.OK, message=b"" if code else reason.encode()
        )


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def sound(chars: int, rate_hz: int, *, ms_per_char: int = 60, speed: float = 1.0) -> bytes:
    """A tone without a silent sample pair, as long as `chars` characters take to say."""
    count = int(chars * ms_per_char / 1000 * rate_hz / speed)
    second = _tone(rate_hz)
    return (second * (count // rate_hz + 1))[: count * 2]


@cache
def _tone(rate_hz: int) -> bytes:
    samples = (int(8000 * math.sin(2 * math.pi * 220 * at / rate_hz)) or 1 for at in range(rate_hz))
    return b"".join(struct.pack("<h", sample) for sample in samples)


def blocks(pcm: bytes, rate_hz: int, block_s: float = 0.2, *, split: bool = False) -> list[bytes]:
    """`split`: the cuts are inside samples."""
    step = int(rate_hz * block_s) * 2 - split
    return [pcm[at : at + step] for at in range(0, len(pcm), step)]


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
